"""The files of rosbag2 recordings: how they are named, and what a recorder compressed of them."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
import errno
from pathlib import Path
import re
import shutil
from tempfile import TemporaryDirectory

from aim_ros.media.frames import MediaError

BAG_FILES = ('.mcap', '.db3')
PACKED = ('.zstd', '.zst')
"""What a recorder appends to the name of a file that it compresses, and what ``zstd`` does."""

_UNPACKED: set[str] = set()
"""Folders with unpacked files."""

_MAGIC = b'\x28\xb5\x2f\xfd'
"""What begins with it is compressed: no message does, which begins with a zero byte."""


def is_bag_file(path: Path) -> bool:
    """Whether a path is a file of messages, by its name, whether compressed as a whole or not."""
    # A folder may have any name: "ros2 bag record -o drive.mcap" makes one.
    return unpacked_name(path).endswith(BAG_FILES) and path.is_file()


def files_of(folder: Path) -> list[Path]:
    """Return the files of a recording in order; of one that is there twice, the plain one."""
    files = {unpacked_name(file): file for file in sorted(
        (file for file in folder.iterdir() if is_bag_file(file)), reverse=True)}
    return [files[name] for name in sorted(files, key=lambda name: (len(name), name))]


def missing_parts(files: Iterable[Path]) -> list[str]:
    """
    Return which parts of a recording are missing by the numbers of those that are there.

    Not those before the first: a recorder that keeps a recording short removes these.
    """
    numbers = defaultdict(set)
    for file in files:
        if part := re.fullmatch(r'(.*_)(\d+)(\.\w+)', unpacked_name(file)):
            numbers[part[1], part[3]].add(int(part[2]))
    missing = []
    for (start, ending), there in sorted(numbers.items()):
        gaps = sorted(set(range(min(there), max(there))) - there) if (
            max(there) - min(there) < 2 * len(there)) else []  # else they are dates, or the like
        missing += [f'{start}{number}{ending}' for number in gaps]
    return missing


def unpacked_name(path: Path) -> str:
    """Return the name that a file has where it is not compressed."""
    return path.stem if path.suffix in PACKED else path.name


def unpack_file(path: Path, folder: Path) -> Path:
    """
    Unpack a file that was compressed as a whole, or as much of it as there is.

    :return: the unpacked one, in `folder`.
    :raises MediaError: there is no room for it.
    """
    zstd = _zstd()
    unpacked = folder / unpacked_name(path)
    try:
        with zstd.open(path, 'rb') as packed, unpacked.open('wb') as file:
            shutil.copyfileobj(packed, file)
    except (EOFError, zstd.ZstdError):
        # Who reads it finds that its end is missing.
        if not unpacked.stat().st_size:
            raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise MediaError(f'there is no room in {folder.parent} to unpack it; set TMPDIR to a '
                         'folder on a disk with more') from None
    return unpacked


@contextmanager
def folder_to_unpack_in() -> Iterator[Path]:
    """Give a temporary folder, which is removed at the end, or by `remove_unpacked` before."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _UNPACKED.add(folder)
        try:
            yield Path(folder)
        finally:
            _UNPACKED.discard(folder)


def remove_unpacked() -> None:
    """Remove what is unpacked; for a process that ends where no context can."""
    for folder in list(_UNPACKED):
        shutil.rmtree(folder, ignore_errors=True)


def unpack_message(data: bytes) -> bytes:
    """Return a message, unpacked where it was compressed, which only ``metadata.yaml`` says."""
    if not data.startswith(_MAGIC):
        return data
    zstd = _zstd()
    try:
        return zstd.decompress(data)
    except zstd.ZstdError:
        # Who reads it finds that it is no message.
        return data


def _zstd():
    # Imported where it is needed, which is seldom.
    try:
        from compression import zstd
    except ImportError:
        # Before Python 3.14.
        from backports import zstd
    return zstd
