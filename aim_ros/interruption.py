"""Commands that signals end in order, with a sentence and the customary exit code."""

from collections.abc import Callable
import math
import signal
import sys
import time

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 2.0
"""Seconds after a signal from which on another one interrupts again."""


def interruptible(prog: str, work: Callable[[], int], advice: str = '') -> int:
    """
    Run a command's work in the main thread; a signal ends it as Ctrl-C does, by KeyboardInterrupt.

    So what is under way is cleared away, also for SIGTERM. Once it has ended, further signals are
    ignored: Python's teardown takes a while.

    :param prog: the command's name, for the sentence.
    :param work: returns the exit code. What is slow to import belongs into it.
    :param advice: what is to be known of an interrupted run, the end of the sentence.
    :return: what `work` does; 128 and the signal's number after one.
    """
    came: list[int] = []
    last = -math.inf

    def interrupt(number: int, _) -> None:
        nonlocal last
        now = time.monotonic()
        # Those of a terminal and of a launcher come together: what is cleared away is to end.
        if now - last >= _AGAIN:
            last = now
            came.append(number)
            raise KeyboardInterrupt

    # Those that are ignored stay so, as under nohup.
    before = {number: signal.signal(number, interrupt) for number in _SIGNALS
              if signal.getsignal(number) != signal.SIG_IGN}
    try:
        return work()
    # A library may have made another error of it, as of one within an import.
    except BaseException as error:
        if not came and not isinstance(error, KeyboardInterrupt):
            raise
    finally:
        for number, handler in before.items():
            # One that is not Python's cannot be put back.
            signal.signal(number, signal.SIG_IGN if came else handler or signal.SIG_DFL)
    print(f'{prog}: interrupted{advice and "; " + advice}', file=sys.stderr)
    return 128 + (came[0] if came else signal.SIGINT)
