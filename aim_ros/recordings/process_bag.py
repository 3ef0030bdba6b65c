"""The command ``process_bag``: recordings in, what the node would publish for them out."""

import argparse
from collections.abc import Sequence
import errno
import os
from pathlib import Path
import shlex
import sys

from aim_ros.openmp import yield_while_waiting
from aim_ros.outputs import check_folder
from aim_ros.recordings import command_line

PROG = 'process_bag'
_DESCRIPTION = """\
Perceive recordings as the node perceives live topics, every frame, as fast as the
machine can and with the same result whenever it is done again: each recording gets one
with masks, alerts and detections, with the stamps and at the times of its images. What
was done when the command was ended is kept: the same command goes on from there.
"""
_EXAMPLE = """\
  ros2 run aim_ros process_bag drive_0005 --out results --profile city
  ros2 run aim_ros process_bag drives/* --out results --profile city --with-inputs
  ros2 run aim_ros process_bag drive_0005 --out compared --compare neutral,defensive,city
  ros2 run aim_ros process_bag drives/* --out results --profile city --ray"""


def _parser() -> argparse.ArgumentParser:
    parser = command_line.new_parser(PROG, _DESCRIPTION, _EXAMPLE)
    parser.add_argument('bags', nargs='+', type=Path, metavar='IN',
                        help='rosbag2 folders, .mcap or .db3 files, or folders of recordings')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR',
                        help='where the results go, each in a folder named as the recording')
    under = parser.add_argument_group('what is perceived')
    choice = under.add_mutually_exclusive_group()
    choice.add_argument('--profile', default='neutral', metavar='NAME',
                        help='driver profile (default: %(default)s)')
    choice.add_argument('--compare', metavar='NAME,NAME',
                        help='compare profiles instead of writing recordings: one table '
                             '(Parquet) and one HTML page')
    under.add_argument('--profiles-file', default='', metavar='FILE',
                       help='where profiles are read from (default: the one that ships)')
    under.add_argument('--camera', action='append', default=[], metavar='[NAME=]TOPIC',
                       help='an image topic (default: all that can be played)')
    under.add_argument('--height', type=command_line.between(0.1, 10.0), default=1.65, metavar='M',
                       help='of the cameras above the road, metres (default: %(default)s)')
    under.add_argument('--pitch', type=command_line.between(-0.8, 0.8), default=0.0, metavar='RAD',
                       help='downward tilt of the cameras, radians (default: %(default)s)')
    under.add_argument('--seed', type=command_line.index, default=0, help='of all noise')
    network = parser.add_argument_group('the network')
    network.add_argument('--model', default='segformer-b0-street',
                         help='as the node takes it (default: %(default)s)')
    network.add_argument('--device', default='auto', help='(default: %(default)s)')
    network.add_argument('--engine', default='auto', help='(default: %(default)s)')
    network.add_argument('--input-size', type=command_line.count, nargs=2, default=(),
                         metavar=('H', 'W'),
                         help='of its input in pixels (default: what suits the camera)')
    network.add_argument('--threads', type=command_line.index, default=0, metavar='N',
                         help='of a process; 0 is what suits the machine')
    part = parser.add_argument_group('which part of the recordings')
    part.add_argument('--every', type=command_line.count, default=1, metavar='N',
                      help="take every Nth of a camera's images")
    part.add_argument('--start', type=command_line.seconds, default=0.0, metavar='S',
                      help='leave out so many seconds at the beginning')
    part.add_argument('--duration', type=command_line.seconds, metavar='S',
                      help='process so many seconds')
    results = parser.add_argument_group('results')
    results.add_argument('--with-inputs', action='store_true',
                         help='copy all that was recorded into the results')
    results.add_argument('--storage', choices=('mcap', 'sqlite3'), default='mcap',
                         help='(default: %(default)s)')
    results.add_argument('--overlay', type=Path, metavar='FILE.mp4',
                         help='make a video; of several cameras or recordings, one of each, '
                              'named after them')
    results.add_argument('--table', action='store_true',
                         help='write the alerts as Parquet, too, into DIR/alerts')
    fleet = parser.add_argument_group('a fleet (requirements-fleet.txt)')
    fleet.add_argument('--ray', nargs='?', const='local', metavar='ADDRESS',
                       help='spread the recordings over a Ray cluster (default: one on this '
                            'machine); implies --table')
    fleet.add_argument('--workers', type=command_line.count, metavar='N',
                       help='processes of a cluster on this machine (default: one for two cores)')
    return parser


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = list(sys.argv[1:] if args is None else args)
    parser = _parser()
    given = parser.parse_args(args)
    if given.compare and (given.ray or given.overlay or given.with_inputs):
        parser.error('--compare writes a table and a page alone: leave out --ray, --overlay and '
                     '--with-inputs')
    yield_while_waiting(os.environ)
    return command_line.run(PROG, lambda: _process(given, f'{PROG} {shlex.join(args)}'),
                            'the same command goes on from here')


