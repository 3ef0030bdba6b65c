"""Converted networks and what was measured of them, kept on disk between starts."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
import hashlib
import json
import logging
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any

_CHECKSUMS = 'checksums.json'
_KEPT = 8
"""Converted networks that are kept; the least recently used are removed."""

_logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return ``aim_ros`` in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    try:
        return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'aim_ros'
    except RuntimeError:
        # A user without a home, as of a container that runs under a number: nothing is kept long.
        return Path(tempfile.gettempdir()) / f'aim_ros-{os.getuid()}'


def cache_key(content: Any) -> str:
    """Return a short name for plain data (numbers, strings, lists, dicts)."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@contextmanager
def kept_folder(key: str, build: Callable[[Path], None]) -> Iterator[Path]:
    """
    Give the folder of a key, which `build` fills if it is not kept, or damaged.

    Several processes may do so at once. Where nothing can be kept, for instance in a home that is
    read-only, the folder is temporary. Opened files outlive it.

    :param key: from `cache_key`.
    :param build: writes files right into an empty folder.
    """
    kept = cache_folder() / 'networks' / key
    if _is_whole(kept):
        _touch(kept)
        yield kept
        return
    with _workplace(kept.parent) as workplace:
        folder = workplace / 'new'
        folder.mkdir()
        build(folder)
        (folder / _CHECKSUMS).write_text(json.dumps(_checksums(folder)))
        if workplace.parent == kept.parent:
            folder = _publish(folder, kept)
        yield folder


@contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    """Give a temporary folder beside what is kept, or elsewhere if that cannot be written."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        holder = tempfile.TemporaryDirectory(dir=parent, prefix='.')
    except OSError as error:
        _logger.warning('the converted network cannot be kept, so every start converts it: %s',
                        error)
        holder = tempfile.TemporaryDirectory()
    with holder as name:
        yield Path(name)


def _publish(folder: Path, kept: Path) -> Path:
    """Move a complete folder to its place, unless another process did; return where it is."""
    # Renaming is atomic, but wants no or an empty folder there: a damaged one goes aside first.
    if kept.exists() and not _is_whole(kept):
        _logger.warning('%s is damaged, and is made anew', kept)
        try:
            kept.rename(folder.parent / 'damaged')
        except OSError:
            return folder
    try:
        folder.rename(kept)
    except OSError:
        return kept if _is_whole(kept) else folder
    _remove_old(kept.parent)
    return kept


def _checksums(folder: Path) -> dict[str, str]:
    sums = {}
    for path in sorted(folder.iterdir()):
        if path.name != _CHECKSUMS:
            with path.open('rb') as file:
                sums[path.name] = hashlib.file_digest(file, 'sha256').hexdigest()
    return sums


def _is_whole(folder: Path) -> bool:
    try:
        return json.loads((folder / _CHECKSUMS).read_text()) == _checksums(folder)
    except (OSError, ValueError):
        return False


def _touch(folder: Path) -> None:
    try:
        os.utime(folder)
    except OSError:
        # Only its age is lost.
        _logger.debug('%s cannot be marked as used', folder, exc_info=True)


def _remove_old(parent: Path) -> None:
    folders = [path for path in parent.iterdir() if not path.name.startswith('.')]
    # Another process may remove them at the same time.
    folders.sort(key=lambda path: path.stat().st_mtime if path.exists() else 0.0, reverse=True)
    for path in folders[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def load_result(key: str) -> Any | None:
    """Return plain data kept under a key, None if there is none that can be read."""
    try:
        return json.loads(_result_path(key).read_text())
    except (OSError, ValueError):
        return None


def store_result(key: str, content: Any) -> None:
    """Keep plain data under a key; where that cannot be, only a warning is logged."""
    path = _result_path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile('w', dir=path.parent, prefix='.', delete=False) as file:
            json.dump(content, file)
        os.replace(file.name, path)
    except OSError as error:
        _logger.warning('what was measured cannot be kept in %s: %s', path.parent, error)


def _result_path(key: str) -> Path:
    return cache_folder() / 'measured' / f'{key}.json'
