"""
Decoding of image files, from a message, a recording or a folder alike.

OpenCV decodes, and turns the image as its EXIF orientation says. Before version 5 it takes half a
JPEG for a whole one, and of a damaged PNG it gives what it has: both are looked through first.
"""

import re
import zlib

import cv2
import numpy as np

from aim_ros.imaging.encodings import DEPTH
from aim_ros.imaging.encodings import PACKINGS
from aim_ros.imaging.frame import FrameError
from aim_ros.imaging.raw import demosaic
from aim_ros.imaging.raw import depth_sentence

_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
# Within a scan, 0xff is escaped by a zero, or begins a restart marker: neither ends it.
_NEXT_MARKER = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]', re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xda, 0xd9


def decode_image(data: np.ndarray | bytes | memoryview, format_name: str = ''
                 ) -> tuple[np.ndarray, str]:
    """
    Decode a JPEG, a PNG, or whatever else OpenCV reads.

    :param data: the file's bytes, as a buffer; padding may follow.
    :param format_name: ``format`` of a sensor_msgs/CompressedImage: ``jpeg``, or as
        image_transport has it, ``<encoding of the raw image>; jpeg compressed bgr8``.
    :return: uint8 (H, W, C), and its encoding: bgr8, or mono8 for a grey image.
    :raises FrameError: the data is damaged, no image, or one of distances.
    """
    original, _, how = (part.strip() for part in format_name.partition(';'))
    if original in DEPTH or how.startswith('compressedDepth'):
        raise FrameError(depth_sentence(format_name))
    bytes_ = np.frombuffer(data, np.uint8)
    end = _length(memoryview(bytes_))
    try:
        # 8 bits of the colours that are there; unlike IMREAD_UNCHANGED, this obeys EXIF.
        image = cv2.imdecode(bytes_[:end], cv2.IMREAD_ANYCOLOR) if end else None
    except cv2.error:
        image = None
    if image is None:
        of_format = f' of format {format_name!r}' if format_name else ''
        raise FrameError(f'the {bytes_.size} bytes{of_format} cannot be decoded; expected a '
                         'whole JPEG or PNG')
    if image.ndim == 3:
        return np.ascontiguousarray(image), 'bgr8'
    image = np.ascontiguousarray(image)[..., None]
    if original.startswith('bayer_') and original in PACKINGS:
        # image_transport compresses a mosaic as if it were a grey image.
        return demosaic(image, original), 'bgr8'
    return image, 'mono8'


def _length(data: memoryview) -> int:
    """Return the bytes of an encoded image up to its end, 0 where that is missing."""
    if data[:2] == _JPEG:
        return _jpeg_length(data)
    if data[:8] == _PNG:
        return _png_length(data)
    # The decoders of the other formats miss what is missing.
    return len(data)


def _jpeg_length(data: memoryview) -> int:
    """
    Walk a JPEG from marker to marker; ITU-T T.81, B.1.

    Half a JPEG has no end, whatever is behind it; a thumbnail's end lies within a segment.
    """
    place, scans = 2, 0
    while found := _NEXT_MARKER.search(data, place):
        marker, place = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            return place if scans else 0
        length = int.from_bytes(data[place:place + 2], 'big')
        if length < 2:
            return 0
        place += length
        scans += marker == _START_OF_SCAN
    return 0


def _png_length(data: memoryview) -> int:
    """Walk a PNG from chunk to chunk and check each; PNG specification, section 5."""
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place:place + 4], 'big')
        end = place + 12 + length
        if end > len(data):
            return 0
        kind = bytes(data[place + 4:place + 8])
        if zlib.crc32(data[place + 4:end - 4]) != int.from_bytes(data[end - 4:end], 'big'):
            return 0
        place = end
        if kind == b'IEND':
            return place
    return 0
