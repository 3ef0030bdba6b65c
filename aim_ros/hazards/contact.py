"""
Time to contact, from how things grow that come nearer.

What comes nearer at a steady speed is seen at a size s with 1 / s falling linearly, and reaches
the camera where the line reaches 0 (D. N. Lee, "A theory of visual control of braking based on
information about time-to-collision", 1976). A line through the last second tells when, and how
sure that is.

Two sizes grow so: the height of a box, and on flat ground how far below the horizon its foot is.
The height needs no calibration; but masks lose head and feet of who is far away, and find them as
he comes nearer, so that boxes grow faster than people. The foot is one edge instead of two, and
the surer one; but it moves as the camera pitches, and as the road bends. Both are asked, and
count for as much as they are sure.
"""

from collections import deque
from collections.abc import Sequence
import math
from typing import NamedTuple

WINDOW = 0.8
"""Seconds of measurements that count at most."""

MIN_SPAN = 0.3
"""Seconds that they span at least."""

_MIN_POINTS = 4
_NOISE_SHARE, _NOISE_PIXELS = 0.008, 0.4
"""Standard deviation of where a box ends: a share of its height, and pixels."""

_GOOD_NOISE, _MAX_NOISE, _MAX_ERROR = 0.14, 0.2, 0.5
"""Shares of the rate: noise at which no more points are asked, noise and error in all beyond which
nothing is told."""

_MAX_TTC = 15.0

_CONTRADICTION = 2.0
"""Standard deviations from which on height and foot contradict each other."""

_HEIGHT_BIAS = 0.12
"""By how much faster or slower in a second boxes grow than what they show, as a share of them."""

_MIN_DROP = 2.0
"""Pixels: of a foot that is not that far below the horizon nothing is known."""


class _Point(NamedTuple):
    """A size: when it was seen, its inverse, and the weight of that, 1 / variance."""

    seconds: float
    inverse: float
    weight: float


class Foot(NamedTuple):
    """
    Where somebody stands in the image of a camera that pitches.

    :param drop: how far below the horizon, pixels; as far as it pitches, the camera's pitch is
        taken away.
    :param slack: by how much the horizon of the ground there may differ, pixels.
    :param drift: by how much a second later the pitch that was taken away may be wrong, pixels.
    :param epoch: feet of one epoch can be compared with each other, see `PitchMeter`.
    """

    drop: float
    slack: float
    drift: float
    epoch: int


class Approach:
    """How one road user comes nearer."""

    def __init__(self):
        self._height, self._drop = Growth(), Growth()
        self._epoch: int | None = None
        self._slack = self._drift = 0.0

    def add(self, seconds: float, height: float, foot: Foot | None = None) -> None:
        """
        Add how it was seen at a time, whole.

        :param height: of its box, pixels.
        :param foot: None where the horizon is not known.
        """
        noise = _NOISE_SHARE * height + _NOISE_PIXELS
        self._height.add(seconds, height, noise)
        epoch = foot.epoch if foot and _MIN_DROP <= foot.drop < math.inf else None
        if epoch is None or epoch != self._epoch:
            self._drop.forget()
        self._epoch = epoch
        if epoch is not None:
            self._drop.add(seconds, foot.drop, noise)
            self._slack, self._drift = foot.slack / foot.drop, foot.drift / foot.drop

    def resize(self, factor: float) -> None:
        """Go on in an image that is `factor` times as high."""
        self._height.resize(factor)
        self._drop.resize(factor)

    def forget(self) -> None:
        """Forget what was added, for instance as the road user is not seen whole any more."""
        self._height.forget()
        self._drop.forget()

    def time_to_contact(self, now: float) -> tuple[float, float]:
        """
        Return the seconds until contact, and their standard deviation.

        :return: NaN for both where it cannot be measured: too short a look, no growth beyond the
            noise, height and foot that contradict each other, or more than `_MAX_TTC` away.
        """
        height, drop = self._height.rate(now), self._drop.rate(now)
        seen = []
        if height:
            seen.append(_Witness(*height, _HEIGHT_BIAS))
        if drop:
            faster = max(drop[0], height[0]) if height else drop[0]
            seen.append(_Witness(*drop, math.hypot(self._slack * faster, self._drift)))
        clear = [one for one in seen if one.noise <= _MAX_NOISE * one.rate]
        if not clear or _contradict(seen):
            return math.nan, math.nan
        # Who is too noisy to tell it alone has a say in whether it is told, not in what.
        weights = [1 / one.variance for one in clear]
        rate = sum(one.rate * weight for one, weight in zip(clear, weights, strict=True)
                   ) / sum(weights)
        error = 1 / math.sqrt(sum(weights))
        if rate < 1 / _MAX_TTC or error > _MAX_ERROR * rate:
            return math.nan, math.nan
        return 1 / rate, error / rate**2


