"""Log lines that a stream of bad input cannot turn into a flood."""

import logging
import math
import threading
import time

_MOST_KINDS = 1000
"""Kinds of lines that are remembered: some are named by what comes in."""


def as_text(text: str) -> str:
    r"""
    Return a text that ROS takes, for logs as for messages.

    The name of a file need not be UTF-8: what Python has of other bytes is written as ``\udcff``.
    """
    return text.encode('utf-8', 'backslashreplace').decode()


class _Forwarder(logging.Handler):
    """Hands the records of Python's logging to a node's logger."""

    def __init__(self, logger):
        super().__init__(logging.INFO)
        self._to = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        try:
            text = as_text(record.getMessage())
            # rclpy holds each call in the code to the level of its first line.
            if record.levelno >= logging.ERROR:
                self._to.error(text)
            elif record.levelno >= logging.WARNING:
                self._to.warning(text)
            else:
                self._to.info(text)
        # As logging's own handlers do: what fails in here must not fail the one who logs.
        except Exception:
            self.handleError(record)


def forward_python_logs(logger) -> None:
    """
    Log what the package says by Python's logging, INFO and above, as a node; the last one wins.

    :param logger: an rclpy logger.
    """
    root = logging.getLogger('aim_ros')
    for handler in list(root.handlers):
        if isinstance(handler, _Forwarder):
            root.removeHandler(handler)
    root.addHandler(_Forwarder(logger))
    root.setLevel(logging.INFO)


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

    @property
    def remembered(self) -> int:
        """How many kinds of lines it knows the time of."""
        return len(self._last)

    def warning(self, kind: str, text: str, period: float | None = None) -> None:
        """Log a warning unless one of this kind was logged within `period`, or just now."""
        if self._due(kind, self._period if period is None else period):
            self._logger.warning(as_text(text))

    def error(self, kind: str, text: str) -> None:
        """Log an error unless one of this kind was logged just now."""
        if self._due(kind, self._period):
            self._logger.error(as_text(text))

    def _due(self, kind: str, period: float) -> bool:
        now = time.monotonic()
        with self._lock:
            due = now - self._last.get(kind, -math.inf) >= period
            if due:
                self._last.pop(kind, None)
                self._last[kind] = now
                if len(self._last) > _MOST_KINDS:
                    # The one that was logged first of all.
                    del self._last[next(iter(self._last))]
            return due
