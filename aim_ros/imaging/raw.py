"""
Pixels of raw images, from a message or a recording alike.

The library rosbags-image knows these encodings too, but neither rows with padding nor the chroma
planes of nv12, and Ubuntu has no package of it; what is left of the work is OpenCV's.
"""

import sys

import cv2
import numpy as np

from aim_ros.imaging.encodings import ALIASES
from aim_ros.imaging.encodings import DEPTH
from aim_ros.imaging.encodings import ENCODINGS
from aim_ros.imaging.encodings import Packing
from aim_ros.imaging.encodings import PACKINGS
from aim_ros.imaging.frame import FrameError

SUPPORTED = (*ENCODINGS, *ALIASES, *PACKINGS)
"""The names of all encodings that can be taken."""


def check_encoding(encoding: str) -> None:
    """
    Check that images of an encoding can be taken.

    :raises FrameError: they cannot, whatever their pixels; the text names those that can.
    """
    if encoding in DEPTH:
        raise FrameError(depth_sentence(encoding))
    if encoding not in SUPPORTED:
        raise FrameError(
            f'unsupported encoding {encoding!r}; supported: {", ".join(SUPPORTED)}')


def depth_sentence(encoding: str) -> str:
    """Return what is wrong with an image of distances."""
    return (f'{encoding!r} is a depth image, and no picture; expected the colour or grey topic of '
            'the camera')


def pixels_of(data: np.ndarray | bytes | memoryview, encoding: str, height: int, width: int,
              step: int, is_bigendian: bool = False) -> tuple[np.ndarray, str]:
    """
    Return the pixels of a raw image as a `Frame` takes them.

    The encodings of `ENCODINGS`, by whatever name, are viewed in place; others are converted.

    :param data: the image's bytes, as a buffer; what follows the last row is left alone.
    :param encoding: its ROS name.
    :param height: rows of pixels.
    :param width: pixels of a row.
    :param step: bytes from one row to the next.
    :param is_bigendian: how samples of 16 bits lie.
    :return: uint8 (H, W, C), and the encoding's name in `ENCODINGS`.
    :raises FrameError: this is not a whole image of an encoding that can be taken.
    """
    check_encoding(encoding)
    name = ALIASES.get(encoding, encoding)
    packing = PACKINGS.get(name)
    if packing is None:
        channels = ENCODINGS[name].channels
        _check_layout(data, encoding, (height, width), step, channels, height)
        shape, strides = (height, width, channels), (step, channels, 1)
        return np.ndarray(shape, np.uint8, data, 0, strides), name

    _check_layout(data, encoding, (height, width), step, packing.samples * packing.bits // 8,
                  height + round(height * packing.chroma))
    if any(odd and must for odd, must in zip((height % 2, width % 2), packing.even, strict=True)):
        needs = 'even height and width' if packing.even[0] else 'an even width'
        raise FrameError(f'a {encoding} image must have {needs}, got {width}x{height} pixels')
    samples = (_nv24_as_nv12(data, height, width, step) if name == 'nv24'
               else _samples(data, (height, width), step, packing, is_bigendian))
    converted = samples if packing.code is None else cv2.cvtColor(samples, packing.code)
    if name == 'nv24':
        converted = np.ascontiguousarray(converted[::2, ::2])
    return converted.reshape(height, width, -1), packing.encoding


def demosaic(image: np.ndarray, encoding: str) -> np.ndarray:
    """
    Return the colours of an 8-bit Bayer mosaic.

    :param image: uint8 (H, W, 1).
    :param encoding: of the mosaic, ``bayer_<pattern>8`` or ``16``.
    :return: BGR uint8 (H, W, 3).
    """
    return cv2.cvtColor(image, PACKINGS[encoding].code)


def _check_layout(data, encoding: str, size: tuple[int, int], step: int, depth: int, rows: int
                  ) -> None:
    height, width = size
    if height == 0 or width == 0:
        raise FrameError(f'the image is {height}x{width} pixels; expected at least 1x1')
    given = memoryview(data).nbytes
    if given < step * rows:
        raise FrameError(
            f'the data has {given} bytes; expected step * {"height" if rows == height else "rows"}'
            f' = {step} * {rows} = {step * rows}')
    if step < width * depth:
        raise FrameError(
            f'step is {step} bytes; a row of {width} {encoding} pixels has {width * depth}')


def _samples(data, size: tuple[int, int], step: int, packing: Packing, is_bigendian: bool
             ) -> np.ndarray:
    """Return the 8-bit samples (rows, W, samples of a pixel), those of chroma planes below."""
    height, width = size
    rows, samples = height + round(height * packing.chroma), packing.samples
    if packing.bits == 8:
        return np.ndarray((rows, width, samples), np.uint8, data, 0, (step, samples, 1))
    wide = np.ndarray(
        (rows, width, samples), np.uint16, data, 0, (step, 2 * samples, 2))
    # A copy of padded rows: OpenCV misreads those of an odd number of bytes.
    wide = (wide.byteswap() if is_bigendian != (sys.byteorder == 'big')
            else np.ascontiguousarray(wide))
    # As cv_bridge does: the whole range of 16 bits becomes that of 8.
    return cv2.convertScaleAbs(wide, alpha=255 / 65535).reshape(wide.shape)


def _nv24_as_nv12(data, height: int, width: int, step: int) -> np.ndarray:
    """Return an nv24 image, which OpenCV lacks, as nv12 of twice the size: no colour is lost."""
    luma = np.ndarray((height, width), np.uint8, data, 0, (step, 1))
    chroma = np.ndarray((height, 2 * width), np.uint8, data, step * height, (2 * step, 1))
    return np.concatenate([luma.repeat(2, axis=0).repeat(2, axis=1), chroma])