class _Witness(NamedTuple):
    """A rate of growth in 1/s, and the standard deviations of its noise and of its bias."""

    rate: float
    noise: float
    bias: float

    @property
    def variance(self) -> float:
        return self.noise**2 + self.bias**2


def _contradict(seen: Sequence[_Witness]) -> bool:
    """Whether two rates differ by more than their errors explain."""
    if len(seen) < 2:
        return False
    one, other = seen
    most = _CONTRADICTION**2 * (one.variance + other.variance)
    return (one.rate - other.rate) ** 2 > most


class Growth:
    """The sizes at which something was seen lately."""

    def __init__(self):
        self._points: deque[_Point] = deque()

    def add(self, seconds: float, size: float, noise: float) -> None:
        """Add a size seen at a time, and the standard deviation of its noise, in pixels."""
        points = self._points
        if points and points[-1].seconds >= seconds:
            return
        points.append(_Point(seconds, 1 / size, size**4 / noise**2))
        while points[0].seconds < seconds - WINDOW - 1e-9:
            points.popleft()

    def resize(self, factor: float) -> None:
        """Go on in an image that is `factor` times as high."""
        self._points = deque(
            _Point(point.seconds, point.inverse / factor, point.weight * factor**2)
            for point in self._points)

    def forget(self) -> None:
        """Forget what was added."""
        self._points.clear()

    def rate(self, now: float) -> tuple[float, float] | None:
        """
        Return by which share it grows in a second, as seen now, and how noisy that is.

        That is the inverse of the time to contact; below 0 of what moves away.

        :return: in 1/s, with its standard deviation; None on too short a look.
        """
        points = self._points
        if len(points) < _MIN_POINTS or points[-1].seconds - points[0].seconds < MIN_SPAN - 1e-9:
            return None
        # The last moments tell most of who brakes; more of them are needed where they are noisy.
        found, doubt = None, math.inf
        last = points[-1].seconds
        w = wt = wtt = wy = wty = wyy = 0.0
        for count, (seconds, y, weight) in enumerate(reversed(points), 1):
            t = seconds - now
            w += weight
            wt += weight * t
            wtt += weight * t * t
            wy += weight * y
            wty += weight * t * y
            wyy += weight * y * y
            if count < _MIN_POINTS or last - seconds < MIN_SPAN - 1e-9:
                continue
            line = _rate_of_line(count, w, wt, wtt, wy, wty, wyy)
            if line is None:
                continue
            share = line[1] / max(line[0], 1 / _MAX_TTC)
            if share < doubt:
                found, doubt = line, share
            if doubt <= _GOOD_NOISE:
                break
        return found


def _rate_of_line(count: int, w: float, wt: float, wtt: float, wy: float, wty: float, wyy: float
                  ) -> tuple[float, float] | None:
    """
    Return how fast a line by weighted least squares falls for its height now.

    :param count: the number of points.
    :param w, wt, wtt, wy, wty, wyy: the sums of their weights, and of these times the time t from
        now, the value y, and their products.
    :return: the rate, and its standard deviation; None where the line has reached 0.
    """
    determinant = w * wtt - wt**2
    slope = (w * wty - wt * wy) / determinant
    here = (wtt * wy - wt * wty) / determinant
    if here <= 0:
        return None
    residual = max(wyy - here * wy - slope * wty, 0.0)
    spread = max(residual / (count - 2), 1.0)
    return -slope / here, math.sqrt(spread * w / determinant) / here
