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

from dataclasses import dataclass
from typing import NamedTuple
from typing import Self

import numpy as np

from aim_ros.hazards.table import Table

WINDOW = 0.8
"""Seconds of measurements that count at most."""

MIN_SPAN = 0.3
"""Seconds that they span at least."""

_MIN_POINTS, _MAX_POINTS = 4, 50
_MIN_APART = WINDOW / (_MAX_POINTS - 1)
"""Seconds between two measurements at least, so that they span the window: of cameras with more
than 60 frames a second not every frame counts."""

_JITTER = 0.01
"""Seconds by which the stamps of a steady camera may be off."""

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

_HEIGHT, _DROP = range(2)
"""The two sizes."""

_NO_EPOCH = -1


class Feet(NamedTuple):
    """
    Where road users stand in the image of a camera that pitches.

    :param drop: how far below the horizon, pixels, (n,); as far as it pitches, the camera's pitch
        is taken away.
    :param slack: by how much the horizon of the ground there may differ, pixels.
    :param drift: by how much a second later the pitch that was taken away may be wrong, pixels.
    :param epoch: feet of one epoch, >= 0, can be compared with each other, see `PitchMeter`.
    """

    drop: np.ndarray
    slack: float
    drift: float
    epoch: int


@dataclass(eq=False)
class Approaches(Table):
    """
    How road users come nearer: the sizes at which each was seen lately, the last one first.

    :param seconds: when; -inf where there is none, (n, 2, `_MAX_POINTS`).
    :param inverse: 1 / size, 1/px, likewise.
    :param weight: 1 / variance of `inverse`; 0 where there is none, likewise.
    :param epoch: of the feet, see `Feet`, (n,).
    :param slack, drift: how unsure the horizon is, as shares of the last `drop`, (n,).
    """

    seconds: np.ndarray
    inverse: np.ndarray
    weight: np.ndarray
    epoch: np.ndarray
    slack: np.ndarray
    drift: np.ndarray

    @classmethod
    def unknown(cls, count: int) -> Self:
        """Return those of so many road users who were not seen yet."""
        shape = count, 2, _MAX_POINTS
        return cls(np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape),
                   np.full(count, _NO_EPOCH), np.zeros(count), np.zeros(count))

    def add(self, seconds: float, heights: np.ndarray, whole: np.ndarray,
            feet: Feet | None = None) -> None:
        """
        Add how each was seen at a time; who is not seen whole begins anew.

        :param heights: of their boxes, pixels, (n,).
        :param whole: who is, bool (n,).
        :param feet: None where the horizon is not known.
        """
        shown, sizes = np.zeros((len(self), 2), bool), np.ones((len(self), 2))
        shown[:, _HEIGHT], sizes[:, _HEIGHT] = whole, heights
        if feet is not None:
            known = (feet.drop >= _MIN_DROP) & np.isfinite(feet.drop)
            shown[:, _DROP], sizes[known, _DROP] = whole & known, feet.drop[known]
            self.slack, self.drift = feet.slack / sizes[:, _DROP], feet.drift / sizes[:, _DROP]
            # Feet of another epoch are not compared with those before.
            self._forget(_DROP, self.epoch != feet.epoch)
            self.epoch[:] = feet.epoch
        for size in (_HEIGHT, _DROP):
            self._forget(size, ~shown[:, size])
        fresh = shown & (seconds - self.seconds[:, :, 0] >= _MIN_APART)
        noise = (_NOISE_SHARE * heights + _NOISE_PIXELS)[:, None]
        for column, values in (
                (self.seconds, np.full_like(sizes, seconds)), (self.inverse, 1 / sizes),
                (self.weight, np.square(np.square(sizes) / noise))):
            column[fresh, 1:] = column[fresh, :-1]
            column[fresh, 0] = values[fresh]

    def _forget(self, size: int, which: np.ndarray) -> None:
        """Forget a size of some, bool (n,)."""
        self.seconds[which, size], self.weight[which, size] = -np.inf, 0

    def resize(self, factor: float) -> None:
        """Go on in an image that is `factor` times as high."""
        self.inverse /= factor
        self.weight *= factor**2

    def times_to_contact(self, now: float) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the seconds until contact, and their standard deviations, (n,) each.

        :return: NaN for both where it cannot be measured: too short a look, no growth beyond the
            noise, height and foot that contradict each other, or more than `_MAX_TTC` away.
        """
        rate, noise = self._rates(now)
        # A rate that is not known is NaN: it is compared with nothing, and counts for nothing.
        with np.errstate(invalid='ignore', divide='ignore'):
            faster = np.fmax(rate[:, _DROP], rate[:, _HEIGHT])
            bias = np.stack(
                (np.full(len(self), _HEIGHT_BIAS), np.hypot(self.slack * faster, self.drift)), 1)
            variance = noise**2 + bias**2
            apart = rate[:, _HEIGHT] - rate[:, _DROP]
            contradict = apart**2 > _CONTRADICTION**2 * variance.sum(1)
            # Who is too noisy to tell it alone has a say in whether it is told, not in what.
            weights = np.where(noise <= _MAX_NOISE * rate, 1 / variance, 0.0)
            total = weights.sum(1)
            merged = (weights * np.where(weights > 0, rate, 0)).sum(1) / total
            error = 1 / np.sqrt(total)
            told = ~contradict & (merged >= 1 / _MAX_TTC) & (error <= _MAX_ERROR * merged)
            return (np.where(told, 1 / merged, np.nan),
                    np.where(told, error / merged**2, np.nan))

    def _rates(self, now: float) -> np.ndarray:
        """
        Return by which share each size grows in a second, as seen now, and how noisy that is.

        That is the inverse of the time to contact; below 0 of what moves away.

        :return: in 1/s, and its standard deviation, (2, n, 2); NaN on too short a look.
        """
        used = int((self.weight > 0).sum(2).max(initial=0))
        seconds, inverse, weight = (
            column[:, :, :used] for column in (self.seconds, self.inverse, self.weight))
        with np.errstate(invalid='ignore', divide='ignore', over='ignore'):
            span = seconds[:, :, :1] - seconds
            enough = (weight > 0) & (span >= MIN_SPAN - _JITTER) & (span <= WINDOW + _JITTER)
            enough[:, :, :_MIN_POINTS - 1] = False
            if not enough.any():
                return np.full((2, len(self), 2), np.nan)
            rate, noise, here = _lines(np.where(weight > 0, seconds - now, 0.0), inverse, weight)
            share = np.where(
                enough & (here > 0), noise / np.maximum(rate, 1 / _MAX_TTC), np.inf)
        # The last moments tell most of who brakes; more of them are needed where they are noisy.
        good = share <= _GOOD_NOISE
        best = np.where(good.any(2), good.argmax(2), share.argmin(2))[:, :, None]
        told = np.isfinite(np.take_along_axis(share, best, 2))
        return np.where(told, [np.take_along_axis(values, best, 2) for values in (rate, noise)],
                        np.nan)[..., 0]


def _lines(t: np.ndarray, y: np.ndarray, weight: np.ndarray
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return how fast lines by weighted least squares fall for their heights now.

    :param t: times of points from now, y their values, and weight their weights, each (..., n).
    :return: of the lines through the first one, two, three ... of them, the first two of which
        say nothing: the rate, its standard deviation, and the height now, each (..., n).
    """
    w, wt, wtt, wy, wty, wyy = np.cumsum(
        weight * np.array((np.ones_like(t), t, t * t, y, t * y, y * y)), -1)
    determinant = w * wtt - wt**2
    slope = (w * wty - wt * wy) / determinant
    here = (wtt * wy - wt * wty) / determinant
    residual = np.maximum(wyy - here * wy - slope * wty, 0.0)
    freedom = np.maximum(np.arange(t.shape[-1]) - 1, 1)
    spread = np.maximum(residual / freedom, 1.0)
    return -slope / here, np.sqrt(spread * w / determinant) / here, here
