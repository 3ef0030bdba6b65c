"""What went wrong with a camera's frames, kept for as long as people need to see it."""

from collections.abc import Callable
from dataclasses import dataclass
import threading
import time

from aim_ros.nodes.logging import as_text
from aim_ros.segmentation.description import ModelError

_RECENT = 10.0
"""Seconds for which a problem is shown after its end: /diagnostics come once a second."""


def describe(error: Exception) -> str:
    """Return what went wrong in one line of bounded length, as ROS takes it."""
    text = as_text(' '.join(str(error).split())[:500])
    return text if isinstance(error, (ModelError, ValueError)) else (
        f'{type(error).__name__}: {text}')


@dataclass(frozen=True)
class Problem:
    """
    Why a frame was lost, last.

    :param text: the reason, one line.
    :param count: how many frames were lost since the camera was subscribed to, for any reason.
    :param age: seconds since the last of them.
    :param lasts: whether no frame was answered since.
    """

    text: str
    count: int
    age: float
    lasts: bool

    @property
    def recent(self) -> bool:
        """Whether it lasts, or did a moment ago."""
        return self.lasts or self.age <= _RECENT

    def __str__(self) -> str:
        often = f'; {self.count} so far' if self.count > 1 else ''
        return self.text if self.lasts else f'{self.text} ({self.age:.1f} s ago{often})'


class Problems:
    """
    Remembers the last problem of a camera, or of the node; safe to use from several threads.

    :param clock: a steady clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._text = ''
        self._count = 0
        self._when = 0.0
        self._lasts = False

    def note(self, text: str) -> None:
        """Note why a frame was lost."""
        with self._lock:
            self._text, self._when, self._lasts = text, self._clock(), True
            self._count += 1

    def resolve(self) -> None:
        """Note that a frame was answered."""
        with self._lock:
            self._lasts = False

    def forget(self) -> None:
        """Start anew, as when the camera is subscribed to."""
        with self._lock:
            self._text, self._count, self._lasts = '', 0, False

    def last(self) -> Problem | None:
        """Return the last problem, however long ago; None if there was none."""
        with self._lock:
            if not self._text:
                return None
            return Problem(self._text, self._count, self._clock() - self._when, self._lasts)
