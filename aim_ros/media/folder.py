"""A folder of images as a source."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import os
from pathlib import Path
import re
import stat
from typing import Any

import numpy as np

from aim_ros.imaging.compressed import decode_image
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.media.frames import as_rate
from aim_ros.media.frames import check_range
from aim_ros.media.frames import check_stamp
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import lose
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import OnLoss
from aim_ros.media.frames import regular_stamp

SUFFIXES = frozenset(('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp'))


class ImageFolder:
    """
    The images of one folder in natural order (2.png before 10.png), at a constant rate.

    :param folder: its subfolders are left out.
    :param rate: Hz.
    :raises MediaError: there is no image.
    """

    def __init__(self, folder: Path, *, rate: float = 10.0):
        self._paths = image_files(folder)
        if not self._paths:
            kinds = ', '.join(sorted(SUFFIXES))
            raise MediaError(f'{folder} holds no image; images end in {kinds}')
        check_stamp(regular_stamp(len(self._paths), rate), f'images of {folder} at {rate:g} Hz')
        self._rate = rate
        self.name = f'images of {folder} at {rate:g} Hz'

    def __len__(self) -> int:
        return len(self._paths)

    def frames(self, start: int = 0, every: int = 1, on_loss: OnLoss | None = None
               ) -> Iterator[Frame]:
        """Yield the images from `start` on; see `FrameSource.frames`."""
        for index, image, encoding in read_images(self._paths, start, every, on_loss):
            stamp_ns = regular_stamp(index, self._rate)
            yield Frame(
                image, encoding, stamp_ns=stamp_ns, recorded_ns=stamp_ns, index=index)


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder, its subfolders left out, in natural order."""
    # A hidden one is no image: macOS leaves "._0.png" beside "0.png" on disks of other systems.
    paths = (path for path in folder.iterdir()
             if path.suffix.lower() in SUFFIXES and not path.name.startswith('.'))
    return sorted((path for path in paths if _may_be_file(path)), key=_natural_key)


def _may_be_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        # As a link to what is gone: whoever reads it says why it cannot be read.
        return True


def read_image(path: Path) -> tuple[np.ndarray, str]:
    """
    Read an image file.

    :return: uint8 (H, W, C), and its encoding: bgr8, or mono8 for a grey image.
    :raises MediaError: it cannot be read; the text names the file.
    """
    # Read in Python, for a reason in words: OpenCV says of any failure only that there is none.
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        link = f' (it is a link to {os.readlink(path)})' if path.is_symlink() else ''
        raise MediaError(f'cannot read image {path}: {error.strerror}{link}') from None
    try:
        return decode_image(data)
    except FrameError:
        raise MediaError(
            f'cannot read image {path}: it is damaged, or not an image') from None


def read_images(paths: Sequence[Path], start: int, every: int, on_loss: OnLoss | None
                ) -> Iterator[tuple[int, np.ndarray, str]]:
    """
    Yield every n-th of some images with its index, as `read_image` gives it.

    :param on_loss: see `FrameSource.frames`.
    """
    check_range(start, every)
    for index in range(start, len(paths), every):
        try:
            image, encoding = read_image(paths[index])
        except MediaError as error:
            lose(error, on_loss)
        else:
            yield index, image, encoding


def open_folder(folder: Path, options: Mapping[str, Any]) -> ImageFolder:
    """
    Open a folder of images.

    :param options: ``rate`` in Hz, above 0.
    :raises MediaError: there is no image, or an option is wrong.
    """
    return ImageFolder(folder, **convert_options('an image folder', options, {'rate': as_rate}))


def _natural_key(path: Path) -> list:
    # Odd places of the split hold the digits, so numbers are only ever compared with numbers.
    parts = re.split(r'(\d+)', path.name)
    return [int(part) if place % 2 else part.lower() for place, part in enumerate(parts)]
