"""What a camera's stream looks like from the node: rates, latencies, silence, losses."""

from collections import Counter
from collections import defaultdict
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
import threading
import time

import numpy as np

from aim_ros.perception.stream_order import StreamOrder

_WINDOW = 600
"""Frames over which rates and latencies are taken."""

_STAMP_WINDOW = 30
"""Frames over which the steps of the stamps, and the sizes, are looked at."""

_LOSS_WINDOW = 10.0
"""Seconds over which the frames are counted that the middleware lost."""

_LOSS_SHARE = 0.1
"""Share of lost frames up to which nothing is said of them."""


class StreamStatistics:
    """
    Counts and measures the stream of one camera; safe to use from several threads.

    What the stamps show is what the camera did, be its steps even or not; that the transport
    lost a frame is known from the middleware's own count alone.

    :param clock: a steady clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._matched: float | None = None
        self._received: deque[float] = deque(maxlen=_WINDOW)
        self._answered: deque[float] = deque(maxlen=_WINDOW)
        self._lost: deque[tuple[float, int]] = deque(maxlen=_WINDOW)
        self._order = StreamOrder(_STAMP_WINDOW)
        self._latency: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_WINDOW))
        self._counts: Counter[str] = Counter()

    def restart(self) -> None:
        """Measure silence from now on, as when the camera is subscribed to."""
        with self._lock:
            self._started = self._clock()
            self._matched = None
            for seen in (self._received, self._answered, self._lost, self._order, self._latency):
                seen.clear()

    def match(self, publishers: int) -> None:
        """Note how many publishers are matched now; to be called often."""
        with self._lock:
            if not publishers:
                self._matched = None
            elif self._matched is None:
                self._matched = self._clock()

    def receive(self, stamp_ns: int) -> None:
        """Note a frame that arrived."""
        with self._lock:
            now = self._clock()
            self._received.append(now)
            self._order.receive(stamp_ns, round(now * 1e9))
            self._counts['out_of_order'] += self._order.out_of_order
            self._counts['received'] += 1

    def take(self, size: tuple[int, int]) -> None:
        """Note the (height, width) of a frame that can be perceived."""
        with self._lock:
            self._order.take(size)

    def lose(self, count: int) -> None:
        """Note frames that were sent, and that the middleware knows not to have arrived."""
        with self._lock:
            self._lost.append((self._clock(), count))
            self._counts['lost'] += count

    def replace(self) -> None:
        """Note a frame that a newer one replaced before it was taken up."""
        with self._lock:
            self._counts['replaced'] += 1

    def refuse(self) -> None:
        """Note a frame that could not be used."""
        with self._lock:
            self._counts['refused'] += 1

    def outdate(self) -> None:
        """Note a frame that became too old while it waited in this node."""
        with self._lock:
            self._counts['outdated'] += 1

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
        """Return how often `event` was noted: received, replaced, refused, answered, lost, ..."""
        with self._lock:
            return self._counts[event]

    def arrived(self) -> bool:
        """Whether any frame arrived since the start."""
        with self._lock:
            return bool(self._received)

    def matched_for(self) -> float:
        """Return the seconds since a publisher was matched, 0 while there is none."""
        with self._lock:
            return 0.0 if self._matched is None else self._clock() - self._matched

    def silence(self) -> float:
        """
        Return the seconds since the last frame arrived, or could have first.

        Nothing can arrive before a publisher is matched.
        """
        with self._lock:
            since = (self._started, self._matched or self._started, *list(self._received)[-1:])
            return self._clock() - max(since)

    def staleness(self) -> float:
        """Return the seconds since the last frame was answered, or since the start."""
        with self._lock:
            return self._clock() - (self._answered[-1] if self._answered else self._started)

    def stamps_frozen(self) -> bool:
        """Whether the last three frames have the same stamp, zero or another, or nearly so."""
        with self._lock:
            return self._order.stands_still

    def jitter(self, jump: float) -> str:
        """Return what is odd about the order of the last stamps; see `StreamOrder.jitter`."""
        with self._lock:
            return self._order.jitter(jump)

    def odd_sizes(self) -> str:
        """Return what is odd about the sizes of the last images; see `StreamOrder.odd_sizes`."""
        with self._lock:
            return self._order.odd_sizes()

    def ahead(self) -> float:
        """Return by how many seconds the last stamps were ahead of the node's clock; 0 if not."""
        with self._lock:
            late_ms = list(self._latency.get('capture_to_publish', ()))[-3:]
        return max(-max(late_ms, default=0.0) * 1e-3, 0.0)

    def lost_share(self) -> float:
        """
        Return the share of the frames of the last seconds that the middleware lost, 0..1.

        It is zero up to a tenth: nobody is to be troubled by less.
        """
        with self._lock:
            since = self._clock() - _LOSS_WINDOW
            lost = sum(count for when, count in self._lost if when >= since)
            arrived = sum(when >= since for when in self._received)
        share = lost / (lost + arrived) if lost else 0.0
        return share if share > _LOSS_SHARE else 0.0

    def summary(self) -> dict[str, object]:
        """Return rates, counts and latencies by the names under which they are published."""
        with self._lock:
            now = self._clock()
            values: dict[str, object] = {
                'input_hz': _rate(self._received, now),
                'output_hz': _rate(self._answered, now),
            }
            for event in ('received', 'answered', 'replaced', 'outdated', 'refused', 'lost',
                          'out_of_order'):
                values[f'frames_{event}'] = self._counts[event]
            measured = {**self._latency}
            if (steps_ns := self._order.steps_ns).size:
                measured['stamp_step'] = steps_ns * 1e-6
            for stage, milliseconds in measured.items():
                for percentile in (50, 95):
                    values[f'{stage}_ms_p{percentile}'] = float(
                        np.percentile(list(milliseconds), percentile))
            return values


def _rate(times: deque[float], now: float) -> float:
    """Return events a second over the last five seconds."""
    recent = [t for t in times if now - t <= 5.0]
    span = recent[-1] - recent[0] if recent else 0.0
    return (len(recent) - 1) / span if span > 0 else 0.0
