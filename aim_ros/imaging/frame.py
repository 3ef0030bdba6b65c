"""One image of a camera, live or recorded; viewed and not copied."""

from dataclasses import dataclass
from dataclasses import field

import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.encodings import ENCODINGS


class FrameError(ValueError):
    """An image that cannot be taken as it is; the text says what would be right."""


@dataclass(frozen=True, eq=False)
class Frame:
    """
    An image of a camera.

    :param image: uint8 (H, W, C), a view that may have padded rows; C as `encoding` says.
    :param encoding: one of `ENCODINGS`.
    :param camera: the camera's name.
    :param stamp_ns: time of capture, as the header stamp says, nanoseconds.
    :param track_ns: time by which it is tracked, nanoseconds; None: its stamp.
    :param recorded_ns: when a recording took it down, by the recording's own clock, nanoseconds;
        None where there is no such clock.
    :param index: place in its source, from 0, also where some frames are left out.
    :param camera_model: the calibration, where it comes with the image.
    :param labels: uint8 (H, W) of Cityscapes train ids, 255 where there is none.
    :param frame_id: the coordinate frame that the header names.
    :raises FrameError: image, encoding and labels do not fit.
    """

    image: np.ndarray = field(repr=False)
    encoding: str = 'rgb8'
    camera: str = 'camera'
    stamp_ns: int = 0
    track_ns: int | None = None
    recorded_ns: int | None = None
    index: int = 0
    camera_model: CameraModel | None = None
    labels: np.ndarray | None = field(default=None, repr=False)
    frame_id: str = 'camera'

    def __post_init__(self):
        if self.encoding not in ENCODINGS:
            raise FrameError(
                f'unsupported encoding {self.encoding!r}; supported: {", ".join(ENCODINGS)}')
        shape, channels = self.image.shape, ENCODINGS[self.encoding].channels
        if (self.image.dtype != np.uint8 or len(shape) != 3 or min(shape) < 1
                or shape[2] != channels):
            raise FrameError(
                f'a {self.encoding} image must be uint8 (H, W, {channels}) and not empty, got '
                f'{self.image.dtype} {shape}')
        labels = self.labels
        if labels is not None and (labels.dtype != np.uint8 or labels.shape != shape[:2]):
            raise FrameError(
                f'labels must be uint8 {shape[:2]}, got {labels.dtype} {labels.shape}')

    @property
    def size(self) -> tuple[int, int]:
        """The image's (height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def time_ns(self) -> int:
        """The time by which the frame is tracked, nanoseconds."""
        return self.stamp_ns if self.track_ns is None else self.track_ns

    @property
    def rgb_channels(self) -> tuple[int, int, int]:
        """Where red, green and blue lie in a pixel."""
        return ENCODINGS[self.encoding].rgb

    def value_range(self) -> tuple[int, int]:
        """Return the least and the largest value of its colours, of every eighth row."""
        # Opacity, the fourth, is none.
        rows = self.image[::8, :, :3]
        return int(rows.min()), int(rows.max())

    def rgb(self) -> np.ndarray:
        """
        Copy the image as RGB.

        :return: contiguous uint8 (H, W, 3).
        """
        return np.ascontiguousarray(self.image[:, :, self.rgb_channels])
