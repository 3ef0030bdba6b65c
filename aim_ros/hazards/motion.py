"""Where road users will be seen: constant velocity in the image, with scale."""

from dataclasses import dataclass
import math
from typing import Self

import numpy as np

from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.table import mapped
from aim_ros.hazards.table import side_by_side
from aim_ros.hazards.table import Table

# Standard deviations. Places are in shares of the box's height, so that they hold at any distance.
_PLACE_NOISE, _SIZE_NOISE, _ASPECT_NOISE = 0.06, 0.06, 0.25
_PIXEL_NOISE = 1.5
_CUT_NOISE = 3.0  # times as much, of a box that a neighbour or the image's border cuts
# Of the change of the rate in a second.
_PLACE_JERK, _FOOT_JERK, _SIZE_JERK, _ASPECT_JERK = 0.7, 0.3, 0.3, 0.3
# Of the rate at first sight, in 1/s.
_PLACE_RATE, _FOOT_RATE, _SIZE_RATE = 1.2, 0.4, 0.3
_MAX_SIZE_RATE = 1.5

_MIDDLE, _FOOT, _HEIGHT, _ASPECT = range(4)
"""What is followed of a box: its middle, its foot, and the logarithms of its height and of its
width over its height. The last has no rate: people swing arms and legs."""


@dataclass(eq=False)
class Motions(Table):
    """
    The motions of boxes: a Kalman filter of each value and its rate.

    :param value: (n, 4), see `_MIDDLE` and what follows it.
    :param rate: by how much each changes in a second, (n, 4).
    :param value_variance, covariance, rate_variance: how sure they are, each (n, 4).
    :param box: x, y, width and height in fractions of pixels, (n, 4).
    """

    value: np.ndarray
    rate: np.ndarray
    value_variance: np.ndarray
    covariance: np.ndarray
    rate_variance: np.ndarray
    box: np.ndarray

    @classmethod
    def beginning_at(cls, boxes: np.ndarray) -> Self:
        """Return the motions of boxes (n, 4) that are seen for the first time."""
        value, height = _values(boxes), boxes[:, 3]
        nothing = np.zeros_like(value)
        rates = side_by_side(_PLACE_RATE * height, _FOOT_RATE * height, _SIZE_RATE, 0.0)
        return cls(value, nothing, _noise(height), nothing.copy(), np.square(rates),
                   _boxes(value))

    def predict(self, seconds: float) -> None:
        """Go on by some seconds, while the rates change at random."""
        height = self.box[:, 3]
        jerk = np.square(
            side_by_side(_PLACE_JERK * height, _FOOT_JERK * height, _SIZE_JERK, 0.0))
        self.value += self.rate * seconds
        self.value_variance += seconds * (
            2 * self.covariance + seconds * self.rate_variance) + jerk * seconds**3 / 3
        self.value_variance[:, _ASPECT] += _ASPECT_JERK**2 * seconds
        self.covariance += seconds * self.rate_variance + jerk * seconds**2 / 2
        self.rate_variance += jerk * seconds
        self.rate[:, _HEIGHT] = np.minimum(np.maximum(
            self.rate[:, _HEIGHT], -_MAX_SIZE_RATE), _MAX_SIZE_RATE)
        self.box = _boxes(self.value)

    def lower(self, rows: float) -> None:
        """Let all boxes be some rows lower, as the camera pitched."""
        self.value[:, _FOOT] += rows
        self.box[:, 1] += rows

    def update(self, boxes: np.ndarray, cut: np.ndarray) -> None:
        """
        Take in where the boxes are seen now.

        :param boxes: (n, 4).
        :param cut: whether less than all of each is seen, bool (n,).
        """
        noise = np.where(cut, _CUT_NOISE**2, 1.0)[:, None] * _noise(boxes[:, 3])
        total = self.value_variance + noise
        gain, rate_gain = self.value_variance / total, self.covariance / total
        wrong = _values(boxes) - self.value
        self.value += gain * wrong
        self.rate += rate_gain * wrong
        self.rate_variance -= rate_gain * self.covariance
        self.covariance *= 1 - gain
        self.value_variance *= 1 - gain
        self.box = _boxes(self.value)

    def resize(self, scale: Scale) -> None:
        """Go on in an image of another size."""
        down, across = scale
        for column, factor in ((_MIDDLE, across), (_FOOT, down)):
            for values in (self.value, self.rate):
                values[:, column] *= factor
            for variances in (self.value_variance, self.covariance, self.rate_variance):
                variances[:, column] *= factor**2
        self.value[:, _HEIGHT] += math.log(down)
        self.value[:, _ASPECT] += math.log(across / down)
        self.box = _boxes(self.value)

    @property
    def rounded(self) -> np.ndarray:
        """The boxes in whole pixels, at least one wide and high, float64 (n, 4)."""
        corner = np.rint(self.box[:, :2])
        sides = np.rint(self.box[:, :2] + self.box[:, 2:]) - corner
        return np.concatenate((corner, np.maximum(sides, 1)), 1)

    @property
    def velocity(self) -> np.ndarray:
        """How fast the boxes' middles move to the right and down, pixels a second, (n, 2)."""
        down = self.rate[:, _FOOT] - self.box[:, 3] / 2 * self.rate[:, _HEIGHT]
        return side_by_side(self.rate[:, _MIDDLE], down)


def _noise(height: np.ndarray) -> np.ndarray:
    """Return the variances of the values of boxes that are seen so high, (n, 4)."""
    place, size = _PLACE_NOISE * height + _PIXEL_NOISE, _SIZE_NOISE + _PIXEL_NOISE / height
    return np.square(side_by_side(place, place, size, _ASPECT_NOISE))


def _values(boxes: np.ndarray) -> np.ndarray:
    """Return the values of boxes that are seen, (n, 4)."""
    x, y, width, height = boxes.T
    width, height = np.maximum(width, 1), np.maximum(height, 1)
    return side_by_side(x + width / 2, y + height, mapped(math.log, height),
                        mapped(math.log, width / height))


def _boxes(value: np.ndarray) -> np.ndarray:
    """Return the boxes that have values, (n, 4)."""
    height = mapped(math.exp, value[:, _HEIGHT])
    width = height * mapped(math.exp, value[:, _ASPECT])
    return side_by_side(value[:, _MIDDLE] - width / 2, value[:, _FOOT] - height, width, height)
