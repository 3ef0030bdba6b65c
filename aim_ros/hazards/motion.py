"""Where road users will be seen: constant velocity in the image, with scale."""

from dataclasses import dataclass
import math
from typing import Self

import numpy as np

from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.kernels import compiled_at_first_call
from aim_ros.hazards.table import side_by_side
from aim_ros.hazards.table import Table

# Standard deviations. Places are in shares of the box's height, so that they hold at any distance.
_PLACE_NOISE, _SIZE_NOISE, _ASPECT_NOISE = 0.06, 0.06, 0.25
_PIXEL_NOISE = 1.5
_CUT_NOISE = 3.0  # times as much, of a box that a neighbour or the image's border cuts
# Of the change of the rate in a second.
_JERK, _ASPECT_JERK = (0.7, 0.3, 0.3, 0.0), 0.3  # of each value's rate, and of a shape itself
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
        if not len(boxes):
            # Without a call of what is compiled: so it is when this is imported.
            return cls(*(np.empty((0, 4)) for _ in range(6)))
        value, height = _values(boxes), boxes[:, 3]
        nothing = np.zeros_like(value)
        rates = side_by_side(_PLACE_RATE * height, _FOOT_RATE * height, _SIZE_RATE, 0.0)
        return cls(value, nothing, _noise(boxes), nothing.copy(), np.square(rates),
                   _boxes(value))

    def predict(self, seconds: float) -> None:
        """Go on by some seconds, while the rates change at random."""
        _predict(self.value, self.rate, self.value_variance, self.covariance,
                 self.rate_variance, self.box, seconds)
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
        _update(self.value, self.rate, self.value_variance, self.covariance,
                self.rate_variance, _values(boxes), _noise(boxes), cut)
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


@compiled_at_first_call
def _predict(value: np.ndarray, rate: np.ndarray, value_variance: np.ndarray,
             covariance: np.ndarray, rate_variance: np.ndarray, box: np.ndarray, seconds: float
             ) -> None:
    """Do what `Motions.predict` does to its columns, but for the boxes."""
    for i in range(len(value)):
        for k in range(4):
            jerk = _JERK[k] ** 2 * seconds
            if k in (_MIDDLE, _FOOT):
                jerk *= box[i, 3] ** 2
            value[i, k] += rate[i, k] * seconds
            value_variance[i, k] += seconds * (
                2 * covariance[i, k] + seconds * rate_variance[i, k]) + jerk * seconds**2 / 3
            covariance[i, k] += seconds * rate_variance[i, k] + jerk * seconds / 2
            rate_variance[i, k] += jerk
        value_variance[i, _ASPECT] += _ASPECT_JERK**2 * seconds
        rate[i, _HEIGHT] = min(max(rate[i, _HEIGHT], -_MAX_SIZE_RATE), _MAX_SIZE_RATE)


@compiled_at_first_call
def _update(value: np.ndarray, rate: np.ndarray, value_variance: np.ndarray,
            covariance: np.ndarray, rate_variance: np.ndarray, seen: np.ndarray,
            noise: np.ndarray, cut: np.ndarray) -> None:
    """
    Do what `Motions.update` does to its columns, but for the boxes.

    :param seen: the values that are seen now, (n, 4), and `noise` their variances.
    """
    for i in range(len(value)):
        for k in range(4):
            total = value_variance[i, k] + (
                _CUT_NOISE**2 * noise[i, k] if cut[i] else noise[i, k])
            gain, rate_gain = value_variance[i, k] / total, covariance[i, k] / total
            wrong = seen[i, k] - value[i, k]
            value[i, k] += gain * wrong
            rate[i, k] += rate_gain * wrong
            rate_variance[i, k] -= rate_gain * covariance[i, k]
            covariance[i, k] *= 1 - gain
            value_variance[i, k] *= 1 - gain


@compiled_at_first_call
def _noise(boxes: np.ndarray) -> np.ndarray:
    """Return the variances of the values of boxes that are seen, (n, 4)."""
    noise = np.empty((len(boxes), 4))
    for i in range(len(boxes)):
        height = boxes[i, 3]
        noise[i, _MIDDLE] = noise[i, _FOOT] = (_PLACE_NOISE * height + _PIXEL_NOISE) ** 2
        noise[i, _HEIGHT] = (_SIZE_NOISE + _PIXEL_NOISE / height) ** 2
        noise[i, _ASPECT] = _ASPECT_NOISE**2
    return noise


@compiled_at_first_call
def _values(boxes: np.ndarray) -> np.ndarray:
    """Return the values of boxes that are seen, (n, 4)."""
    values = np.empty((len(boxes), 4))
    for i in range(len(boxes)):
        width, height = max(boxes[i, 2], 1.0), max(boxes[i, 3], 1.0)
        values[i, _MIDDLE], values[i, _FOOT] = boxes[i, 0] + width / 2, boxes[i, 1] + height
        values[i, _HEIGHT], values[i, _ASPECT] = math.log(height), math.log(width / height)
    return values


@compiled_at_first_call
def _boxes(value: np.ndarray) -> np.ndarray:
    """Return the boxes that have values, (n, 4)."""
    boxes = np.empty((len(value), 4))
    for i in range(len(value)):
        height = math.exp(value[i, _HEIGHT])
        width = height * math.exp(value[i, _ASPECT])
        boxes[i, 0], boxes[i, 1] = value[i, _MIDDLE] - width / 2, value[i, _FOOT] - height
        boxes[i, 2], boxes[i, 3] = width, height
    return boxes


def prepare() -> None:
    """Compile what is compiled, so that the first road user finds it in place."""
    motions = Motions.beginning_at(np.ones((1, 4)))
    motions.predict(0.1)
    motions.update(np.ones((1, 4)), np.ones(1, bool))
