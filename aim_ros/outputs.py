"""Files that commands write: whether they can be, and whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
import errno
import os
from pathlib import Path
import tempfile


def check_folder(folder: Path) -> None:
    """
    Check that files can be written into a folder, which need not be there yet; nothing is made.

    To be called before the long work of which they are the results.

    :raises OSError: they cannot be; it names the folder that is in the way.
    """
    place = folder.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
    try:
        # Permissions do not tell of disks that are read-only, nor what the superuser may.
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """
    Give a path beside `path` to write to; the file gets its name when it is whole.

    After an error it is removed; where nothing was written, there is none.
    """
    partial = path.with_name(f'.{path.name}.partial')
    try:
        yield partial
        if partial.exists():
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
