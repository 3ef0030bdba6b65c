"""The files of rosbag2 recordings, and how they are named."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
import re

BAG_FILES = ('.mcap', '.db3')
PACKED = ('.zstd', '.zst')
"""What a recorder appends to the name of a file that it compresses, and what ``zstd`` does."""


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
