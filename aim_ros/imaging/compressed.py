"""
Decoding of image files, from a message, a recording or a folder alike.

OpenCV decodes, and turns the image as its EXIF orientation says. What is damaged is refused first,
as far as that can be found out; see `wholeness`.
"""

import cv2
import numpy as np

from aim_ros.imaging.encodings import DEPTH
from aim_ros.imaging.encodings import PACKINGS
from aim_ros.imaging.frame import FrameError
from aim_ros.imaging.raw import demosaic
from aim_ros.imaging.raw import depth_sentence
from aim_ros.imaging.wholeness import whole_length

_VIDEOS = frozenset(('av1', 'h264', 'h265', 'hevc', 'mpeg4', 'theora', 'vp8', 'vp9'))


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
    if original.lower() in _VIDEOS:
        raise FrameError(f'{original!r} is a video, whose images do not stand alone; expected '
                         'JPEG or PNG, as the transport "compressed" has it')
    bytes_ = np.frombuffer(data, np.uint8)
    end = whole_length(memoryview(bytes_))
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
