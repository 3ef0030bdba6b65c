"""The process of the segmentation node, from its arguments to its exit code."""

import threading

import rclpy
from rclpy.executors import MultiThreadedExecutor

from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import leave
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import StopSignal
from aim_ros.nodes.rclpy_private import join_callbacks
from aim_ros.nodes.segmentation.node import SegmentationNode
from aim_ros.nodes.spinning import spin
from aim_ros.nodes.start_errors import start_errors
from aim_ros.nodes.start_errors import StartError
from aim_ros.perception.memory import keep_freed_memory

_THREADS = 4
_END_TIMEOUT = 4.0

_LOST_TIMEOUT = 10.0
"""Seconds after which a process whose device is lost ends, whatever the driver does not return."""


def run_segmentation(args: list[str] | None, stop: StopSignal, exit_on_failure: bool = False
                     ) -> int:
    """
    Run the node until `stop` is set, leave a last STALE, and return the exit code.

    It is 1, too, where the device is lost, whatever signals come while the process ends: only
    another process can use it.

    :param args: ROS arguments; None takes the process's.
    :param exit_on_failure: whether a failed autostart ends it, with exit code 1, for those who
        cannot go on without the node: else it waits until that is mended.
    """
    node: SegmentationNode | None = None
    refused = False

    def failed() -> bool:
        if node is None:
            return refused
        return bool(node.lost_device) or (exit_on_failure and node.autostart_failed)

    def work() -> int:
        nonlocal node, refused
        keep_freed_memory()
        if not join_ros('segmentation', args):
            return 1
        try:
            with start_errors():
                node = SegmentationNode(ends_on_failure=exit_on_failure)
        except StartError as error:
            refused = True
            rclpy.logging.get_logger('segmentation').fatal(f'the node cannot start: {error}')
            rclpy.shutdown()
            return 1
        executor = MultiThreadedExecutor(_THREADS)
        executor.add_node(node)
        # Soon over: the node's own timers give it something to do five times a second.
        spin(executor, node, lambda: stop.is_set() or failed())
        if node.lost_device:
            last = threading.Timer(_LOST_TIMEOUT, leave, (1,))
            last.daemon = True
            last.start()
        join_callbacks(executor)
        executor.shutdown()
        ended = node.end()
        rclpy.shutdown()
        code = 1 if failed() else 0
        if not ended or node.lost_device:
            # Python's own teardown would abort under a thread that is still in the network, or
            # hang in what the device does not answer.
            leave(code)
        return code

    return run_until_stopped(work, stop, _END_TIMEOUT, failed=failed)
