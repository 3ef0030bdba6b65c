"""The command line of the demo."""

import argparse
import json
from pathlib import Path

import rclpy
from rich.console import Console

from aim_ros.media.frames import MediaError
from aim_ros.nodes.command_line import NodeParser
from aim_ros.nodes.demo.run import DemoError
from aim_ros.nodes.demo.run import Options
from aim_ros.nodes.demo.run import play
from aim_ros.nodes.launching.processes import isolate
from aim_ros.nodes.process import join_ros
from aim_ros.nodes.process import stop_on_signals

RESULTS = ('overlay.mp4', 'alerts.jsonl', 'summary.json')
"""Files of the output folder."""


def _options(args: list[str] | None) -> tuple[Options, list[str]]:
    parser = NodeParser(
        'demo', 'Play a drive through the nodes and film what they say.',
        'ros2 run aim_ros demo',
        'ros2 run aim_ros demo --source /data/drive_0005 --profiles neutral city --out film')
    parser.add_argument('--source', default='street', help=(
        'a KITTI drive, a folder of images, a rosbag2 directory, or street (default)'))
    parser.add_argument('--out', default='demo_out', help='folder of the results (demo_out)')
    parser.add_argument('--profiles', nargs=2, default=('neutral', 'defensive'),
                        metavar=('FIRST', 'SECOND'), help='driver profiles (neutral defensive)')
    parser.add_argument('--model', default='segformer-b0-street', help='as the node takes it')
    parser.add_argument('--device', default='auto', help='as the node takes it')
    parser.add_argument('--film-rate', type=_film_rate, default=10.0, metavar='HZ',
                        help="pictures a second of the film (10, the KITTI cameras' rate)")
    given, ros = parser.parse(args)
    return Options(given.source, Path(given.out), tuple(given.profiles), given.model,
                   given.device, given.film_rate), ros


def _film_rate(text: str) -> float:
    """Read pictures a second, as far as players go."""
    rate = float(text)
    if not 0.1 <= rate <= 240:
        raise argparse.ArgumentTypeError(f'must be in 0.1..240, got {text}')
    return rate


def main(args: list[str] | None = None) -> int:
    """Run the demo; return the exit code: 1 where nothing was played or something failed."""
    options, ros = _options(args)
    console = Console(highlight=False, soft_wrap=True)
    try:
        # What stands there is of another run; and a folder that cannot be is said at once.
        options.out.mkdir(parents=True, exist_ok=True)
        for name in RESULTS:
            (options.out / name).unlink(missing_ok=True)
    except OSError as error:
        console.print(f'--out cannot be {options.out}: {error.strerror}', style='red',
                      markup=False)
        return 1
    isolate()
    stop = stop_on_signals()
    if not join_ros('demo', ros):
        return 1
    try:
        summary = play(options, console, stop)
    except (DemoError, MediaError) as error:
        console.print(str(error), style='red', markup=False)
        return 1
    finally:
        rclpy.shutdown()
    (options.out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    total = summary['latency_ms'].get('total', {})
    console.print(
        f'{summary["masks_received"]} masks for {summary["frames_played"]} frames on '
        f'{summary["device"]}; receive to publish {total.get("p50", 0):.0f} ms (p50), '
        f'{total.get("p95", 0):.0f} ms (p95)')
    console.print(f'[bold]{options.out}[/]: {", ".join(RESULTS)}')
    return 0
