"""The process of the replay node, from its arguments to its exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
import threading

import rclpy

from aim_ros.media.frames import MediaError
from aim_ros.media.unpacking import remove_unpacked
from aim_ros.nodes.launching.transports import use_large_images
from aim_ros.nodes.logging import as_text
from aim_ros.nodes.logging import forward_python_logs
from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.replay.node import ReplayError
from aim_ros.nodes.replay.node import ReplayNode
from aim_ros.nodes.spinning import spinning
from aim_ros.nodes.start_errors import start_errors


def run_replay(args: list[str] | None, stop: threading.Event) -> int:
    """
    Play until the source ends or `stop` is set; return the exit code.

    :param args: command line with ROS arguments; None takes the process's.
    """
    failed = threading.Event()

    def work() -> int:
        use_large_images()
        if not join_ros('replay', args):
            return 1
        forward_python_logs(rclpy.logging.get_logger('replay'))
        try:
            with _noted(failed):
                _play(stop, failed)
        except (MediaError, ReplayError, ValueError) as error:
            rclpy.logging.get_logger('replay').fatal(as_text(str(error)))
            return 1
        finally:
            rclpy.shutdown()
        return 0

    return run_until_stopped(work, stop, before_leaving=remove_unpacked, failed=failed.is_set)


def _play(stop: threading.Event, failed: threading.Event) -> None:
    """Play; `failed` is set where that raises, before the node is taken down, which may hang."""
    with start_errors():
        node = ReplayNode()
    try:
        with spinning(node), _noted(failed):
            node.play(stop)
    finally:
        node.destroy_node()


@contextmanager
def _noted(failed: threading.Event) -> Iterator[None]:
    """Set `failed` first of all where something raises."""
    try:
        yield
    except BaseException:
        failed.set()
        raise
