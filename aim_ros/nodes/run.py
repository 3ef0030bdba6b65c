"""Runs the segmentation node in a process: executor, signals, and an orderly end."""

import sys
import threading

import rclpy
from rclpy.executors import MultiThreadedExecutor
from transformers.utils.logging import disable_progress_bar

from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import leave
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.segmentation_node import SegmentationNode
from aim_ros.perception.memory import keep_freed_memory

EXIT_ON_FAILURE = '--exit-on-failure'
"""The argument with which a failed autostart ends the process, with exit code 1."""

_THREADS = 4
_END_TIMEOUT = 4.0


def run_segmentation(args: list[str] | None, stop: threading.Event) -> int:
    """
    Run the node until `stop` is set, leave a last STALE, and return the exit code.

    :param args: command line with ROS arguments; None takes the process's. `EXIT_ON_FAILURE` in
        it is for those who cannot go on without the node: else it waits until that is mended.
    """
    exit_on_failure = EXIT_ON_FAILURE in (sys.argv if args is None else args)

    def work() -> int:
        keep_freed_memory()
        if not join_ros('segmentation', args):
            return 1
        disable_progress_bar()
        node = SegmentationNode()
        executor = MultiThreadedExecutor(_THREADS)
        executor.add_node(node)
        _spin(executor, node, stop, exit_on_failure)
        # rclpy's shutdown waits for no callback of its pool, and destroys what they use.
        executor._executor.shutdown()
        executor.shutdown()
        ended = node.end()
        rclpy.shutdown()
        code = 1 if exit_on_failure and node.autostart_failed else 0
        if not ended:
            # Python's own teardown would abort under a thread that is still in the network.
            leave(code)
        return code

    return run_until_stopped(work, stop, _END_TIMEOUT)


def _spin(executor: MultiThreadedExecutor, node: SegmentationNode, stop: threading.Event,
          exit_on_failure: bool) -> None:
    while not (stop.is_set() or (exit_on_failure and node.autostart_failed)):
        try:
            # Soon over: the node's watchdog alone gives it something to do ten times a second.
            executor.spin_once(timeout_sec=1.0)
        # A callback that raised ends itself, not the node: for instance rclpy's own answer to a
        # lifecycle transition that the state does not allow.
        except Exception as error:
            node.get_logger().error(f'a request failed: {type(error).__name__}: {error}')
