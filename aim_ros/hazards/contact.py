"""
Time to contact, from the growth of a box.

What comes nearer at a steady speed is seen at a height h with 1 / h falling linearly, and reaches
the camera where the line reaches 0 (D. N. Lee, "A theory of visual control of braking based on
information about time-to-collision", 1976). A line through the last second tells when, and how
sure that is.
"""

from collections import deque
import math
from typing import NamedTuple

WINDOW = 0.8
"""Seconds of measurements that count at most."""

MIN_SPAN = 0.3
"""Seconds that they span at least."""

_MIN_POINTS = 4
_NOISE_SHARE, _NOISE_PIXELS = 0.008, 0.4
_GOOD_ERROR, _MAX_ERROR = 0.14, 0.2
_MAX_TTC = 15.0


class _Point(NamedTuple):
    """A height: when it was seen, its inverse, and the weight of that, 1 / variance."""

    seconds: float
    inverse: float
    weight: float


class Growth:
    """The heights at which one road user was seen lately."""

    def __init__(self):
        self._points: deque[_Point] = deque()

    def add(self, seconds: float, height: float) -> None:
        """Add a height in pixels, seen whole at a time."""
        points = self._points
        if points and points[-1].seconds >= seconds:
            return
        noise = (_NOISE_SHARE * height + _NOISE_PIXELS) / height**2
        points.append(_Point(seconds, 1 / height, noise**-2))
        while points[0].seconds < seconds - WINDOW - 1e-9:
            points.popleft()

    def resize(self, factor: float) -> None:
        """Go on in an image that is `factor` times as high."""
        self._points = deque(
            _Point(point.seconds, point.inverse / factor, point.weight * factor**2)
            for point in self._points)

    def forget(self) -> None:
        """Forget what was added, for instance as the road user is not seen whole any more."""
        self._points.clear()

    def time_to_contact(self, now: float) -> tuple[float, float]:
        """
        Return the seconds until contact, and their standard deviation.

        :return: NaN for both where it cannot be measured: too short a look, no growth beyond the
            noise, or more than `_MAX_TTC` away.
        """
        if len(self._points) < _MIN_POINTS:
            return math.nan, math.nan
        # The last moments tell most of who brakes; more of them are needed where they are noisy.
        ttc, error = math.nan, math.inf
        line = _Line()
        for point in reversed(self._points):
            line.add(point, now)
            if line.count < _MIN_POINTS or (
                    self._points[-1].seconds - point.seconds < MIN_SPAN - 1e-9):
                continue
            found = line.crossing()
            if found[1] < error:
                ttc, error = found
            if error <= _GOOD_ERROR:
                break
        if error > _MAX_ERROR or not 0 < ttc <= _MAX_TTC:
            return math.nan, math.nan
        return ttc, ttc * error


class _Line:
    """A line through inverses over time, by weighted least squares, a point at a time."""

    def __init__(self):
        self.count = 0
        self._w = self._wt = self._wtt = self._wy = self._wty = self._wyy = 0.0

    def add(self, point: _Point, now: float) -> None:
        """Add a point."""
        t, y, weight = point.seconds - now, point.inverse, point.weight
        self.count += 1
        self._w += weight
        self._wt += weight * t
        self._wtt += weight * t * t
        self._wy += weight * y
        self._wty += weight * t * y
        self._wyy += weight * y * y

    def crossing(self) -> tuple[float, float]:
        """Return when it reaches 0, in seconds from now, and the relative error of that."""
        determinant = self._w * self._wtt - self._wt**2
        slope = (self._w * self._wty - self._wt * self._wy) / determinant
        here = (self._wtt * self._wy - self._wt * self._wty) / determinant
        if slope >= 0 or here <= 0:
            return math.nan, math.inf
        residual = max(self._wyy - here * self._wy - slope * self._wty, 0.0)
        spread = max(residual / (self.count - 2), 1.0)
        return here / -slope, math.sqrt(spread * self._w / determinant) / -slope
