"""
Whether the bytes of an image file are all there.

OpenCV, as most decoders, shows what it has of a damaged file and fills up the rest with grey: half
a picture, which blinds and does not say so.

Found are: a JPEG whose picture ends before its end marker or lacks a scan, a PNG with a wrong
checksum, a WebP, a compressed TIFF or a JPEG 2000 that is cut, whether something follows or not,
and all else that is shorter than its header says. Not found are zeros in place of the pixels of a
format without compression (BMP, PNM, TIFF) or of the last bytes of a JPEG's scan: such files are
as valid as those of black pictures. Nor is that the last block of a JPEG is cut, 16x16 pixels.
"""

import io
import zlib

import av
from av.codec import CodecContext
from av.error import FFmpegError
from av.error import PatchWelcomeError
from PIL import Image
from PIL import UnidentifiedImageError

from aim_ros.imaging.jpeg import jpeg_length

_JPEG, _PNG, _RIFF, _WEBP = b'\xff\xd8', b'\x89PNG\r\n\x1a\n', b'RIFF', b'WEBP'
_NO_CODE = bytes(32)
"""No coder of WebP ends with so many zeros."""


def whole_length(data: memoryview) -> int:
    """
    Return the bytes of an image file up to its end, behind which padding may follow.

    :param data: the file's bytes.
    :return: 0 where a part of the picture is missing, or known to be damaged.
    """
    if data[:2] == _JPEG:
        end = jpeg_length(data)
        return end if end and _is_whole_jpeg(data[:end]) else 0
    if data[:8] == _PNG:
        return _png_length(data)
    if data[:4] == _RIFF and data[8:12] == _WEBP and not _is_whole_webp(data):
        return 0
    return len(data) if _is_whole_to_pillow(data) else 0


def _is_whole_jpeg(data: memoryview) -> bool:
    """
    Whether a JPEG's scans hold all of its picture.

    libjpeg only warns, on stderr, where they end too soon. FFmpeg refuses that if it is asked to.
    """
    decoder = CodecContext.create('mjpeg', 'r')
    decoder.options = {'err_detect': 'explode'}
    decoder.thread_count = 1
    try:
        return bool(decoder.decode(av.Packet(data)) + decoder.decode(None))
    except PatchWelcomeError:
        # Rare kinds, as CMYK with shared colours, that OpenCV decodes.
        return True
    except FFmpegError:
        return False


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


def _is_whole_webp(data: memoryview) -> bool:
    """Walk a WebP from chunk to chunk (RFC 9649, 2.3): none is cut, or ends in nothing."""
    place, end = 12, 8 + int.from_bytes(data[4:8], 'little')
    while place + 8 <= min(end, len(data)):
        kind, length = bytes(data[place:place + 4]), int.from_bytes(
            data[place + 4:place + 8], 'little')
        place += 8 + length
        if kind in (b'VP8 ', b'VP8L') and length > len(_NO_CODE) and (
                data[place - len(_NO_CODE):place] == _NO_CODE):
            return False
        place += length % 2
    return place == end <= len(data)


def _is_whole_to_pillow(data: memoryview) -> bool:
    """Whether Pillow, which refuses what is cut, has nothing against a file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except UnidentifiedImageError:
        # None of its formats: OpenCV has the word.
        return True
    # Its plugins raise what their parsers happen to.
    except Exception:
        return False
    return True
