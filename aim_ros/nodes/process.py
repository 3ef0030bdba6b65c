"""
A process that owns SIGINT and SIGTERM and ends in order at any moment.

Publishing after rclpy's own handlers ran raises, and Python's handlers end a process with a
traceback or by the signal. Nothing slow is imported here, so that the handlers are there first.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
import math
import os
import signal
import sys
import threading
import time
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_POLL = 0.05


class StopSignal(threading.Event):
    """
    An event that a signal handler may set.

    Python runs a handler between any two bytecodes of the main thread, also of another handler
    and while that thread holds the event's own lock: `set` could wait there for ever. A handler
    therefore only sets a flag, and those who wait look at it twenty times a second.
    """

    def __init__(self):
        super().__init__()
        self._signalled = self._at_once = False
        self.number = 0
        """The last signal that came; 0 where none did."""

    def signal(self, number: int) -> None:
        """Note a signal; blocks on nothing."""
        if self._at_once:
            os._exit(0)
        self.number = number
        self._signalled = True

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """
        Have a signal end the process within the block, with exit code 0; so does one of before.

        For imports, which may take a minute on cores that are busy, and leave nothing half done:
        who sends a signal kills what does not heed it for long, as `ros2 launch` after 25 s.
        """
        self._at_once = True
        try:
            if self._signalled:
                os._exit(0)
            yield
        finally:
            self._at_once = False

    def is_set(self) -> bool:
        """Whether a signal came, or the event was set."""
        return self._signalled or super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until a signal came or the event was set; return False at the timeout."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return False
            super().wait(min(left, _POLL))
        return True


def stop_on_signals(more: Iterable[signal.Signals] = ()) -> StopSignal:
    """
    Return what SIGINT and SIGTERM set from now on; to be called in the main thread.

    However often they come: a terminal sends them to a launched node twice.

    :param more: signals that set it, too, where they are not ignored.
    """
    stop = StopSignal()
    heard = (number for number in more if signal.getsignal(number) != signal.SIG_IGN)
    for number in (*_SIGNALS, *heard):
        signal.signal(number, lambda number, _: stop.signal(number))
    return stop


def ignore_signals() -> None:
    """
    Let no signal end the process any more; to be called when all is done but Python's teardown.

    Python puts the default action back in place of its own handlers, in the teardown's midst.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def run_until_stopped(work: Callable[[], int], stop: StopSignal, timeout: float = 5.0,
                      before_leaving: Callable[[], None] = lambda: None,
                      failed: Callable[[], bool] = lambda: False) -> int:
    """
    Run `work` in a thread of its own until it ends, or until `stop` is set and it follows.

    The main thread only waits: Python runs signal handlers in it, and only between bytecodes.

    :param work: returns the exit code; expected to end soon after `stop` is set.
    :param timeout: seconds that `work` is given to end, but for those in which the process is
        stopped. If it is in code that cannot be interrupted, as when a model is loaded or a disc
        does not answer, the process ends here.
    :param before_leaving: called first where it does, since no `finally` of a caller is reached.
    :param failed: asked where it does: whether `work` has failed already and was about to end, so
        that the exit code is 1 all the same.
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
    stop.wait()
    # In many short waits: one long one would be over when the process goes on after a stop.
    for _ in range(math.ceil(timeout / _POLL)):
        thread.join(_POLL)
        if not thread.is_alive():
            break
    if thread.is_alive():
        before_leaving()
        leave(1 if failed() else 0)
    return code


def join_ros(name: str, args: list[str] | None) -> bool:
    """
    Initialise rclpy without its signal handlers; where it refuses, say why and return False.

    :param name: of the executable, for the message.
    :param args: command line with ROS arguments; None takes the process's.
    """
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from aim_ros.nodes.start_errors import start_errors
    from aim_ros.nodes.start_errors import StartError

    try:
        with start_errors():
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except StartError as error:
        print(f'{name} cannot start: {error}', file=sys.stderr)
        return False
    return True


def leave(code: int) -> NoReturn:
    """End the process at once, without Python's teardown."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
