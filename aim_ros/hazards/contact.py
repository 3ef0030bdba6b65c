"""
Time to contact, from the growth of a box.

What comes nearer at a steady speed is seen at a height h with 1 / h falling linearly, and reaches
the camera where the line reaches 0 (D. N. Lee, "A theory of visual control of braking based on
information about time-to-collision", 1976). A line through the last second tells when, and how
sure that is.
"""

from collections import deque
import math

WINDOW = 0.8
"""Seconds of measurements that count."""

MIN_SPAN = 0.3
"""Seconds that they span at least."""

_MIN_POINTS = 4
_NOISE_SHARE, _NOISE_PIXELS = 0.02, 0.7
_MAX_ERROR = 0.35
_MAX_TTC = 15.0


class Growth:
    """The heights at which one road user was seen lately."""

    def __init__(self):
        self._points: deque[tuple[float, float]] = deque()

    def add(self, seconds: float, height: float) -> None:
        """Add a height in pixels, seen whole at a time."""
        if self._points and self._points[-1][0] >= seconds:
            return
        self._points.append((seconds, height))
        while self._points[0][0] < seconds - WINDOW - 1e-9:
            self._points.popleft()

    def forget(self) -> None:
        """Forget what was added, for instance as the road user is not seen whole any more."""
        self._points.clear()

    def time_to_contact(self, now: float) -> tuple[float, float]:
        """
        Return the seconds until contact, and their standard deviation.

        :return: NaN for both where it cannot be told: too short a look, no growth beyond the
            noise, or more than `_MAX_TTC` away.
        """
        points = self._points
        if len(points) < _MIN_POINTS or points[-1][0] - points[0][0] < MIN_SPAN - 1e-9:
            return math.nan, math.nan
        # Weighted least squares of 1 / h over t - now, by hand: it runs for every track.
        total = first = second = cross = level = 0.0
        for seconds, height in points:
            weight = (height**2 / (_NOISE_SHARE * height + _NOISE_PIXELS)) ** 2
            t, inverse = seconds - now, 1 / height
            total += weight
            first += weight * t
            second += weight * t * t
            level += weight * inverse
            cross += weight * t * inverse
        determinant = total * second - first * first
        slope = (total * cross - first * level) / determinant
        here = (second * level - first * cross) / determinant
        if slope >= 0 or here <= 0:
            return math.nan, math.nan
        residual = sum(
            (height**2 / (_NOISE_SHARE * height + _NOISE_PIXELS)) ** 2
            * (1 / height - here - slope * (seconds - now)) ** 2 for seconds, height in points)
        spread = max(residual / (len(points) - 2), 1.0)
        error = math.sqrt(spread * total / determinant) / -slope
        ttc = here / -slope
        if error > _MAX_ERROR or ttc > _MAX_TTC:
            return math.nan, math.nan
        return ttc, ttc * error
