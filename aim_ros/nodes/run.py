"""Runs the segmentation node in a process: executor, signals, and an orderly end."""

import os
import sys
import threading

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from aim_ros.nodes.segmentation_node import SegmentationNode

_THREADS = 4
_END_TIMEOUT = 3.0


def run_segmentation(args: list[str] | None, stop: threading.Event) -> int:
    """
    Spin the node until `stop` is set; then leave a last STALE and return the exit code.

    :param args: command line with ROS arguments; None takes the process's.
    """
    if stop.is_set():
        return 0
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node = SegmentationNode()
    executor = MultiThreadedExecutor(_THREADS)
    executor.add_node(node)
    spinner = threading.Thread(
        target=_spin, args=(executor, node, stop), name='executor',
        daemon=True)
    spinner.start()
    # The main thread only waits: Python runs signal handlers in it, and only between bytecodes.
    stop.wait()
    executor.shutdown()
    spinner.join(_END_TIMEOUT)
    if not node.end(_END_TIMEOUT):
        # A model is loading, in code that can not be interrupted. Nobody was promised anything
        # yet: no publisher of alerts exists before the model does.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    rclpy.shutdown()
    return 0


def _spin(executor: MultiThreadedExecutor, node: SegmentationNode, stop: threading.Event) -> None:
    """Spin until `stop` is set; a callback that raised ends itself, not the node."""
    while not stop.is_set():
        try:
            executor.spin_once(timeout_sec=1.0)
        # For instance rclpy's own answer to a lifecycle transition that the state does not allow.
        except Exception as error:
            node.get_logger().error(f'a request failed: {type(error).__name__}: {error}')
