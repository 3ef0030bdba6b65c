"""The encodings of images, by their ROS names (sensor_msgs/image_encodings.hpp)."""

from typing import NamedTuple

import cv2


class Encoding(NamedTuple):
    """
    How the pixels of an 8-bit image lie.

    :param channels: bytes of a pixel.
    :param rgb: where red, green and blue lie in it.
    """

    channels: int
    rgb: tuple[int, int, int]


ENCODINGS: dict[str, Encoding] = {
    'rgb8': Encoding(3, (0, 1, 2)),
    'bgr8': Encoding(3, (2, 1, 0)),
    'rgba8': Encoding(4, (0, 1, 2)),
    'bgra8': Encoding(4, (2, 1, 0)),
    'mono8': Encoding(1, (0, 0, 0)),
}
"""The encodings that a `Frame` may have: whatever else comes is converted to one of these."""

ALIASES: dict[str, str] = {
    '8UC1': 'mono8',
    '8UC3': 'bgr8',
    '8UC4': 'bgra8',
    '16UC3': 'bgr16',
    '16UC4': 'bgra16',
    'uyvy': 'yuv422',
    'yuyv': 'yuv422_yuy2',
}
"""
Other names of the same bytes.

OpenCV's own types say nothing of colours; who publishes them has an OpenCV image, blue first.
"""


class Packing(NamedTuple):
    """
    How an image lies whose pixels are not those of a `Frame`, and what makes them so.

    :param encoding: one of `ENCODINGS`, that it becomes.
    :param bits: of a sample, 8 or 16.
    :param samples: of a pixel, in a row.
    :param code: OpenCV's conversion of the 8-bit samples; None where there is none to do.
    :param even: whether (height, width) must be even.
    :param chroma: planes of rows below the image's own, in heights of it.
    """

    encoding: str
    bits: int
    samples: int
    code: int | None = None
    even: tuple[bool, bool] = (False, False)
    chroma: float = 0.0


_BAYER = {
    'rggb': cv2.COLOR_BayerRGGB2BGR,
    'bggr': cv2.COLOR_BayerBGGR2BGR,
    'gbrg': cv2.COLOR_BayerGBRG2BGR,
    'grbg': cv2.COLOR_BayerGRBG2BGR,
}

PACKINGS: dict[str, Packing] = {
    'mono16': Packing('mono8', 16, 1),
    'rgb16': Packing('rgb8', 16, 3),
    'bgr16': Packing('bgr8', 16, 3),
    'rgba16': Packing('rgba8', 16, 4),
    'bgra16': Packing('bgra8', 16, 4),
    **{f'bayer_{pattern}{bits}': Packing('bgr8', bits, 1, code)
       for bits in (8, 16) for pattern, code in _BAYER.items()},
    'yuv422': Packing('bgr8', 8, 2, cv2.COLOR_YUV2BGR_UYVY, (False, True)),
    'yuv422_yuy2': Packing('bgr8', 8, 2, cv2.COLOR_YUV2BGR_YUYV, (False, True)),
    'nv12': Packing('bgr8', 8, 1, cv2.COLOR_YUV2BGR_NV12, (True, True), 0.5),
    'nv21': Packing('bgr8', 8, 1, cv2.COLOR_YUV2BGR_NV21, (True, True), 0.5),
    'nv24': Packing('bgr8', 8, 1, cv2.COLOR_YUV2BGR_NV12, chroma=2.0),
}
"""The encodings that are converted."""

DEPTH: frozenset[str] = frozenset(('16UC1', '32FC1', '64FC1', '16SC1', '32SC1'))
"""Encodings of distances: REP 118 has depth images in 16UC1 (millimetres) or 32FC1 (metres)."""
