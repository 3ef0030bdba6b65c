"""When what failed is worth another try."""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
import time

from aim_ros.nodes.segmentation.problems import describe

FIRST_WAIT = 1.0
"""Seconds after a failure before the next try; each wait is twice the one before."""

LONGEST_WAIT = 10.0
"""Seconds that no wait exceeds: as long may a camera be without an answer that it could have."""


@dataclass(frozen=True)
class _Failure:
    text: str
    wait: float
    when: float

    def is_pending(self, now: float) -> bool:
        return now < self.when + self.wait

    def counts(self, now: float) -> bool:
        """Whether it makes the next wait longer: of what failed long ago, much has changed."""
        return now <= self.when + 2 * self.wait


class Retries:
    """
    Remembers what failed, by keys, and has each wait for its next try; threads may share it.

    A failure is forgotten once its key was not tried for twice its wait.

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
            return failure.text if failure is not None and failure.is_pending(
                self._clock()) else ''

    @contextmanager
    def attempt(self, key: Hashable) -> Iterator[None]:
        """Note what becomes of a try, which is made within the context."""
        with self._lock:
            # As it begins: the try itself may take longer than the wait.
            now = self._clock()
            self._failures = {other: failure for other, failure in self._failures.items()
                              if failure.counts(now)}
            last = self._failures.get(key)
        try:
            yield
        except Exception as error:
            wait = FIRST_WAIT if last is None else min(2 * last.wait, LONGEST_WAIT)
            with self._lock:
                # The text alone: the exception would keep what it was raised among.
                self._failures[key] = _Failure(describe(error), wait, self._clock())
            raise
        with self._lock:
            self._failures.pop(key, None)
