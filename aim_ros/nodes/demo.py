"""
The demo: a drive through the two nodes, as processes over DDS, with a change of profile half way.

It is a user of the nodes like any other: it sees what they publish, and calls their services.
"""

import argparse
from collections import Counter
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
import json
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn
from sensor_msgs.msg import Image

from aim_ros.media.frames import MediaError
from aim_ros.media.sources import open_source
from aim_ros.media.video import VideoWriter
from aim_ros.nodes.conversions import frame_from_image
from aim_ros.nodes.conversions import stamp_to_ns
from aim_ros.nodes.process import stop_on_signals
from aim_ros.perception.overlay import write
from aim_ros.resources import share_directory

_START_TIMEOUT = 120.0
_SILENCE_TIMEOUT = 30.0
_LEVELS = ('OK', 'WARN', 'ERROR', 'STALE')
_LEVEL_COLORS = {'OK': (160, 255, 160), 'WARN': (255, 190, 0), 'ERROR': (255, 60, 60)}


# By any of these, a user chooses transports of Fast DDS.
TRANSPORT_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE',
                       'FASTDDS_BUILTIN_TRANSPORTS')


class DemoError(RuntimeError):
    """The demo can not go on; the text says why and where to look."""


@dataclass
class Moment:
    """What was published about one frame, by its stamp, as it comes in."""

    image: np.ndarray | None = None
    overlay: np.ndarray | None = None
    mask: bool = False
    alerts: DiagnosticArray | None = None

    @property
    def complete(self) -> bool:
        """Whether all four parts are there."""
        return (self.image is not None and self.overlay is not None and self.mask
                and self.alerts is not None)


class Viewer(Node):
    """Subscribes to a camera and to what the segmentation node says about it."""

    def __init__(self):
        super().__init__('demo_viewer')
        self.moments: dict[int, Moment] = defaultdict(Moment)
        self.diagnostics: dict[str, dict[str, str]] = {}
        self.masks_received = 0
        self._profile_client = self.create_client(SetParameters, '/segmentation/set_parameters')
        # Reliable and deep: the demo's film is to have every frame.
        qos = QoSProfile(depth=20)
        for message_type, topic, receive in (
                (Image, '/camera/image', self._receive_image),
                (Image, '/segmentation/camera/overlay', self._receive_overlay),
                (Image, '/segmentation/camera/mask', self._receive_mask),
                (DiagnosticArray, '/segmentation/camera/alerts', self._receive_alerts),
                (DiagnosticArray, '/diagnostics', self._receive_diagnostics)):
            self.create_subscription(message_type, topic, receive, qos)

    def _moment(self, message) -> Moment:
        return self.moments[stamp_to_ns(message.header.stamp)]

    def _receive_image(self, message: Image) -> None:
        self._moment(message).image = frame_from_image(message, 'camera').rgb()

    def _receive_overlay(self, message: Image) -> None:
        self._moment(message).overlay = frame_from_image(message, 'camera').rgb()

    def _receive_mask(self, message: Image) -> None:
        self.masks_received += 1
        self._moment(message).mask = True

    def _receive_alerts(self, message: DiagnosticArray) -> None:
        # A STALE between two frames is about no frame.
        if message.status[0].level != bytes([_LEVELS.index('STALE')]):
            self._moment(message).alerts = message

    def _receive_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = {
                'message': status.message, **{v.key: v.value for v in status.values}}

    def take_complete(self) -> list[tuple[int, Moment]]:
        """Return the frames of which all is known, oldest first, and forget them."""
        complete = sorted(stamp for stamp, moment in self.moments.items() if moment.complete)
        return [(stamp, self.moments.pop(stamp)) for stamp in complete]

    def set_profile(self, name: str):
        """Ask the segmentation node for another driver profile; return the future."""
        request = SetParameters.Request(
            parameters=[Parameter('driver_profile', value=name).to_parameter_msg()])
        return self._profile_client.call_async(request)


