"""
Where the executables start: they own SIGINT and SIGTERM before anything slow is imported.

Importing torch takes seconds, during which Python's default handlers would end the process with
a traceback or by the signal; and publishing after rclpy's own handlers ran raises.
"""

import signal
import threading


def stop_on_signals() -> threading.Event:
    """
    Return an event that SIGINT and SIGTERM set from now on; to be called in the main thread.

    The handlers stay to the end: a signal during Python's own teardown must not end it either.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def segmentation(args: list[str] | None = None) -> int:
    """Run the segmentation node until a signal ends it; return the exit code."""
    stop = stop_on_signals()
    from aim_ros.nodes.run import run_segmentation
    return run_segmentation(args, stop)


def replay(args: list[str] | None = None) -> int:
    """Run the replay node until its source or a signal ends it; return the exit code."""
    stop = stop_on_signals()
    from aim_ros.nodes.replay_node import run_replay
    return run_replay(args, stop)
