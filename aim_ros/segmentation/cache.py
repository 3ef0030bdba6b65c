"""Converted networks and what was measured of them, kept on disk between starts."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
import hashlib
import json
import logging
import math
import os
from pathlib import Path
import shutil
import tempfile
import time
from typing import Any

_CHECKSUMS = 'checksums.json'
_KEPT = 8
"""Converted networks that are kept; the least recently used are removed."""

_LONGEST = 3600.0
"""Seconds that nobody takes to convert a network: what is older is left over."""

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
    read-only or on a disk that is full, the folder is temporary. Opened files outlive it.

    :param key: from `cache_key`.
    :param build: writes files right into an empty folder.
    :raises OSError: not even a temporary folder can be filled.
    """
    kept = cache_folder() / 'networks' / key
    if _is_whole(kept):
        _touch(kept)
        yield kept
        return
    with ExitStack() as workplaces:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(kept.parent)
            folder = _publish(_fill(workplaces, build, kept.parent), kept)
        except OSError as error:
            _logger.warning('the converted network cannot be kept, so every start converts it: %s',
                            error)
            # What was written fills the disk.
            workplaces.close()
            folder = _fill(workplaces, build)
        yield folder


def _fill(workplaces: ExitStack, build: Callable[[Path], None], parent: Path | None = None
          ) -> Path:
    """Return a complete folder, in a temporary one that is there as long as `workplaces`."""
    folder = Path(workplaces.enter_context(
        tempfile.TemporaryDirectory(dir=parent, prefix='.')), 'new')
    folder.mkdir()
    build(folder)
    (folder / _CHECKSUMS).write_text(json.dumps(_checksums(folder)))
    return folder


def _remove_abandoned(parent: Path) -> None:
    """Remove what processes that were killed have left."""
    oldest = time.time() - _LONGEST
    for path in parent.glob('.*'):
        if _last_used(path) < oldest:
            shutil.rmtree(path, ignore_errors=True)


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
    folders.sort(key=_last_used, reverse=True)
    for path in folders[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _last_used(path: Path) -> float:
    """Return when a folder was used last, in seconds of the system's clock."""
    try:
        return path.stat().st_mtime
    except OSError:
        # Another process has removed it.
        return math.inf


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
