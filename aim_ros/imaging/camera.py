"""A pinhole camera, of a whole image or of a part of it, binned or resized."""

from dataclasses import dataclass
from dataclasses import replace
import math

import numpy as np

_STRETCH = 0.03
"""By how much an image may be stretched, as one is whose sides are multiples of 32 pixels."""


class CameraError(ValueError):
    """A calibration that cannot be used; the text says why."""


@dataclass(frozen=True)
class CameraModel:
    """
    A pinhole camera.

    Pixel centres have integer coordinates, so that the image begins at -0.5.

    :param width: of the image that the intrinsics are for, pixels.
    :param height: likewise.
    :param fx: focal length in pixels; with `fy`, `cx` and `cy`, of the image as it is delivered.
    :param fy: likewise, downwards.
    :param cx: column of the optical axis.
    :param cy: row of the optical axis.
    :param distortion: empty for a rectified image.
    :param distortion_model: as in the message.
    :param r: rectification (3x3), flat and row by row.
    :param p: projection (3x4), likewise; made of the four intrinsics where it is not given.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    distortion_model: str = 'plumb_bob'
    r: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    p: tuple[float, ...] = ()

    def __post_init__(self):
        if not self.p:
            k = self.k
            object.__setattr__(self, 'p', (*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0))

    @property
    def k(self) -> tuple[float, ...]:
        """The intrinsic matrix (3x3), flat and row by row."""
        return (self.fx, 0.0, self.cx, 0.0, self.fy, self.cy, 0.0, 0.0, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image that the intrinsics are for."""
        return self.height, self.width

    @property
    def pinhole(self) -> tuple[float, float, float, float]:
        """The (fx, fy, cx, cy) of the rectified image, or where `p` has none, of `k`."""
        projection = self.p[0], self.p[5], self.p[2], self.p[6]
        return projection if _is_usable(projection) else (self.fx, self.fy, self.cx, self.cy)

    @property
    def projection(self) -> np.ndarray:
        """
        The matrix (3, 4) that takes points of the optical frame to pixels, float64.

        Of the rectified image: ``P`` after ``R``; where `p` has no intrinsics, that of `k`.
        """
        matrix = np.zeros((3, 4))
        if not _is_usable((self.p[0], self.p[5], self.p[2], self.p[6])):
            matrix[:, :3] = np.reshape(self.k, (3, 3))
            return matrix
        matrix[:] = np.reshape(self.p, (3, 4))
        # Who leaves out the rectification turns nothing.
        if any(self.r):
            matrix[:, :3] = matrix[:, :3] @ np.reshape(self.r, (3, 3))
        return matrix

    def cropped(self, left: int, top: int, width: int, height: int) -> 'CameraModel':
        """
        Return the camera of a part of the image.

        :param left: first column of the part; `top` its first row.
        """
        return self._mapped((1.0, -left), (1.0, -top), width, height)

    def binned(self, across: int, down: int) -> 'CameraModel':
        """
        Return the camera of an image in which blocks of pixels have become one.

        :param across: columns of a block; `down` its rows. What is left over is cut off.
        """
        width, height = max(self.width // across, 1), max(self.height // down, 1)
        return self._shrunk(1 / across, 1 / down, width, height)

    def scaled(self, size: tuple[int, int]) -> 'CameraModel':
        """
        Return the camera of the whole image resized.

        :param size: (height, width) of the resized image.
        :raises CameraError: it has another shape, so that it is not this image resized.
        """
        height, width = size
        if size == self.size:
            return self
        if not same_shape(size, self.size):
            raise CameraError(
                f'the calibration is for images of {self.width}x{self.height} pixels, and these '
                f'are {width}x{height}, of another shape')
        return self._shrunk(width / self.width, height / self.height, width, height)

    def _shrunk(self, across: float, down: float, width: int, height: int) -> 'CameraModel':
        # The image's edge lies half a pixel before the first centre, and stays where it is.
        return self._mapped(
            (across, 0.5 * across - 0.5), (down, 0.5 * down - 0.5), width, height)

    def _mapped(self, across: tuple[float, float], down: tuple[float, float], width: int,
                height: int) -> 'CameraModel':
        """Return the camera for new pixels, each given as (factor, offset) of the old ones."""
        matrix = np.array(
            [[across[0], 0, across[1]], [0, down[0], down[1]], [0, 0, 1]], np.float64)
        k = matrix @ np.reshape(self.k, (3, 3))
        p = matrix @ np.reshape(self.p, (3, 4))
        return replace(
            self, width=width, height=height, fx=float(k[0, 0]), fy=float(k[1, 1]),
            cx=float(k[0, 2]), cy=float(k[1, 2]), p=tuple(p.ravel().tolist()))


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """
    Whether one image may be the other resized: nearly the same factor both ways.

    :param size: (height, width) in pixels, as `other`.
    """
    low = max((a - 1) / b for a, b in zip(size, other, strict=True))
    high = min((a + 1) / b for a, b in zip(size, other, strict=True))
    return low <= (1 + _STRETCH) * high


def _is_usable(intrinsics: tuple[float, ...]) -> bool:
    return all(map(math.isfinite, intrinsics)) and intrinsics[0] > 0 and intrinsics[1] > 0
