"""The command line of the tuner."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
import math
import os
from pathlib import Path
import sys
import threading
from typing import TYPE_CHECKING

from aim_ros.nodes.command_line import NodeParser
from aim_ros.nodes.launching.processes import isolate
from aim_ros.nodes.launching.transports import use_large_images
from aim_ros.nodes.process import ignore_signals
from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import stop_on_signals
from aim_ros.nodes.process import StopSignal
from aim_ros.nodes.tuner.played import Played
from aim_ros.nodes.tuner.played import Playing
from aim_ros.nodes.tuner.played import playing
from aim_ros.openmp import yield_while_waiting

if TYPE_CHECKING:
    from aim_ros.nodes.tuner.tuner_node import TunerNode

_END_TIMEOUT = 30.0  # for open connections, and on cores that are busy with other work
_POLL = 0.5


@dataclass(frozen=True)
class Options:
    """
    How the tuner runs.

    :param node: full name of the segmentation node.
    :param host: address that the page is served at.
    :param port: of it; 0 for any.
    :param answer_timeout: seconds without an answer after which the page says so.
    :param users_file: where profiles are saved; None for the user's configuration folder.
    :param played: what to play; None where the nodes run already.
    :param ros: arguments for ROS.
    """

    node: str
    host: str
    port: int
    answer_timeout: float
    users_file: Path | None
    played: Played | None
    ros: tuple[str, ...]

    @property
    def replay(self) -> str:
        """Full name of the replay beside the node."""
        return f'{self.node.rpartition("/")[0]}/replay'


def parse(args: Sequence[str] | None) -> Options:
    """Read the command line; None takes the process's."""
    parser = NodeParser(
        'tuner', 'Serve a page that shows a running segmentation node and sets its parameters.',
        'ros2 run aim_ros tuner',
        'ros2 run aim_ros tuner --play street --driver-profile city')
    parser.add_argument('--node', default='/segmentation',
                        help='full name of the segmentation node (/segmentation)')
    parser.add_argument('--host', default='127.0.0.1', help=(
        'address to serve at (127.0.0.1: this machine only). Whoever can open the page can set '
        'the parameters'))
    parser.add_argument('--port', type=int, default=8080, help='port; 0 takes any (8080)')
    parser.add_argument('--save-to', type=Path, metavar='FILE', help=(
        'where profiles are saved (~/.config/aim_ros/profiles.yaml)'))
    parser.add_argument('--answer-timeout', type=_duration, default=5.0, metavar='SECONDS', help=(
        'after which the page says that the node does not answer; longer for a slow link (5)'))
    play = parser.add_argument_group('to play something, with nodes of its own')
    play.add_argument('--play', metavar='SOURCE', help=(
        'a KITTI drive, a folder of images, a rosbag2 directory, or street, in a loop'))
    play.add_argument('--logs', type=Path, default=Path('live_out'),
                      help="folder of the nodes' logs (live_out)")
    for name, about in (('model', 'as the node takes it'), ('device', 'as the node takes it'),
                        ('driver-profile', 'at start'), ('profiles-file', 'of driver profiles')):
        play.add_argument(f'--{name}', help=about)
    given, ros = parser.parse(args)
    parameters = {name: getattr(given, name) for name in (
        'model', 'device', 'driver_profile', 'profiles_file') if getattr(given, name)}
    if given.play is None and parameters:
        parser.error(f'{", ".join(parameters)}: only with --play; the node that runs already has '
                     'its own')
    played = None if given.play is None else Played(given.play, given.logs, parameters)
    return Options('/' + given.node.strip('/'), given.host, given.port, given.answer_timeout,
                   given.save_to, played, tuple(ros))


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f'{text!r} must be a number of seconds, more than 0')
    return seconds


def main(args: Sequence[str] | None = None) -> int:
    """Serve the page until a signal; return the exit code: 1 where something failed."""
    stop = stop_on_signals()
    options = parse(args)
    # Who compares profiles has this process run the network.
    yield_while_waiting(os.environ)
    if options.played is None:
        use_large_images()
    else:
        isolate()
    problems: list[str] = []
    try:
        with ExitStack() as stack:
            nodes = None
            if options.played is not None:
                nodes = stack.enter_context(playing(options.played))

            def give_up() -> None:
                # The nodes are processes of their own, and outlive this one unless they are ended.
                stack.close()
                _tell(problems)

            return run_until_stopped(
                lambda: _work(options, nodes, stop, problems), stop, _END_TIMEOUT, give_up,
                lambda: bool(problems))
    finally:
        ignore_signals()


def _work(options: Options, nodes: Playing | None, stop: StopSignal, problems: list[str]) -> int:
    """Serve the page until `stop` is set; note what went wrong, as it does."""
    if not join_ros('tuner', list(options.ros)):
        return 1
    import rclpy

    from aim_ros.nodes.start_errors import start_errors
    from aim_ros.nodes.start_errors import StartError
    from aim_ros.nodes.tuner.tuner_node import TunerNode

    try:
        with start_errors():
            node = TunerNode(options.node, options.replay, options.answer_timeout)
    except StartError as error:
        problems.append(f'the tuner cannot start: {error}')
    else:
        _serve(options, node, nodes, stop, problems)
    rclpy.shutdown()
    _tell(problems)
    return 1 if problems else 0


def _tell(problems: Sequence[str]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)


def _serve(options: Options, node: 'TunerNode', nodes: Playing | None, stop: StopSignal,
           problems: list[str]) -> None:
    from aim_ros.nodes.spinning import spinning
    from aim_ros.nodes.tuner.saved_profile import users_file
    from aim_ros.nodes.tuner.server import serve
    from aim_ros.nodes.tuner.server import ServeError
    from aim_ros.nodes.tuner.workbench import Workbench

    workbench = Workbench(node, options.users_file or users_file(os.environ))
    if nodes is not None:
        threading.Thread(target=_watch, args=(nodes, stop, problems), daemon=True).start()
    try:
        with spinning(node):
            # Noted before the node is taken down, which may hang.
            try:
                serve(workbench, options.host, options.port, stop,
                      lambda address: print(f'aim_ros tuner: {address}', flush=True))
            except ServeError as error:
                problems.append(str(error))
            except BaseException as error:
                problems.append(f'the page has failed: {type(error).__name__}: {error}')
                raise
    finally:
        workbench.end()
        node.end()


def _watch(nodes: Playing, stop: StopSignal, problems: list[str]) -> None:
    """End the page with the first of the nodes that ends."""
    while not stop.wait(_POLL):
        if problem := nodes.problem():
            problems.append(problem)
            stop.set()
