"""Where a road user will be seen: constant velocity in the image, with scale."""

from dataclasses import dataclass
import math

from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import Scale

# Standard deviations. Places are in shares of the box's height, so that they hold at any distance.
_PLACE_NOISE, _SIZE_NOISE, _ASPECT_NOISE = 0.06, 0.06, 0.25
_PIXEL_NOISE = 1.5
_CUT_NOISE = 3.0  # times as much, of a box that a neighbour or the image's border cuts
# Of the change of the rate in a second.
_PLACE_JERK, _FOOT_JERK, _SIZE_JERK, _ASPECT_JERK = 0.7, 0.3, 0.3, 0.3
# Of the rate at first sight, in 1/s.
_PLACE_RATE, _FOOT_RATE, _SIZE_RATE = 1.2, 0.4, 0.3
_MAX_SIZE_RATE = 1.5


@dataclass(slots=True)
class _Channel:
    """A value that changes at a steady rate: a Kalman filter of both."""

    value: float
    rate: float
    value_variance: float
    covariance: float
    rate_variance: float

    def predict(self, seconds: float, jerk: float) -> None:
        """Go on by some seconds, while the rate changes at random."""
        self.value += self.rate * seconds
        self.value_variance += seconds * (
            2 * self.covariance + seconds * self.rate_variance) + jerk * seconds**3 / 3
        self.covariance += seconds * self.rate_variance + jerk * seconds**2 / 2
        self.rate_variance += jerk * seconds

    def update(self, value: float, variance: float) -> None:
        """Take in a measurement."""
        total = self.value_variance + variance
        gain, rate_gain = self.value_variance / total, self.covariance / total
        wrong = value - self.value
        self.value += gain * wrong
        self.rate += rate_gain * wrong
        self.rate_variance -= rate_gain * self.covariance
        self.covariance *= 1 - gain
        self.value_variance *= 1 - gain

    def multiply(self, factor: float) -> None:
        """Take the value in another unit."""
        self.value *= factor
        self.rate *= factor
        self.value_variance *= factor**2
        self.covariance *= factor**2
        self.rate_variance *= factor**2


class Motion:
    """
    The motion of one box: of its middle, its foot, and the logarithm of its height.

    The ratio of its width to its height has no rate: people swing arms and legs.

    :param box: where it is first seen.
    """

    def __init__(self, box: Box):
        place = _place_variance(box[3])
        middle, foot, height, aspect = _values(box)
        self._middle = _Channel(middle, 0.0, place, 0.0, (_PLACE_RATE * box[3]) ** 2)
        self._foot = _Channel(foot, 0.0, place, 0.0, (_FOOT_RATE * box[3]) ** 2)
        self._height = _Channel(height, 0.0, _size_variance(box[3]), 0.0, _SIZE_RATE**2)
        self._aspect = _Channel(aspect, 0.0, _ASPECT_NOISE**2, 0.0, 0.0)
        self._box = self._compute_box()

    def predict(self, seconds: float) -> None:
        """Go on by some seconds."""
        height = self._box[3]
        self._middle.predict(seconds, (_PLACE_JERK * height) ** 2)
        self._foot.predict(seconds, (_FOOT_JERK * height) ** 2)
        self._height.predict(seconds, _SIZE_JERK**2)
        self._aspect.value_variance += _ASPECT_JERK**2 * seconds
        self._height.rate = min(max(self._height.rate, -_MAX_SIZE_RATE), _MAX_SIZE_RATE)
        self._box = self._compute_box()

    def update(self, box: Box, cut: bool = False) -> None:
        """
        Take in where the box is seen now.

        :param cut: whether less than all of it is seen.
        """
        middle, foot, height, aspect = _values(box)
        factor = _CUT_NOISE**2 if cut else 1.0
        self._middle.update(middle, factor * _place_variance(box[3]))
        self._foot.update(foot, factor * _place_variance(box[3]))
        self._height.update(height, factor * _size_variance(box[3]))
        self._aspect.update(aspect, factor * _ASPECT_NOISE**2)
        self._box = self._compute_box()

    def resize(self, scale: Scale) -> None:
        """Go on in an image of another size."""
        down, across = scale
        self._middle.multiply(across)
        self._foot.multiply(down)
        self._height.value += math.log(down)
        self._aspect.value += math.log(across / down)
        self._box = self._compute_box()

    @property
    def height(self) -> float:
        """The height of the box, pixels."""
        return self._box[3]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box, in fractions of pixels."""
        return self._box

    def _compute_box(self) -> tuple[float, float, float, float]:
        height = math.exp(self._height.value)
        width = height * math.exp(self._aspect.value)
        self._rounded: Box | None = None
        return self._middle.value - width / 2, self._foot.value - height, width, height

    @property
    def rounded(self) -> Box:
        """The box in whole pixels, at least one wide and high."""
        if self._rounded is None:
            x, y, width, height = self._box
            left, top = round(x), round(y)
            self._rounded = (
                left, top, max(round(x + width) - left, 1), max(round(y + height) - top, 1))
        return self._rounded

    @property
    def velocity(self) -> tuple[float, float]:
        """How fast the box's middle moves to the right and down, pixels a second."""
        return self._middle.rate, self._foot.rate - self._box[3] / 2 * self._height.rate


def _place_variance(height: float) -> float:
    return (_PLACE_NOISE * height + _PIXEL_NOISE) ** 2


def _size_variance(height: float) -> float:
    return (_SIZE_NOISE + _PIXEL_NOISE / height) ** 2


def _values(box: Box) -> tuple[float, float, float, float]:
    """Return middle, foot, and the logarithms of height and of width over height."""
    x, y, width, height = box
    width, height = max(width, 1), max(height, 1)
    return x + width / 2, y + height, math.log(height), math.log(width / height)
