"""The command ``experiments``: one sub-command, in a module of its name, for each experiment."""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import importlib
import math
import os
from pathlib import Path
import shlex
import sys
import textwrap

from aim_ros.experiments.errors import ExperimentError
from aim_ros.interruption import interruptible
from aim_ros.openmp import yield_while_waiting
from aim_ros.outputs import check_folder

COMMANDS = {
    'segmentation': "the paper's figures and table on segmentation: utility, focus, frontier",
    'calibrate': 'choose sigma for a driver profile by measurement',
    'alerts': 'safety alerts against road users as they are, by profile',
    'classification': 'utility of an image classifier against sigma, measured and predicted',
    'text': 'utility of a language model against sigma, and how coherent its text stays',
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default the program's own; return the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    yield_while_waiting(os.environ)
    return interruptible('experiments', lambda: _main(argv), 'there is no report of this run')


def _main(argv: Sequence[str]) -> int:
    try:
        arguments = _parser(argv).parse_args(argv)
        return _run(arguments, f'experiments {shlex.join(argv)}')
    except ModuleNotFoundError as error:
        return _fail(f'{error.name} is not installed; install the extra of this experiment, see '
                     'requirements-experiments.txt and requirements-text.txt')


def _run(arguments: argparse.Namespace, command_line: str) -> int:
    # Imported late, like the experiments: `--help` alone shall not wait for torch.
    from aim_ros.media.frames import MediaError
    from aim_ros.perception.profiles import ProfileError
    from aim_ros.segmentation.labels import UnknownClassError
    from aim_ros.segmentation.segmenter import ModelError

    arguments.command_line = command_line
    try:
        check_folder(arguments.out)
        arguments.run(arguments)
    except (ExperimentError, MediaError, ModelError, ProfileError, UnknownClassError,
            OSError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    print(f'experiments: {message}', file=sys.stderr)
    return 1


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; of the sub-commands only the one that `argv` names is imported."""
    parser = argparse.ArgumentParser(
        prog='experiments',
        description='What modulation does to your model on your data. Each experiment writes one '
                    'HTML report, with its tables (CSV) and plots (PNG) beside it.',
        epilog='example: experiments segmentation --help')
    subparsers = parser.add_subparsers(dest='experiment', metavar='EXPERIMENT', required=True)
    for name, summary in COMMANDS.items():
        if name in argv[:1]:
            importlib.import_module(f'aim_ros.experiments.{name}').add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def new_parser(subparsers, name: str, description: str, example: str, seeds: int | None = 3
               ) -> argparse.ArgumentParser:
    """
    Add a sub-command with the options that experiments share: `--out`, `--cache`, `--seeds`.

    :param name: its key in `COMMANDS`.
    :param example: a command line, for the end of `--help`.
    :param seeds: the default of `--seeds`; None does without, where nothing is drawn.
    """
    parser = subparsers.add_parser(
        name, help=COMMANDS[name], description=textwrap.fill(description, 79),
        epilog=f'example:\n  {example}', formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--out', type=Path, metavar='FOLDER', default=Path('experiments_out', name),
        help='where the report is written (default: %(default)s)')
    parser.add_argument(
        '--cache', type=Path, metavar='FOLDER', default=None,
        help='where logits are kept between runs (default: ~/.cache/aim_ros)')
    if seeds is not None:
        parser.add_argument(
            '--seeds', type=positive, default=seeds, metavar='N',
            help='repetitions of everything that is drawn, seeds 0..N-1 (default: %(default)s)')
    return parser


def positive(text: str) -> int:
    """Read a whole number of at least 1, as the type of an option."""
    return _number(text, int, lambda value: value >= 1, 'a whole number of at least 1')


def above_zero(text: str) -> float:
    """Read a finite number larger than 0, as the type of an option."""
    return _number(text, float, lambda value: 0 < value < math.inf, 'finite and larger than 0')


def not_negative(text: str) -> float:
    """Read a finite number of at least 0, as the type of an option."""
    return _number(text, float, lambda value: 0 <= value < math.inf, 'finite and at least 0')


def _number(text: str, kind: type, allowed: Callable[[float], bool], what: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not allowed(value):
        raise argparse.ArgumentTypeError(f'must be {what}, got {text!r}')
    return value
