"""One camera image as it arrives, viewed and not copied."""

from dataclasses import dataclass
from dataclasses import field

import numpy as np

CHANNELS: dict[str, tuple[int, ...]] = {
    'rgb8': (0, 1, 2),
    'bgr8': (2, 1, 0),
    'rgba8': (0, 1, 2),
    'bgra8': (2, 1, 0),
    'mono8': (0, 0, 0),
}
"""Where red, green and blue lie in a pixel of each encoding, by its ROS name."""

DEPTH: dict[str, int] = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}
"""Channels of a pixel in each encoding."""


class FrameError(ValueError):
    """An image that can not be taken as it is; the text says what would be right."""


@dataclass(frozen=True)
class Frame:
    """
    A camera image.

    :param image: uint8 (H, W, C), a view that may have padded rows; C as `encoding` says.
    :param encoding: one of `CHANNELS`.
    :param camera: the camera's name.
    :param stamp_ns: header stamp in nanoseconds.
    :param track_ns: time by which it is tracked, nanoseconds; None: its stamp.
    :raises FrameError: image and encoding do not fit.
    """

    image: np.ndarray = field(repr=False)
    encoding: str = 'rgb8'
    camera: str = 'camera'
    stamp_ns: int = 0
    track_ns: int | None = None

    def __post_init__(self):
        if self.encoding not in CHANNELS:
            raise FrameError(
                f'unsupported encoding {self.encoding!r}; supported: {", ".join(CHANNELS)}')
        shape = self.image.shape
        if (self.image.dtype != np.uint8 or len(shape) != 3 or min(shape) < 1
                or shape[2] != DEPTH[self.encoding]):
            raise FrameError(
                f'a {self.encoding} image must be uint8 (H, W, {DEPTH[self.encoding]}) and not '
                f'empty, got {self.image.dtype} {shape}')

    @property
    def size(self) -> tuple[int, int]:
        """The image's (height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def time_ns(self) -> int:
        """The time by which the frame is tracked, nanoseconds."""
        return self.stamp_ns if self.track_ns is None else self.track_ns

    def rgb(self) -> np.ndarray:
        """Return a contiguous RGB copy, uint8 (H, W, 3)."""
        return np.ascontiguousarray(self.image[:, :, CHANNELS[self.encoding]])
