"""
The shared memory that killed processes leave behind: Fast DDS frees it at an orderly end alone.

A participant has a segment, 70 MB with `config/fastdds.xml`, and holds a lock on a file beside it
(``_el``) for as long as it lives; those who read what it sends map the segment. The ports at which
participants receive are left alone: they are small, some belong to all domains together, and Fast
DDS takes over those of the dead.
"""

from collections import defaultdict
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import suppress
import fcntl
import os
from pathlib import Path
import re

FOLDER = Path('/dev/shm')

_LOCK = '_el'
_NAME = re.compile(rf'(?P<segment>fast(?:rtps|dds)_[0-9a-f]{{16}})(?:{_LOCK})?')


def segments(folder: Path = FOLDER) -> dict[str, list[Path]]:
    """Return the files of each segment of Fast DDS, by its name."""
    found = defaultdict(list)
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            found[match['segment']].append(path)
    return dict(found)


def remove_left(before: Collection[str], folder: Path = FOLDER) -> list[str]:
    """
    Remove this user's segments that have come since and are nobody's any more.

    :param before: names of those that there were.
    :return: names of those that were removed.
    """
    new = {name: files for name, files in segments(folder).items() if name not in before}
    # Asked after they were listed: whoever makes a file has it open from the beginning.
    used = set(_used_files(folder)) if new else set()
    return [name for name, files in new.items()
            if not used.intersection(files) and _remove_unlocked(files)]


def _used_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that processes, as far as they may be seen, map or have open."""
    mapped = re.compile(rf' ({re.escape(str(folder))}/\S+)$', re.MULTILINE)
    for process in Path('/proc').glob('[0-9]*'):
        # Those that end meanwhile, and those of other users.
        with suppress(OSError):
            yield from map(Path, mapped.findall((process / 'maps').read_text(errors='replace')))
            for descriptor in (process / 'fd').iterdir():
                with suppress(FileNotFoundError):
                    yield descriptor.readlink()


def _remove_unlocked(files: Collection[Path]) -> bool:
    """Remove a segment's files unless they are another user's, or somebody holds its lock."""
    with ExitStack() as stack:
        for path in files:
            try:
                if path.stat().st_uid != os.getuid():
                    return False
                if path.name.endswith(_LOCK):
                    file = stack.enter_context(path.open('rb'))
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except FileNotFoundError:
                continue
            except BlockingIOError:
                # Of a process that is not to be seen, as in a container.
                return False
        for path in files:
            path.unlink(missing_ok=True)
    return True
