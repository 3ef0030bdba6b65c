"""
A process that owns SIGINT and SIGTERM and ends in order at any moment.

Publishing after rclpy's own handlers ran raises, and Python's handlers end a process with a
traceback or by the signal. Nothing slow is imported here, so that the handlers are there first.
"""

from collections.abc import Callable
import os
import signal
import sys
import threading
from typing import NoReturn


def stop_on_signals() -> threading.Event:
    """
    Return an event that SIGINT and SIGTERM set from now on; to be called in the main thread.

    The handlers stay to the end: a signal during Python's own teardown must not end it either.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_until_stopped(work: Callable[[], int], stop: threading.Event, timeout: float = 5.0
                      ) -> int:
    """
    Run `work` in a thread of its own until it ends, or until `stop` is set and it follows.

    The main thread only waits: Python runs signal handlers in it, and only between bytecodes.

    :param work: returns the exit code; expected to end soon after `stop` is set.
    :param timeout: seconds that `work` is given to end. If it is in code that can not be
        interrupted, as when a model is loaded or a disc does not answer, the process ends here.
    :return: the exit code of `work`, 1 if it raised.
    """
    code = 1

    def run():
        nonlocal code
        try:
            code = 0 if stop.is_set() else work()
        finally:
            stop.set()

    thread = threading.Thread(target=run, name='work', daemon=True)
    thread.start()
    # In short waits: a signal that another thread receives does not interrupt one.
    while not stop.wait(0.1):
        pass
    thread.join(timeout)
    if thread.is_alive():
        leave(0)
    return code


def join_ros(name: str, args: list[str] | None) -> bool:
    """
    Initialise rclpy without its signal handlers; where it refuses, say why and return False.

    :param name: of the executable, for the message.
    :param args: command line with ROS arguments; None takes the process's.
    """
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # for instance, ROS arguments that rcl can not parse
        print(f'{name} can not start: {" ".join(str(error).split())}', file=sys.stderr)
        return False
    return True


def leave(code: int) -> NoReturn:
    """End the process at once, without Python's teardown."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
