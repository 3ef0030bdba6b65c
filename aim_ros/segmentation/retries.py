"""When what failed is worth another try."""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
import time

from aim_ros.segmentation.description import one_line

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds after a failure before the next try; each wait is twice the one before."""


@dataclass(frozen=True)
class _Failure:
    text: str
    wait: float
    until: float


class Retries:
    """
    Remembers what failed, by keys, and has each wait for its next try; threads may share it.

    :param clock: a steady clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = Lock()
        self._failures: dict[Hashable, _Failure] = {}

    def pending(self, key: Hashable) -> str:
        """Return why a key's last try failed, as long as none is to be made; else empty."""
        with self._lock:
            failure = self._failures.get(key)
            return failure.text if failure is not None and self._clock() < failure.until else ''

    @contextmanager
    def attempt(self, key: Hashable) -> Iterator[None]:
        """Note what becomes of a try, which is made within the context."""
        try:
            yield
        except Exception as error:
            self._note(key, one_line(error))
            raise
        with self._lock:
            self._failures.pop(key, None)

    def _note(self, key: Hashable, text: str) -> None:
        with self._lock:
            last = self._failures.get(key)
            wait = FIRST_WAIT if last is None else min(2 * last.wait, LONGEST_WAIT)
            # The text alone: the exception would keep what it was raised among.
            self._failures[key] = _Failure(
                f'{text}; it is tried again {wait:g} s after that', wait, self._clock() + wait)
