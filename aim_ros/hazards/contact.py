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
        points = self._points
        if len(points) < _MIN_POINTS or points[-1].seconds - points[0].seconds < MIN_SPAN - 1e-9:
            return math.nan, math.nan
        ttc, error = self._fit(now)
        if error > _MAX_ERROR or not 0 < ttc <= _MAX_TTC:
            return math.nan, math.nan
        return ttc, ttc * error

    def _fit(self, now: float) -> tuple[float, float]:
        """Return when the surest line through the last points reaches 0, see `_crossing`."""
        # The last moments tell most of who brakes; more of them are needed where they are noisy.
        ttc, error = math.nan, math.inf
        last = self._points[-1].seconds
        w = wt = wtt = wy = wty = wyy = 0.0
        for count, (seconds, y, weight) in enumerate(reversed(self._points), 1):
            t = seconds - now
            w += weight
            wt += weight * t
            wtt += weight * t * t
            wy += weight * y
            wty += weight * t * y
            wyy += weight * y * y
            if count < _MIN_POINTS or last - seconds < MIN_SPAN - 1e-9:
                continue
            found = _crossing(count, w, wt, wtt, wy, wty, wyy)
            if found[1] < error:
                ttc, error = found
            if error <= _GOOD_ERROR:
                break
        return ttc, error


def _crossing(count: int, w: float, wt: float, wtt: float, wy: float, wty: float, wyy: float
              ) -> tuple[float, float]:
    """
    Return when a line by weighted least squares reaches 0.

    :param count: the number of points.
    :param w, wt, wtt, wy, wty, wyy: the sums of their weights, and of these times the time t from
        now, the value y, and their products.
    :return: seconds from now, and the relative error of that.
    """
    determinant = w * wtt - wt**2
    slope = (w * wty - wt * wy) / determinant
    here = (wtt * wy - wt * wty) / determinant
    if slope >= 0 or here <= 0:
        return math.nan, math.inf
    residual = max(wyy - here * wy - slope * wty, 0.0)
    spread = max(residual / (count - 2), 1.0)
    return here / -slope, math.sqrt(spread * w / determinant) / -slope
