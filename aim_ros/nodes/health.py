"""What a camera's stream looks like from the node: rates, latencies, silence, gaps."""

from collections import Counter
from collections import defaultdict
from collections import deque
from collections.abc import Mapping
import threading
import time

import numpy as np

_WINDOW = 600
"""Frames over which rates and latencies are taken."""

_GAP_WINDOW = 30
"""Frames over which missing stamps are counted."""

_GAP_SHARE = 0.1
"""Share of missing frames from which on a stream is said to have gaps."""


class CameraHealth:
    """
    Keeps the books of one camera; safe to use from several threads.

    :param clock: a steady clock in seconds.
    """

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._received: deque[float] = deque(maxlen=_WINDOW)
        self._answered: deque[float] = deque(maxlen=_WINDOW)
        self._stamps: deque[int] = deque(maxlen=_GAP_WINDOW)
        self._latency: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_WINDOW))
        self._counts: Counter[str] = Counter()

    def restart(self) -> None:
        """Measure silence from now on, as when the camera is subscribed to."""
        with self._lock:
            self._started = self._clock()
            self._received.clear()
            self._answered.clear()
            self._stamps.clear()

    def receive(self, stamp_ns: int) -> None:
        """Note a frame that arrived."""
        with self._lock:
            self._received.append(self._clock())
            if self._stamps and stamp_ns < self._stamps[-1]:
                self._counts['out_of_order'] += 1
                self._stamps.clear()
            self._stamps.append(stamp_ns)
            self._counts['received'] += 1

    def replace(self) -> None:
        """Note a frame that a newer one replaced before it was taken up."""
        with self._lock:
            self._counts['replaced'] += 1

    def refuse(self) -> None:
        """Note a frame that could not be used."""
        with self._lock:
            self._counts['refused'] += 1

    def answer(self, latency_ms: Mapping[str, float]) -> None:
        """Note a frame that was answered, and how long each stage took."""
        with self._lock:
            self._answered.append(self._clock())
            self._counts['answered'] += 1
            for stage, milliseconds in latency_ms.items():
                self._latency[stage].append(milliseconds)

    def measure(self, stage: str, milliseconds: float) -> None:
        """Note how long a stage took that is over only after its frame was answered."""
        with self._lock:
            self._latency[stage].append(milliseconds)

    def count(self, event: str) -> int:
        """Return how often `event` was noted: received, replaced, refused, answered, ..."""
        with self._lock:
            return self._counts[event]

    def silence(self) -> float:
        """Return the seconds since the last frame arrived, or since the start."""
        with self._lock:
            return self._clock() - (self._received[-1] if self._received else self._started)

    def staleness(self) -> float:
        """Return the seconds since the last frame was answered, or since the start."""
        with self._lock:
            return self._clock() - (self._answered[-1] if self._answered else self._started)

    def stamps_frozen(self) -> bool:
        """Whether the last three frames have the same stamp, zero or another."""
        with self._lock:
            last = list(self._stamps)[-3:]
            return len(last) == 3 and len(set(last)) == 1

    def missing_share(self) -> float:
        """
        Return the share of frames that the stamps show to be missing, 0..1.

        It is zero up to a tenth, and as long as there are too few frames to tell.
        """
        with self._lock:
            steps = np.diff(np.array(self._stamps, dtype=np.int64))
        # Not the median: with every third frame missing, it may lie at two periods.
        if len(steps) < 9 or not (period := np.percentile(steps, 10)) > 0:
            return 0.0
        expected = np.maximum(np.rint(steps / period), 1).sum()
        share = 1 - len(steps) / expected
        return float(share) if share > _GAP_SHARE else 0.0

    def summary(self) -> dict[str, object]:
        """Return rates, counts and latencies by the names under which they are published."""
        with self._lock:
            now = self._clock()
            values: dict[str, object] = {
                'input_hz': _rate(self._received, now),
                'output_hz': _rate(self._answered, now),
            }
            for event in ('received', 'answered', 'replaced', 'refused', 'out_of_order'):
                values[f'frames_{event}'] = self._counts[event]
            for stage, milliseconds in self._latency.items():
                for percentile in (50, 95):
                    values[f'{stage}_ms_p{percentile}'] = float(
                        np.percentile(list(milliseconds), percentile))
            return values


def _rate(times: deque[float], now: float) -> float:
    """Return events a second over the last five seconds."""
    recent = [t for t in times if now - t <= 5.0]
    span = recent[-1] - recent[0] if recent else 0.0
    return (len(recent) - 1) / span if span > 0 else 0.0
