"""The files of rosbag2 recordings: how they are named, and what a recorder compressed of them."""

from pathlib import Path
import shutil

BAG_FILES = ('.mcap', '.db3')
PACKED = '.zstd'

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


def unpacked_name(path: Path) -> str:
    """Return the name that a file has where it is not compressed."""
    return path.name.removesuffix(PACKED)


def unpack_file(path: Path, folder: Path) -> Path:
    """
    Unpack a file that was compressed as a whole.

    :return: the unpacked one, in `folder`.
    """
    zstd = _zstd()
    unpacked = folder / unpacked_name(path)
    with zstd.open(path, 'rb') as packed, unpacked.open('wb') as file:
        shutil.copyfileobj(packed, file)
    return unpacked


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
