"""The command line of the demo: the signals first, then what takes seconds to import."""

import argparse
import json
from pathlib import Path
import signal
import threading

from aim_ros.nodes.command_line import NodeParser
from aim_ros.nodes.launching.processes import isolate
from aim_ros.nodes.process import ignore_signals
from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import stop_on_signals
from aim_ros.outputs import check_folder
from aim_ros.outputs import whole_file

RESULTS = ('overlay.mp4', 'alerts.jsonl', 'summary.json')
"""Files of the output folder."""


def _parse(args: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = NodeParser(
        'demo', 'Play a drive through the nodes and film what they say.',
        'ros2 run aim_ros demo',
        'ros2 run aim_ros demo --source /data/drive_0005 --profiles neutral city --out film')
    parser.add_argument('--source', default='street', help=(
        'a KITTI drive, a folder of images, a rosbag2 directory, or street (default)'))
    parser.add_argument('--out', default=Path('demo_out'), type=Path,
                        help='folder of the results (demo_out)')
    parser.add_argument('--profiles', nargs=2, default=('neutral', 'defensive'),
                        metavar=('FIRST', 'SECOND'), help='driver profiles (neutral defensive)')
    parser.add_argument('--model', default='segformer-b0-street', help='as the node takes it')
    parser.add_argument('--device', default='auto', help='as the node takes it')
    parser.add_argument('--film-rate', type=_film_rate, default=10.0, metavar='HZ',
                        help="pictures a second of the film (10, the KITTI cameras' rate)")
    return parser.parse(args)


def _film_rate(text: str) -> float:
    """Read pictures a second, as far as players go."""
    rate = float(text)
    if not 0.1 <= rate <= 240:
        raise argparse.ArgumentTypeError(f'must be in 0.1..240, got {text}')
    return rate


def main(args: list[str] | None = None) -> int:
    """
    Run the demo; return the exit code.

    :return: 1 where nothing was played or something failed; 128 and its number after a signal.
    """
    given, ros = _parse(args)
    try:
        # What stands there is of another run; and a folder that cannot be is said at once.
        check_folder(given.out)
        given.out.mkdir(parents=True, exist_ok=True)
        for name in RESULTS:
            (given.out / name).unlink(missing_ok=True)
    except OSError as error:
        print(f'--out cannot be {given.out}: {error.strerror}')
        return 1
    isolate()
    # The nodes have sessions of their own, and would outlive a terminal that is closed.
    return _run(given, ros, stop_on_signals([signal.SIGHUP]))


def _run(given: argparse.Namespace, ros: list[str], stop: threading.Event) -> int:
    import rclpy
    from rich.console import Console

    from aim_ros.media.frames import MediaError
    from aim_ros.nodes.demo.run import DemoError
    from aim_ros.nodes.demo.run import Interrupted
    from aim_ros.nodes.demo.run import Options
    from aim_ros.nodes.demo.run import play

    console = Console(highlight=False, soft_wrap=True)
    if not join_ros('demo', ros):
        return 1
    options = Options(given.source, given.out, tuple(given.profiles), given.model, given.device,
                      given.film_rate)
    code = 0
    try:
        summary = play(options, console, stop)
        with whole_file(given.out / 'summary.json') as partial:
            partial.write_text(json.dumps(summary, indent=2) + '\n')
    except Interrupted as error:
        ignore_signals()
        code, reason = 128 + stop.number, str(error)
    except (DemoError, MediaError) as error:
        code, reason = 1, str(error)
    except OSError as error:
        code, reason = 1, (
            f'the demo ends: {error.filename or given.out}: {error.strerror or error}')
    finally:
        rclpy.shutdown()
    if code:
        console.print(reason, style='red', markup=False)
        _tell_what_is_left(console, given.out)
        return code
    total = summary['latency_ms'].get('total', {})
    console.print(
        f'{summary["masks_received"]} masks for {summary["frames_played"]} frames on '
        f'{summary["device"]}; receive to publish {total.get("p50", 0):.0f} ms (p50), '
        f'{total.get("p95", 0):.0f} ms (p95)')
    console.print(f'[bold]{given.out}[/]: {", ".join(RESULTS)}')
    return 0


def _tell_what_is_left(console, out: Path) -> None:
    """Say which files hold the frames that were played before the end, and leave no empty ones."""
    files = [file for name in RESULTS if (file := out / name).is_file()]
    for file in files:
        if not file.stat().st_size:
            file.unlink()
    left = [file.name for file in files if file.is_file()]
    if left:
        console.print(f'[bold]{out}[/] has the frames until then: {", ".join(left)}')
