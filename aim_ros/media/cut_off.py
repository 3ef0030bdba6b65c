"""A .mcap file whose end is missing, as where the recorder was killed, up to its last record."""

import io
import os
from pathlib import Path

_MAGIC = b'\x89MCAP0\r\n'
_DATA_END = 0x0f
_RECORD_HEAD = 9  # a byte for its kind, and its length
_FOOTER = b'\x02' + (20).to_bytes(8, 'little') + bytes(20) + _MAGIC
"""Says that there is no summary, so that the records themselves are read."""


class CutOffMcap:
    """
    Stands for a path where rosbags takes one: its file ends after the last whole record.

    :param path: of the file.
    """

    def __init__(self, path: Path):
        self._path = path
        self.suffix = path.suffix

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def is_dir(self) -> bool:
        """Whether it is a folder: no."""
        return False

    def open(self, mode: str = 'rb') -> io.BufferedReader:
        """Open the file with an end."""
        if mode != 'rb':
            raise ValueError(f'a file without its end can only be read, got mode {mode!r}')
        return io.BufferedReader(_Ended(self._path))


class _Ended(io.RawIOBase):
    """The bytes of a file up to its last whole record, and a footer."""

    def __init__(self, path: Path):
        self._file = path.open('rb', buffering=0)
        self._length = _whole_length(self._file)
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = self._length + len(_FOOTER)
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: size}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def readinto(self, buffer) -> int:
        left = self._length - self._place
        if left > 0:
            self._file.seek(self._place)
            data = self._file.read(min(len(buffer), left))
        else:
            data = _FOOTER[-left:-left + len(buffer)]
        buffer[:len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _whole_length(file: io.RawIOBase) -> int:
    """Walk from record to record; MCAP format specification, "Records"."""
    size = file.seek(0, os.SEEK_END)
    place = len(_MAGIC)
    while place + _RECORD_HEAD <= size:
        file.seek(place)
        head = file.read(_RECORD_HEAD)
        end = place + _RECORD_HEAD + int.from_bytes(head[1:], 'little')
        if end > size or head[0] in (0, _DATA_END):
            break
        place = end
    return place
