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
import math
from typing import NamedTuple
from typing import Self

import numpy as np

from aim_ros.hazards.kernels import compiled_at_first_call
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

_UNSURE_HEIGHT_BIAS, _UNSURE_DROP_BIAS = 12.0, 3.0
"""The same for heights and feet of masks that are not sure, times the square of 1 less their mean
probability. Masks of the model that ships have 0.85 in the median; exact ones have 1."""

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
    :param unsure: how unsure the last mask was, 0..1, (n,).
    """

    seconds: np.ndarray
    inverse: np.ndarray
    weight: np.ndarray
    epoch: np.ndarray
    slack: np.ndarray
    drift: np.ndarray
    unsure: np.ndarray

    @classmethod
    def unknown(cls, count: int) -> Self:
        """Return those of so many road users who were not seen yet."""
        shape = count, 2, _MAX_POINTS
        return cls(np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape),
                   np.full(count, _NO_EPOCH), *np.zeros((3, count)))

    def add(self, seconds: float, heights: np.ndarray, whole: np.ndarray,
            feet: Feet | None = None, unsure: np.ndarray | float = 0.0) -> None:
        """
        Add how each was seen at a time; who is not seen whole begins anew.

        :param heights: of their boxes, pixels, (n,).
        :param whole: who is, bool (n,).
        :param feet: None where the horizon is not known.
        :param unsure: 1 less the mean probability of what is seen of each, (n,), or of all.
        """
        shown, forgotten = np.zeros((2, len(self), 2), bool)
        sizes = np.ones((len(self), 2))
        shown[:, _HEIGHT], sizes[:, _HEIGHT] = whole, heights
        if feet is not None:
            known = (feet.drop >= _MIN_DROP) & np.isfinite(feet.drop)
            shown[:, _DROP], sizes[known, _DROP] = whole & known, feet.drop[known]
            self.slack, self.drift = feet.slack / sizes[:, _DROP], feet.drift / sizes[:, _DROP]
            # Feet of another epoch are not compared with those before.
            forgotten[:, _DROP] = self.epoch != feet.epoch
            self.epoch[:] = feet.epoch
        self.unsure[:] = unsure
        noise = _NOISE_SHARE * heights + _NOISE_PIXELS
        _insert(self.seconds, self.inverse, self.weight, forgotten | ~shown, shown, seconds,
                sizes, noise)

    def resize(self, factor: float) -> None:
        """Go on in an image that is `factor` times as high."""
        self.inverse /= factor
        self.weight *= factor**2

    def times_to_contact(self, now: float) -> np.ndarray:
        """
        Return the seconds until contact, and their standard deviations, (2, n).

        :return: NaN for both where it cannot be measured: too short a look, no growth beyond the
            noise, height and foot that contradict each other, a mask that is not sure enough, or
            more than `_MAX_TTC` away.
        """
        rate, noise = _rates(self.seconds, self.inverse, self.weight, now)
        return _merged(rate, noise, self.slack, self.drift, self.unsure)


@compiled_at_first_call
def _insert(seconds: np.ndarray, inverse: np.ndarray, weight: np.ndarray, forgotten: np.ndarray,
            shown: np.ndarray, now: float, sizes: np.ndarray, noise: np.ndarray) -> None:
    """
    Put what is seen now before what was seen earlier, unless that was a moment ago.

    :param seconds, inverse, weight: see `Approaches`.
    :param forgotten: of whom which size was seen earlier for the last time, bool (n, 2).
    :param shown: of whom which is seen now, bool (n, 2); and `sizes` these, pixels.
    :param noise: their standard deviations, pixels, (n,).
    """
    for i in range(len(seconds)):
        for size in range(2):
            if forgotten[i, size]:
                seconds[i, size], weight[i, size] = -np.inf, 0
            if not shown[i, size] or now - seconds[i, size, 0] < _MIN_APART:
                continue
            used = 0
            while used < _MAX_POINTS - 1 and weight[i, size, used] > 0:
                used += 1
            for column in (seconds, inverse, weight):
                for k in range(used, 0, -1):
                    column[i, size, k] = column[i, size, k - 1]
            seconds[i, size, 0], inverse[i, size, 0] = now, 1 / sizes[i, size]
            weight[i, size, 0] = (sizes[i, size] ** 2 / noise[i]) ** 2


@compiled_at_first_call
def _rates(seconds: np.ndarray, inverse: np.ndarray, weight: np.ndarray, now: float
           ) -> np.ndarray:
    """
    Return by which share each size grows in a second, as seen now, and how noisy that is.

    That is the inverse of the time to contact; below 0 of what moves away. It is told by a line
    through the last points, by weighted least squares.

    :param seconds, inverse, weight: see `Approaches`.
    :return: in 1/s, and its standard deviation, (2, n, 2); NaN on too short a look.
    """
    found = np.full((2, len(seconds), 2), np.nan)
    for i in range(len(seconds)):
        for size in range(2):
            w = wt = wtt = wy = wty = wyy = 0.0
            least = np.inf
            for k in range(_MAX_POINTS):
                p = weight[i, size, k]
                if p == 0:
                    break
                span = seconds[i, size, 0] - seconds[i, size, k]
                if span > WINDOW + _JITTER:
                    break
                t, y = seconds[i, size, k] - now, inverse[i, size, k]
                w, wt, wtt = w + p, wt + p * t, wtt + p * t * t
                wy, wty, wyy = wy + p * y, wty + p * t * y, wyy + p * y * y
                determinant = w * wtt - wt * wt
                if k + 1 < _MIN_POINTS or span < MIN_SPAN - _JITTER or determinant <= 0:
                    continue
                slope = (w * wty - wt * wy) / determinant
                here = (wtt * wy - wt * wty) / determinant
                if here <= 0:
                    continue
                # How far off the points are, unless they are surer than they say.
                spread = max((wyy - here * wy - slope * wty) / (k - 1), 1.0)
                rate, noise = -slope / here, math.sqrt(spread * w / determinant) / here
                share = noise / max(rate, 1 / _MAX_TTC)
                if share < least:
                    least = share
                    found[0, i, size], found[1, i, size] = rate, noise
                # The last moments tell most of who brakes; more are needed where they are noisy.
                if share <= _GOOD_NOISE:
                    break
    return found


@compiled_at_first_call
def _merged(rate: np.ndarray, noise: np.ndarray, slack: np.ndarray, drift: np.ndarray,
            unsure: np.ndarray) -> np.ndarray:
    """
    Return the times to contact that height and foot tell together, and their errors, (2, n).

    :param rate, noise: see `_rates`; and `slack`, `drift` and `unsure` see `Approaches`.
    """
    told = np.full((2, len(rate)), np.nan)
    for i in range(len(rate)):
        # A rate that is not known is NaN: it is compared with nothing, and counts for nothing.
        faster = np.fmax(rate[i, _HEIGHT], rate[i, _DROP])
        total = weighted = both = 0.0
        for size in range(2):
            if size == _HEIGHT:
                bias, more = _HEIGHT_BIAS, _UNSURE_HEIGHT_BIAS
            else:
                bias, more = math.hypot(slack[i] * faster, drift[i]), _UNSURE_DROP_BIAS
            variance = noise[i, size] ** 2 + bias**2
            # However unsure masks are, the height has its say where a foot goes astray.
            both += variance
            variance += (more * unsure[i] ** 2) ** 2
            # Who is too noisy to tell it alone has a say in whether it is told, not in what.
            if noise[i, size] <= _MAX_NOISE * rate[i, size]:
                total += 1 / variance
                weighted += rate[i, size] / variance
        if (rate[i, _HEIGHT] - rate[i, _DROP]) ** 2 > _CONTRADICTION**2 * both or total == 0:
            continue
        merged, error = weighted / total, 1 / math.sqrt(total)
        if merged >= 1 / _MAX_TTC and error <= _MAX_ERROR * merged:
            told[0, i], told[1, i] = 1 / merged, error / merged**2
    return told


def prepare() -> None:
    """Compile what is compiled, so that the first road user finds it in place."""
    approaches = Approaches.unknown(1)
    approaches.add(0.0, np.ones(1), np.ones(1, bool))
    approaches.times_to_contact(0.0)
