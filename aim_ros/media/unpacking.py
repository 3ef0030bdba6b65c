"""What a recorder compressed: whole files, and messages."""

from contextlib import ExitStack
import errno
from pathlib import Path
import shutil
from tempfile import TemporaryDirectory

from aim_ros.media.bag_files import unpacked_name
from aim_ros.media.frames import MediaError

_FOLDERS: set[str] = set()
"""Folders with unpacked files."""

_MAGIC = b'\x28\xb5\x2f\xfd'
"""What begins with it is compressed: no message does, which begins with a zero byte."""


class UnpackedFiles:
    """
    Files that were compressed as a whole, unpacked: each once, when it is asked for first.

    They are in a temporary folder until `close`, or `remove_unpacked`.
    """

    def __init__(self):
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._files: dict[Path, Path] = {}
        self._origins: dict[Path, Path] = {}

    @property
    def folder(self) -> Path:
        """Where they are."""
        if self._folder is None:
            name = self._stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
            _FOLDERS.add(name)
            self._stack.callback(_FOLDERS.discard, name)
            self._folder = Path(name)
        return self._folder

    @property
    def size(self) -> int:
        """How large they are together, bytes."""
        return sum(file.stat().st_size for file in self._files.values())

    def get(self, packed: Path) -> Path:
        """
        Return the unpacked form of a file.

        :raises MediaError: there is no room for it.
        """
        if packed not in self._files:
            self._files[packed] = unpack_file(packed, self.folder)
            self.note(self._files[packed], packed)
        return self._files[packed]

    def note(self, unpacked: Path, packed: Path) -> None:
        """Note where something comes from."""
        self._origins[unpacked] = packed

    def origin(self, path: Path) -> Path:
        """Return where something comes from: itself, where it was not unpacked."""
        return self._origins.get(path, path)

    def close(self) -> None:
        """Remove them."""
        self._files.clear()
        self._origins.clear()
        self._folder = None
        self._stack.close()


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


def remove_unpacked() -> None:
    """Remove what is unpacked; for a process that ends where no context can."""
    for folder in list(_FOLDERS):
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
