"""
Where the executables start: they own SIGINT and SIGTERM before anything slow is imported.

Importing torch takes seconds, during which Python's default handlers would end the process with
a traceback or by the signal; and publishing after rclpy's own handlers ran raises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import signal
import threading


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set; to be entered in the main thread."""
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set())
                for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def segmentation(args: list[str] | None = None) -> int:
    """Run the segmentation node until a signal ends it; return the exit code."""
    with stop_on_signals() as stop:
        from aim_ros.nodes.run import run_segmentation
        return run_segmentation(args, stop)


def replay(args: list[str] | None = None) -> int:
    """Run the replay node until its source or a signal ends it; return the exit code."""
    with stop_on_signals() as stop:
        from aim_ros.nodes.replay_node import run_replay
        return run_replay(args, stop)