@dataclass
class Story:
    """What happened, frame by frame: writes ``alerts.jsonl`` and sums up."""

    console: Console
    frames: int = 0
    raised_by_profile: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    frames_by_profile: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    _raised: dict[str, dict[str, str]] = field(default_factory=dict)

    def tell(self, stamp_ns: int, alerts: DiagnosticArray) -> dict[str, Any]:
        """Take in a frame's alerts, print what changed, and return the frame's record."""
        summary = {v.key: v.value for v in alerts.status[0].values}
        tracks = {}
        for status in alerts.status[1:]:
            values = {v.key: v.value for v in status.values}
            tracks[values['track_id']] = {**values, 'message': status.message,
                                          'level': _LEVELS[status.level[0]]}
        profile = summary['profile']
        raised = [track for key, track in tracks.items() if key not in self._raised]
        cleared = [track for key, track in self._raised.items() if key not in tracks]
        for track in raised:
            self.raised_by_profile[profile][track['class']] += 1
            style = 'bold red' if track['level'] == 'ERROR' else 'yellow'
            self.console.print(
                f'[{style}]raised [/] frame {self.frames:4d}  {profile:10s} '
                f'#{track["track_id"]} {track["message"]}')
        for track in cleared:
            self.console.print(
                f'[green]cleared[/] frame {self.frames:4d}  {profile:10s} '
                f'#{track["track_id"]} {track["class"]}')
        self.frames_by_profile[profile][summary['level']] += 1
        self._raised = tracks
        record = {
            'frame': self.frames, 'stamp_ns': stamp_ns, **summary,
            'raised': [track['track_id'] for track in raised],
            'cleared': [track['track_id'] for track in cleared],
            'tracks': list(tracks.values()),
        }
        self.frames += 1
        return record

    def alerts_by_profile(self) -> dict[str, Any]:
        """Return, for each profile, its frames by level and the alerts raised by class."""
        return {profile: {'frames': levels.total(), 'frames_by_level': dict(levels),
                          'raised': dict(self.raised_by_profile[profile])}
                for profile, levels in self.frames_by_profile.items()}


def compose(moment: Moment, record: dict[str, Any]) -> np.ndarray:
    """
    Return one picture of the film: camera beside overlay, under a line of text.

    Wide images stand one above the other, others side by side.
    """
    height, width = moment.image.shape[:2]
    stacked = width > 1.6 * height
    body = np.concatenate([moment.image, moment.overlay], axis=0 if stacked else 1)
    header = np.full((48, body.shape[1], 3), 24, np.uint8)
    write(header, f'profile {record["profile"]}   sigma {record["sigma"]}   '
                  f'revision {record["revision"]}   frame {record["frame"]}', (8, 19))
    tracks = ', '.join(f'{t["class"]} {float(t["distance_m"]):.0f} m' for t in record['tracks'])
    level = record['level']
    write(header, f'{level}  {tracks}', (8, 40), _LEVEL_COLORS[level])
    return np.concatenate([header, body])


