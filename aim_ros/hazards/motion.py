"""Where a road user will be seen: constant velocity in the image, with scale."""

from dataclasses import dataclass
import math

from aim_ros.hazards.boxes import Box

# Standard deviations. Places are in shares of the box's height, so that they hold at any distance.
_PLACE_NOISE, _SIZE_NOISE = 0.06, 0.08
_PIXEL_NOISE = 1.5
_PLACE_JERK, _SIZE_JERK = 1.2, 0.8  # of the change of rate in a second
_PLACE_RATE, _SIZE_RATE = 1.5, 0.5  # of the rate at first sight, in 1/s
_MAX_SIZE_RATE = 2.0


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


class Motion:
    """
    The motion of one box: of its middle, its foot, and the logarithms of its width and height.

    :param box: where it is first seen.
    """

    def __init__(self, box: Box):
        scale = box[3]
        place, rate = _place_variance(scale), (_PLACE_RATE * scale) ** 2
        size = _size_variance(scale)
        self._channels = [
            _Channel(value, 0.0, place, 0.0, rate) for value in _foot(box)
        ] + [_Channel(value, 0.0, size, 0.0, _SIZE_RATE**2) for value in _sizes(box)]

    def predict(self, seconds: float) -> None:
        """Go on by some seconds."""
        jerk = (_PLACE_JERK * self.height) ** 2
        for channel in self._channels[:2]:
            channel.predict(seconds, jerk)
        for channel in self._channels[2:]:
            channel.predict(seconds, _SIZE_JERK**2)
            channel.rate = min(max(channel.rate, -_MAX_SIZE_RATE), _MAX_SIZE_RATE)

    def update(self, box: Box) -> None:
        """Take in where the box is seen now."""
        place, size = _place_variance(box[3]), _size_variance(box[3])
        for channel, value in zip(self._channels[:2], _foot(box), strict=True):
            channel.update(value, place)
        for channel, value in zip(self._channels[2:], _sizes(box), strict=True):
            channel.update(value, size)

    @property
    def height(self) -> float:
        """The height of the box, pixels."""
        return math.exp(self._channels[3].value)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box, in fractions of pixels."""
        middle, foot, *sizes = (channel.value for channel in self._channels)
        width, height = map(math.exp, sizes)
        return middle - width / 2, foot - height, width, height

    @property
    def rounded(self) -> Box:
        """The box in whole pixels, at least one wide and high."""
        x, y, width, height = self.box
        left, top = round(x), round(y)
        return left, top, max(round(x + width) - left, 1), max(round(y + height) - top, 1)

    @property
    def velocity(self) -> tuple[float, float]:
        """How fast the box's middle moves to the right and down, pixels a second."""
        middle, foot, _, height = self._channels
        return middle.rate, foot.rate - self.height / 2 * height.rate


def _place_variance(height: float) -> float:
    return (_PLACE_NOISE * height + _PIXEL_NOISE) ** 2


def _size_variance(height: float) -> float:
    return (_SIZE_NOISE + _PIXEL_NOISE / height) ** 2


def _foot(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3]


def _sizes(box: Box) -> tuple[float, float]:
    return math.log(max(box[2], 1)), math.log(max(box[3], 1))
