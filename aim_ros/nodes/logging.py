"""Log lines that a stream of bad input cannot turn into a flood."""

import math
import threading
import time


class RateLimitedLogger:
    """
    Logs a line of each kind at most every few seconds.

    rclpy throttles by the line of code; here, several cameras and mistakes share one.

    :param logger: an rclpy logger.
    :param period: seconds between two lines of one kind.
    """

    def __init__(self, logger, period: float = 5.0):
        self._logger = logger
        self._period = period
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def warning(self, kind: str, text: str, period: float | None = None) -> None:
        """Log a warning unless one of this kind was logged within `period`, or just now."""
        if self._due(kind, self._period if period is None else period):
            self._logger.warning(text)

    def error(self, kind: str, text: str) -> None:
        """Log an error unless one of this kind was logged just now."""
        if self._due(kind, self._period):
            self._logger.error(text)

    def _due(self, kind: str, period: float) -> bool:
        now = time.monotonic()
        with self._lock:
            due = now - self._last.get(kind, -math.inf) >= period
            if due:
                self._last[kind] = now
            return due
