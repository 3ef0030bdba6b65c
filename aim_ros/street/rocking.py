"""How the car rocks on its springs, and the camera pitches with it."""

import math

import numpy as np

_SLOW, _FAST = (0.1, 0.6), (0.7, 1.9)
"""Hz: braking and bends of the road, and the springs. On KITTI's drives either is about half."""

_EACH = 3
"""Sines of either kind."""

MAX_DEGREES = 2.0


class Rocking:
    """
    The pitch of a camera over time.

    :param seed: draws it.
    :param degrees: its standard deviation, 0 to `MAX_DEGREES`; 0.15 and 0.3 on KITTI's drives.
    :param focal: pixels.
    """

    def __init__(self, seed: int, degrees: float, focal: float):
        rng = np.random.default_rng((seed, 7))
        self._frequency = np.concatenate(
            [rng.uniform(*band, _EACH) for band in (_SLOW, _FAST)])
        self._phase = rng.uniform(0, 2 * math.pi, 2 * _EACH)
        # A sine has a standard deviation of 1 / sqrt(2).
        self._rows = math.radians(degrees) * focal * math.sqrt(2 / (2 * _EACH))
        self.reach = math.ceil(self._rows * 2 * _EACH)
        """The most rows that it moves anything up or down."""

    def rows(self, seconds: float) -> int:
        """
        Return by how many rows everything is seen lower.

        A rotation by a small angle moves all rows alike, but for a few percent at the image's
        upper and lower edge.
        """
        angle = 2 * math.pi * self._frequency * seconds + self._phase
        return round(self._rows * float(np.sin(angle).sum()))
