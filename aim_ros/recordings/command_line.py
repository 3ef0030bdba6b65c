"""What the commands of this room share: exit codes, errors in a sentence, kinds of options."""

import argparse
from collections.abc import Callable
import contextlib
import math
import sys
from typing import NoReturn

from aim_ros.interruption import interruptible

WHOLE, NOTHING, PART = 0, 1, 2
"""Exit codes: all was done, nothing was, a part was."""

EXIT_CODES = ('exit codes: 0 all was done, 1 nothing was done, 2 a part was done; 130 and 143\n'
              'after SIGINT and SIGTERM')


class Parser(argparse.ArgumentParser):
    """A parser for which a wrong command line is one with which nothing was done."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit."""
        self.exit(NOTHING, f'{self.prog}: {message}; see {self.prog} --help\n')


def new_parser(prog: str, description: str, example: str) -> Parser:
    """
    Make a parser.

    :param example: command lines, for the end of ``--help``.
    """
    return Parser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f'example:\n{example}\n\n{EXIT_CODES}')


def run(prog: str, work: Callable[[], int], advice: str = '') -> int:
    """
    Run a command, and say in a sentence what ended it.

    :param work: returns the exit code.
    :param advice: what is to be known after a signal, see `interruptible`.
    """
    # A path need not be UTF-8, nor the terminal able to show one.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors='backslashreplace')
    return interruptible(prog, lambda: _run(prog, work), advice)


def _run(prog: str, work: Callable[[], int]) -> int:
    # Imported late: `--help` alone shall not wait for torch.
    from aim_ros.imaging.frame import FrameError
    from aim_ros.media.frames import MediaError
    from aim_ros.perception.profiles import ProfileError
    from aim_ros.recordings.errors import of_file
    from aim_ros.recordings.errors import RecordingError
    from aim_ros.segmentation.description import ModelError
    from aim_ros.segmentation.labels import UnknownClassError

    try:
        return work()
    except (FrameError, MediaError, ModelError, ProfileError, RecordingError,
            UnknownClassError) as error:
        return fail(prog, str(error))
    except ModuleNotFoundError as error:
        return fail(prog, f'{error.name} is not installed: pip install {error.name}')
    # As where an installed package wants another version of what it needs.
    except ImportError as error:
        return fail(prog, f'a package cannot be used: {" ".join(str(error).split())}')
    except OSError as error:
        return fail(prog, of_file(error))


def fail(prog: str, message: str) -> int:
    """Say what is wrong on stderr; return the exit code for it."""
    with contextlib.suppress(BrokenPipeError):
        print(f'{prog}: {message}', file=sys.stderr)
    return NOTHING


def count(text: str) -> int:
    """Read a whole number of at least 1, as the type of an option."""
    return _number(text, int, 1, 'a whole number of at least 1')


def index(text: str) -> int:
    """Read a whole number of at least 0, as the type of an option."""
    return _number(text, int, 0, 'a whole number of at least 0')


def seconds(text: str) -> float:
    """Read seconds of at least 0, as the type of an option."""
    return _number(text, float, 0, 'seconds of at least 0')


def between(low: float, high: float) -> Callable[[str], float]:
    """Return what reads a number in a range, as the type of an option."""
    def read(text: str) -> float:
        value = _number(text, float, low, f'in {low:g}..{high:g}')
        if value > high:
            raise argparse.ArgumentTypeError(f'must be in {low:g}..{high:g}, got {text!r}')
        return value
    return read


def _number(text: str, kind: type, least: float, what: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise argparse.ArgumentTypeError(f'must be {what}, got {text!r}')
    return value
