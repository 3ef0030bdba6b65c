"""Runs the segmentation node in a process: executor, signals, and an orderly end."""

import os
import sys
import threading

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from transformers.utils.logging import disable_progress_bar

from aim_ros.nodes.segmentation_node import SegmentationNode

_THREADS = 4
_END_TIMEOUT = 4.0


def run_segmentation(args: list[str] | None, stop: threading.Event) -> int:
    """
    Run the node until `stop` is set, leave a last STALE, and return the exit code.

    :param args: command line with ROS arguments; None takes the process's.
    """
    runner = _Runner(args, stop)
    runner.start()
    # The main thread only waits: Python runs signal handlers in it, and only between bytecodes.
    stop.wait()
    runner.wake()
    runner.join(_END_TIMEOUT)
    if runner.is_alive():
        # A model is being read or loaded, in code that can not be interrupted. Nobody was
        # promised anything yet: there is no publisher of alerts before there is a model.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return runner.exit_code


class _Runner(threading.Thread):
    """Makes, spins and ends the node, away from the main thread."""

    def __init__(self, args: list[str] | None, stop: threading.Event):
        super().__init__(name='executor', daemon=True)
        self.exit_code = 1
        self._args = args
        self._stop_event = stop
        self._executor: MultiThreadedExecutor | None = None

    def wake(self) -> None:
        """Make the executor look at the stop event."""
        if self._executor is not None:
            self._executor.wake()

    def run(self) -> None:
        try:
            self._run()
            self.exit_code = 0
        finally:
            self._stop_event.set()

    def _run(self) -> None:
        if self._stop_event.is_set():
            return
        disable_progress_bar()
        rclpy.init(args=self._args, signal_handler_options=SignalHandlerOptions.NO)
        node = SegmentationNode()
        self._executor = MultiThreadedExecutor(_THREADS)
        self._executor.add_node(node)
        while not self._stop_event.is_set():
            try:
                self._executor.spin_once(timeout_sec=1.0)
            # A callback that raised ends itself, not the node: for instance rclpy's own answer to
            # a lifecycle transition that the state does not allow.
            except Exception as error:
                node.get_logger().error(f'a request failed: {type(error).__name__}: {error}')
        # rclpy's shutdown waits for no callback of its pool, and destroys what they use.
        self._executor._executor.shutdown()
        self._executor.shutdown()
        node.end()
        rclpy.shutdown()
