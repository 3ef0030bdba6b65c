"""
Starts the package's executables as processes, for programs that use the nodes from outside.

Imports nothing of ROS, so that a program can choose its domain and transports before rclpy starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import random
import re
import signal
import subprocess
import sys

from aim_ros.nodes.launching.transports import use_large_images

END_TIMEOUT = 60.0
"""Seconds that an executable is given to end after SIGINT, also on cores that are busy."""

_PROBLEM = re.compile(r'\[(?:FATAL|ERROR)\] (?:\[[^]]*\] ?)*:? ?(?P<text>.*)')


@contextmanager
def process(name: str, arguments: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """
    Run one of the package's executables for the time of the context; end it with SIGINT.

    :param name: ``segmentation`` or ``replay``.
    :param arguments: ROS arguments, without ``--ros-args``.
    :param log: file that its output goes to.
    :return: the running process; one that outlives SIGINT by `END_TIMEOUT` is killed.
    """
    root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ)
    environment['PYTHONPATH'] = os.pathsep.join(
        filter(None, [root, environment.get('PYTHONPATH')]))
    with log.open('w') as output:
        child = subprocess.Popen(
            [sys.executable, '-m', 'aim_ros.nodes', name, '--ros-args', *arguments],
            stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        try:
            yield child
        finally:
            end(child)


def end(child: subprocess.Popen) -> None:
    """End a process with SIGINT, or with SIGKILL where that is in vain."""
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGINT)
    try:
        child.wait(END_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def isolate() -> None:
    """Keep this process and its children to this machine, apart from other ROS nodes."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.randint(1, 100)))
    use_large_images()


def last_problem(log: Path) -> str:
    """Return the text of the last line at level ERROR or FATAL of a node's log, or its last."""
    lines = log.read_text(errors='replace').split('\n')
    problems = [match['text'] for line in lines if (match := _PROBLEM.search(line))]
    return next(iter(problems[-1:] or [line for line in lines if line.strip()][-1:]), 'empty')