def _options(given: argparse.Namespace):
    from aim_ros.recordings.errors import RecordingError
    from aim_ros.recordings.options import Options

    profiles = tuple(dict.fromkeys(
        filter(None, given.compare.split(',')))) if given.compare else (given.profile,)
    if given.compare and len(profiles) < 2:
        raise RecordingError(f'--compare takes two profiles or more, such as neutral,city; got '
                             f'{given.compare!r}')
    return Options(
        profiles=profiles, profiles_file=given.profiles_file, model=given.model,
        device=given.device, engine=given.engine, seed=given.seed,
        input_size=tuple(given.input_size),
        cameras=tuple(given.camera), start=given.start, duration=given.duration,
        every=given.every, keep_inputs=given.with_inputs, storage=given.storage,
        table=given.table or given.ray is not None, overlay=given.overlay is not None,
        height=given.height, pitch=given.pitch, threads=given.threads)


def _check_outputs(given: argparse.Namespace) -> None:
    """
    Check that the results can be written, before the network is loaded.

    :raises OSError: they cannot be.
    """
    check_folder(given.out)
    if given.overlay:
        check_folder(given.overlay.parent)
        if given.overlay.is_dir():
            raise IsADirectoryError(errno.EISDIR, 'it is a folder, and --overlay a file',
                                    str(given.overlay))


def _process(given: argparse.Namespace, command: str) -> int:
    from aim_ros.recordings.names import drives

    bags, options = drives(given.bags), _options(given)
    _check_outputs(given)
    if given.compare:
        from aim_ros.recordings.comparison import compare
        summaries, failed = compare(bags, given.out, options, command)
    elif given.ray:
        from aim_ros.recordings.fleet import process_on_ray
        summaries, failed = process_on_ray(
            bags, given.out, options, given.ray, given.workers)
    else:
        from aim_ros.recordings.one_process import process_here
        summaries, failed = process_here(bags, given.out, options)
    return _report(given, summaries, failed)


def _report(given: argparse.Namespace, summaries: list, failed: dict[str, str]) -> int:
    """Print the table at the end; return the exit code."""
    from rich.console import Console

    from aim_ros.recordings.errors import of_file
    from aim_ros.recordings.summary import summary_table
    from aim_ros.recordings.video import gather

    Console(width=None if sys.stdout.isatty() else 140).print(summary_table(summaries, failed))
    for drive, reason in failed.items():
        print(f'{PROG}: {drive}: {reason}', file=sys.stderr)
    whole = not failed and all(summary.whole for summary in summaries)
    if given.overlay:
        try:
            for path in gather({s.drive: given.out / s.drive for s in summaries}, given.overlay):
                print(path)
        except OSError as error:
            command_line.fail(
                PROG, f'the videos are beside the results, and not copied: {of_file(error)}')
            whole = False
    if not summaries:
        return command_line.NOTHING
    return command_line.WHOLE if whole else command_line.PART


if __name__ == '__main__':
    sys.exit(main())
