"""The segmentation executable as users run it: a process, ended by signals at any moment."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import threading

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 90.0
END_TIMEOUT = 30.0


# As a hub does that does not answer: the loader never comes back.
BLOCKED = """
import sys
import threading
import transformers
from aim_ros.nodes.entry_points import segmentation

def block(*_, **__):
    print('loading for ever', flush=True)
    threading.Event().wait()

transformers.{loader}.from_pretrained = block
sys.exit(segmentation())
"""


class Process:
    """The node's process, whose output is read as it comes."""

    def __init__(self, *arguments: str, program: str = ''):
        environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
        start = ['-c', program] if program else ['-m', 'aim_ros.nodes', 'segmentation']
        self._child = subprocess.Popen(
            [sys.executable, *start, '--ros-args', *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self._changed = threading.Condition()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._child.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for_line(self, part: str) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(part in line for line in self.lines), START_TIMEOUT), self.lines

    def wait_for_library(self, name: str) -> None:
        """Wait until a shared library is loaded, i.e. until the process is importing it."""
        maps = Path(f'/proc/{self._child.pid}/maps')
        waiting = threading.Event()
        for _ in range(int(START_TIMEOUT / 0.005)):
            assert self._child.poll() is None, self.lines
            if name in maps.read_text():
                return
            waiting.wait(0.005)
        pytest.fail(f'{name} was never loaded')

    def end(self, number: signal.Signals) -> int:
        """Send a signal; return the exit code."""
        self._child.send_signal(number)
        code = self._child.wait(END_TIMEOUT)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()


@pytest.fixture
def start(tiny_model):
    """Return a function that starts the node's process with the tiny model."""
    def start(*arguments: str, program: str = '') -> Process:
        process = Process(
            '-p', f'model:={tiny_model}', '-p', 'device:=cpu', *arguments, program=program)
        started.append(process)
        return process
    started = []
    yield start
    for process in started:
        process.kill()


def assert_quiet_end(process: Process, number: signal.Signals) -> None:
    assert process.end(number) == 0, process.lines
    output = '\n'.join(process.lines)
    assert 'Traceback' not in output, output
    assert 'exception' not in output, output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('library', ['_multiarray_umath', 'libtorch', '_rclpy'])
def test_a_signal_while_importing(start, number, library):
    process = start()
    process.wait_for_library(library)
    assert_quiet_end(process, number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('loader', ['AutoConfig', 'SegformerForSemanticSegmentation'])
def test_a_signal_while_the_model_loads(start, number, loader):
    process = start(program=BLOCKED.format(loader=loader))
    process.wait_for_line('loading for ever')
    assert_quiet_end(process, number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_active(start, number):
    process = start()
    process.wait_for_line('active: /camera/image')
    assert_quiet_end(process, number)


def test_a_signal_after_a_failed_autostart(start):
    process = start('-p', 'driver_profile:=sport')
    process.wait_for_line('autostart failed')
    assert_quiet_end(process, signal.SIGINT)


def test_a_planner_hears_a_last_stale(start, ros, make_planner):
    process = start()
    planner = make_planner()
    # No camera is there: what arrives shows that both ends are matched.
    ros.wait_for(planner.stale, START_TIMEOUT)
    assert_quiet_end(process, signal.SIGTERM)
    ros.wait_for(lambda: planner.stale()[-1].status[0].message == 'the node is not active')


def test_bad_parameters_on_the_command_line_end_in_one_sentence(start):
    process = start('-p', 'focus.sigma:=strong', '-p', 'focus.classes:=[]')
    process.wait_for_line('autostart failed')
    fatal, = (line for line in process.lines if 'FATAL' in line)
    assert "focus.sigma must be a number, got 'strong'" in fatal
    assert_quiet_end(process, signal.SIGINT)
