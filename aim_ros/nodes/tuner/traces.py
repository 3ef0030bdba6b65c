"""The last minute of a camera's alerts, as lines to be drawn."""

from collections import deque
from collections.abc import Callable
import math
import threading
import time

from aim_ros.hazards.alerts import Level
from aim_ros.nodes.tuner.alert_records import Record

SECONDS = 60.0
"""How far back the traces reach."""

_MOST = 3000
"""Frames that are kept at most: those of a minute at 50 Hz."""

_DRAWN = 240
"""Points of a line that are drawn at most."""

NAMES = ('changed share', 'WARN', 'ERROR', 'latency', 'sigma')
"""The traces: %, road users, road users, milliseconds, logits."""

Point = tuple[float, float | None]


class Traces:
    """
    Keeps the records of the last minute; safe to use from several threads.

    :param clock: a steady clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: deque[tuple[float, ...]] = deque(maxlen=_MOST)

    def add(self, record: Record) -> None:
        """Take in the alerts of a frame."""
        seen = record.level != Level.STALE
        counts = [record.count(level) if seen else math.nan for level in (Level.WARN, Level.ERROR)]
        row = (self._clock(), 100 * record.changed_share, *counts, record.latency_ms,
               record.sigma if seen else math.nan)
        with self._lock:
            self._rows.append(row)

    def lines(self) -> dict[str, list[Point]]:
        """
        Return the points (seconds from now, value) of each trace, oldest first.

        A value is None where a frame has none, as a STALE, which is about no frame.
        """
        now = self._clock()
        with self._lock:
            rows = [row for row in self._rows if now - row[0] <= SECONDS]
        step = max(1, math.ceil(len(rows) / _DRAWN))
        # Counted from the newest, so that it is always there.
        rows = rows[::-1][::step][::-1]
        return {name: [(round(row[0] - now, 2), _finite(row[column])) for row in rows]
                for column, name in enumerate(NAMES, 1)}


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
