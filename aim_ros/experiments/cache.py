"""What a network computed, kept on disk under what it was computed from."""

from collections.abc import Callable
import hashlib
import json
import os
from pathlib import Path
import tempfile
from typing import Any

import numpy as np

from aim_ros.segmentation.cache import cache_folder


def file_checksum(path: str | Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def checksum(value: Any) -> str:
    """Return the sha256 of plain data (numbers, strings, lists, dicts), in hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def array_checksum(array: np.ndarray) -> str:
    """Return the sha256 of an array's type, shape and content, in hexadecimal digits."""
    head = f'{array.dtype.str} {array.shape} '.encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def folder_checksum(folder: str | Path) -> str:
    """Return a sha256 over names and contents of the files right in a folder."""
    files = sorted(path for path in Path(folder).iterdir() if path.is_file())
    return checksum({path.name: file_checksum(path) for path in files})


class ArrayCache:
    """
    Arrays on disk.

    :param folder: where; None takes `cache_folder`. It may be deleted at any time.
    """

    def __init__(self, folder: str | Path | None = None):
        self.folder = Path(folder) if folder else cache_folder()
        self.hits = 0
        self.misses = 0

    def get(self, key: Any, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """
        Return the array of a key, computed now if it is not kept yet.

        :param key: plain data that says all that the array depends on.
        """
        name = checksum(key)
        path = self.folder / name[:2] / f'{name}.npy'
        try:
            array = np.load(path)
        # A file that is not there, or that a full disk left unfinished.
        except (OSError, ValueError, EOFError):
            self.misses += 1
            array = compute()
            self._write(path, array)
        else:
            self.hits += 1
        return array

    def _write(self, path: Path, array: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete, so that no other run reads half of it.
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            np.save(file, array)
        os.replace(file.name, path)
