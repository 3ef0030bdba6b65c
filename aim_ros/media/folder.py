"""A folder of images as a source."""

from collections.abc import Iterator
from collections.abc import Mapping
import math
from pathlib import Path
import re
from typing import Any

import cv2
import numpy as np

from aim_ros.media.frames import check_range
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import MediaFrame
from aim_ros.media.frames import regular_stamp

SUFFIXES = frozenset(('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp'))


class ImageFolder:
    """The images of one folder in natural order (2.png before 10.png), at a constant rate (Hz)."""

    def __init__(self, folder: Path, *, rate: float = 10.0):
        self._paths = image_files(folder)
        if not self._paths:
            kinds = ', '.join(sorted(SUFFIXES))
            raise MediaError(f'{folder} holds no image; images end in {kinds}')
        self._rate = rate
        self.name = f'images of {folder} at {rate:g} Hz'

    def __len__(self) -> int:
        return len(self._paths)

    def frames(self, start: int = 0, every: int = 1) -> Iterator[MediaFrame]:
        """Yield the images from `start` on; see `FrameSource.frames`."""
        check_range(start, every)
        for index in range(start, len(self._paths), every):
            image, encoding = read_image(self._paths[index])
            yield MediaFrame(image, encoding, regular_stamp(index, self._rate), index)


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder, its subfolders left out, in natural order."""
    paths = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted((path for path in paths if path.is_file()), key=_natural_key)


def read_image(path: Path) -> tuple[np.ndarray, str]:
    """Read one image and return it with its encoding, bgr8 or (grey files) mono8.

    Raises MediaError naming the file if it cannot be read.
    """
    # Read in Python, for a reason in words: OpenCV says of any failure only that there is none.
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise MediaError(f'cannot read image {path}: {error.strerror}') from None
    image = decode_image(data)
    if image is None:
        raise MediaError(f'cannot read image {path}: it is damaged, or not an image')
    return image, encoding_of(image)


def decode_image(data: np.ndarray) -> np.ndarray | None:
    """Decode a file's bytes (uint8) to (H, W) or BGR (H, W, 3), or None if they are no image."""
    if data.size == 0:
        return None
    try:
        image = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR)
    except cv2.error:
        return None
    return None if image is None else np.ascontiguousarray(image)


def encoding_of(image: np.ndarray) -> str:
    """Name the encoding of an image that `decode_image` returned."""
    return 'mono8' if image.ndim == 2 else 'bgr8'


def open_folder(folder: Path, options: Mapping[str, Any]) -> ImageFolder:
    """Open a folder of images; the one option is `rate` in Hz, above 0."""
    return ImageFolder(folder, **convert_options('an image folder', options, {'rate': as_rate}))


def as_rate(value: Any) -> float:
    """Convert an option to a rate in Hz; raise ValueError unless it is finite and above 0."""
    rate = float(value)
    if not 0 < rate < math.inf:
        raise ValueError('a rate in Hz is finite and above 0')
    return rate


def _natural_key(path: Path) -> list:
    # Odd places of the split hold the digits, so numbers are only ever compared with numbers.
    parts = re.split(r'(\d+)', path.name)
    return [int(part) if place % 2 else part.lower() for place, part in enumerate(parts)]