@contextmanager
def process(name: str, arguments: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """Run one of the package's executables, its output in `log`; end it with SIGINT."""
    root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ)
    environment['PYTHONPATH'] = os.pathsep.join(
        filter(None, [root, environment.get('PYTHONPATH')]))
    with log.open('w') as output:
        child = subprocess.Popen(
            [sys.executable, '-m', 'aim_ros.nodes', name, '--ros-args', *arguments],
            stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(15)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def isolate() -> None:
    """Keep the demo to this machine, apart from other ROS nodes, and fit for large images."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.setdefault('ROS_DOMAIN_ID', str(random.randint(1, 100)))
    profile = share_directory() / 'config' / 'fastdds.xml'
    if not any(name in os.environ for name in TRANSPORT_VARIABLES):
        os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(profile)


def play(arguments: argparse.Namespace, console: Console, stop) -> dict[str, Any]:
    """Run the demo and return its summary."""
    source = open_source(arguments.source)
    total = len(source)
    first, second = arguments.profiles
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    logs = {name: out / f'{name}.log' for name in ('segmentation', 'replay')}
    reliable = ['-p', 'qos_overrides./camera/image.subscription.reliability:=reliable']
    segmentation = ['-p', f'driver_profile:={first}', '-p', f'model:={arguments.model}',
                    '-p', f'device:={arguments.device}', *reliable]
    replay = ['-p', f'source:={arguments.source}', '-p', 'lockstep:=true', '-p', 'rate:=0.0',
              # The node and the viewer, which would else miss the first frames at times.
              '-p', 'subscribers:=2']

    viewer = Viewer()
    story = Story(console)
    console.print(f'[bold]{source.name}[/]: {total} frames; profile {first}, then {second}')
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())
    with (process('segmentation', segmentation, logs['segmentation']) as node,
          VideoWriter(out / 'overlay.mp4', arguments.film_rate) as film,
          (out / 'alerts.jsonl').open('w') as records,
          Progress(*columns, console=console) as progress):
        task = progress.add_task('loading the model', total=total)
        _await_active(viewer, node, stop, logs['segmentation'])
        with process('replay', replay, logs['replay']) as player:
            progress.update(task, description='playing')
            switch = None
            last = time.monotonic()
            while not stop.is_set():
                rclpy.spin_once(viewer, timeout_sec=0.1)
                for stamp, moment in viewer.take_complete():
                    last = time.monotonic()
                    record = story.tell(stamp, moment.alerts)
                    records.write(json.dumps(record) + '\n')
                    film.write(compose(moment, record))
                    progress.update(task, completed=story.frames)
                if switch is None and story.frames >= total // 2:
                    switch = viewer.set_profile(second)
                    console.print(f'[bold]driver_profile {second}[/]')
                if switch is not None and switch.done() and not switch.result(
                        ).results[0].successful:
                    raise DemoError(switch.result().results[0].reason)
                if story.frames >= total or node.poll() is not None:
                    break
                if time.monotonic() - last > _SILENCE_TIMEOUT or player.poll():
                    raise DemoError(f'no frame came back; see {logs["segmentation"]} and '
                                    f'{logs["replay"]}')
        # The books are published once a second; the last ones are to have every frame.
        viewer.diagnostics.clear()
        _await_active(viewer, node, stop, logs['segmentation'])
        diagnostics = dict(viewer.diagnostics)
    viewer.destroy_node()
    if stop.is_set():
        raise DemoError('interrupted')
    if node.returncode != 0:
        raise DemoError(f'the segmentation node ended with {node.returncode}; see '
                        f'{logs["segmentation"]}')
    return summarise(story, viewer, diagnostics, total)


def summarise(story: Story, viewer: Viewer, diagnostics: dict[str, dict[str, str]],
              frames_played: int) -> dict[str, Any]:
    """Return what stands in ``summary.json``."""
    node, camera = diagnostics['segmentation: node'], diagnostics['segmentation: camera']
    stages: dict[str, dict[str, float]] = defaultdict(dict)
    for key, value in camera.items():
        stage, _, percentile = key.partition('_ms_')
        # The demo plays with original stamps, whose age says nothing.
        if percentile and stage != 'capture_to_publish':
            stages[stage][percentile] = float(value)
    return {
        'frames_played': frames_played,
        'masks_received': viewer.masks_received,
        'frames_replaced': int(camera['frames_replaced']),
        'latency_ms': stages,
        'alerts_by_profile': story.alerts_by_profile(),
        'model': node['model'],
        'device': node['device'],
        'precision': node['precision'],
        'input_size': node['input_size'],
    }


def _await_active(viewer: Viewer, node: subprocess.Popen, stop, log: Path) -> None:
    """Wait until the segmentation node says that it is active."""
    deadline = time.monotonic() + _START_TIMEOUT
    while not stop.is_set():
        rclpy.spin_once(viewer, timeout_sec=0.1)
        status = viewer.diagnostics.get('segmentation: node', {})
        if status.get('lifecycle_state') == 'active':
            return
        failed = status.get('message', '').startswith('configure:')
        if failed or node.poll() is not None or time.monotonic() > deadline:
            raise DemoError(
                f'the segmentation node did not become active; see {log}: '
                f'{status.get("message", "")}')


def main(args: list[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(
        prog='demo', description='Play a drive through the nodes and film what they say.')
    parser.add_argument('--source', default='street', help=(
        'a KITTI drive, a folder of images, a rosbag2 directory, or street (default)'))
    parser.add_argument('--out', default='demo_out', help='folder of the results (demo_out)')
    parser.add_argument('--profiles', nargs=2, default=('neutral', 'defensive'),
                        metavar=('FIRST', 'SECOND'), help='driver profiles (neutral defensive)')
    parser.add_argument('--model', default='segformer-b0-street', help='as the node takes it')
    parser.add_argument('--device', default='auto', help='as the node takes it')
    parser.add_argument('--film-rate', type=float, default=10.0,
                        help="pictures a second of the film (10, the KITTI cameras' rate)")
    arguments = parser.parse_args(args)

    console = Console(highlight=False, soft_wrap=True)
    isolate()
    stop = stop_on_signals()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        summary = play(arguments, console, stop)
    except (DemoError, MediaError) as error:
        console.print(f'[red]{error}[/]')
        return 1
    finally:
        rclpy.shutdown()
    out = Path(arguments.out)
    (out / 'summary.json').write_text(json.dumps(summary, indent=2) + '\n')
    total = summary['latency_ms'].get('total', {})
    console.print(
        f'{summary["masks_received"]} masks for {summary["frames_played"]} frames on '
        f'{summary["device"]}; receive to publish {total.get("p50", 0):.0f} ms (p50), '
        f'{total.get("p95", 0):.0f} ms (p95)')
    console.print(f'[bold]{out}/overlay.mp4[/], alerts.jsonl, summary.json')
    return 0


if __name__ == '__main__':
    sys.exit(main())
