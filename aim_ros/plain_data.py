"""YAML and JSON that people write: read within bounds, and quoted in bounded length."""

import errno
import json
from pathlib import Path
import reprlib
import stat
from typing import Any

import yaml

DEEPEST = 100
"""Levels of tables and lists in each other; what is meant has about ten."""

MOST_VALUES = 1_000_000
"""Values that a file may stand for: with aliases, a few lines stand for more than memory holds."""

_MOST_KEYS = 10_000  # of a table, with those that it merges in by ``<<``
_LARGEST = 2**64  # integers of the files that are read are sizes, counts and nanoseconds

NO_SCALAR = (ValueError, LookupError, AttributeError)
"""What PyYAML lets through of a scalar that is none of its tag, as ``!!bool maybe``."""


class IrregularFileError(OSError):
    """A pipe, a device or a socket: these give their text once, or wait for ever."""


class BoundsError(ValueError):
    """Data that no program should go on with; the text goes on from the name of its file."""


class BoundedLoader(yaml.SafeLoader):
    """A loader that refuses tables which merge themselves into ever larger ones."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge into a table what its ``<<`` names."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise BoundsError(f'has a table of more than {_MOST_KEYS} keys')


def read_text(path: Path) -> str:
    """
    Return the text of a file.

    :raises IrregularFileError: it is no file on a disk.
    :raises OSError: it cannot be read.
    :raises UnicodeDecodeError: it is no UTF-8.
    """
    mode = path.stat().st_mode
    # A folder is refused as it is opened.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise IrregularFileError(
            errno.EINVAL, 'it is a pipe, a device or a socket, not a regular file', str(path))
    return path.read_text(encoding='utf-8')


def load_yaml(path: Path, loader: type[BoundedLoader] = BoundedLoader,
              largest: float = _LARGEST) -> Any:
    """
    Return what a YAML file says; what a `ValueError` says goes on from the name of the file.

    :param loader: as of `parse_yaml`, and so is `largest`.
    :raises IrregularFileError: as `read_text`.
    :raises OSError: it cannot be read.
    :raises BoundsError: as `parse_yaml`.
    :raises ValueError: it is no YAML, for instance no UTF-8.
    """
    try:
        text = read_text(path)
    except UnicodeDecodeError as error:
        raise ValueError(f'is no YAML: {error}') from error
    return parse_yaml(text, loader, largest)


def parse_yaml(text: str, loader: type[BoundedLoader] = BoundedLoader,
               largest: float = _LARGEST) -> Any:
    """
    Return what YAML says.

    :param loader: one that refuses more, by a ``yaml.YAMLError``.
    :param largest: integer, without its sign; infinite for who says of each value what is allowed.
    :raises BoundsError: it is nested deeper, stands for more, or has larger numbers than is meant.
    :raises ValueError: it is no YAML.
    """
    try:
        return checked(yaml.load(text, Loader=loader), largest)
    except BoundsError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except (yaml.YAMLError, *NO_SCALAR) as error:
        raise ValueError(f'is no YAML: {" ".join(str(error).split())[:300]}') from error


def parse_json(text: str) -> Any:
    """
    Return what JSON says.

    :raises BoundsError: as `parse_yaml`.
    :raises ValueError: it is no JSON.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise ValueError(f'is no JSON: {error}') from error
    return checked(content)


def checked(content: Any, largest: float = _LARGEST) -> Any:
    """
    Return plain data if it is within bounds.

    :param largest: as of `parse_yaml`.
    :raises BoundsError: as `parse_yaml`.
    """
    _measure(content, 0, {}, largest)
    return content


def shortened(value: Any) -> str:
    """Return what a value is for an error message, in at most 100 characters."""
    try:
        return _SHORT.repr(value)[:100]
    # Python writes out no integer of more than 4300 digits.
    except ValueError:
        return f'a {type(value).__name__} too long to print'


def _measure(value: Any, depth: int, known: dict[int, tuple[int, int]], largest: float
             ) -> tuple[int, int]:
    """Return how many values one stands for, and how deep it is; each object is visited once."""
    if isinstance(value, int) and abs(value) > largest:
        digits = int(value.bit_length() * 0.30103) + 1
        raise BoundsError(f'has an integer of about {digits} digits, and none beyond {largest} '
                          'can be meant')
    if not isinstance(value, dict | list | tuple | set):
        return 1, 0
    if depth > DEEPEST:
        raise _too_deep()
    if id(value) not in known:
        # So that what contains itself is without end.
        known[id(value)] = MOST_VALUES, 0
        parts = [part for pair in value.items() for part in pair] if isinstance(
            value, dict) else value
        found = [_measure(part, depth + 1, known, largest) for part in parts]
        known[id(value)] = (1 + sum(size for size, _ in found),
                            1 + max((height for _, height in found), default=0))
    size, height = known[id(value)]
    if depth + height > DEEPEST:
        raise _too_deep()
    if size > MOST_VALUES:
        raise BoundsError(f'stands for more than {MOST_VALUES} values, by aliases of aliases')
    return size, height


def _too_deep() -> BoundsError:
    return BoundsError(f'is nested too deeply: {DEEPEST} levels are allowed')


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 60
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = _SHORT.maxset = 12
