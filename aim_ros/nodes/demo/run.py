"""Runs the demo: starts the nodes, follows the drive frame by frame, and sums up."""

from collections import defaultdict
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
import threading
import time
from typing import Any
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn

from aim_ros.media.sources import open_source
from aim_ros.nodes.demo.alert_log import AlertLog
from aim_ros.nodes.demo.film import Film
from aim_ros.nodes.demo.viewer import ProfileRequest
from aim_ros.nodes.demo.viewer import Viewer
from aim_ros.nodes.launching.processes import last_problem
from aim_ros.nodes.launching.processes import process

# For nodes that hang: on cores that are busy with other work, a start alone takes a minute. Those
# that end are noticed at once.
_START_TIMEOUT = 600.0
_SILENCE_TIMEOUT = 300.0
_CONFIRM_TIMEOUT = 300.0
LAST_FRAMES_TIMEOUT = 10.0  # after the replay's end
_LONGEST_LOOK = 1.0
"""Seconds that a look for frames counts as silence at most: if it takes longer, it is this process
that stood still, and what came meanwhile is still to be taken in."""

_NODE, _CAMERA = 'segmentation: node', 'segmentation: camera'


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why and where to look."""


class Interrupted(DemoError):
    """The demo was told to stop."""


@dataclass(frozen=True)
class Options:
    """
    What the demo plays, and how.

    :param source: as `aim_ros.media.sources.open_source` takes it.
    :param out: folder of the results and logs; made where it is missing.
    :param profiles: driver profile of the first half, and of the second.
    :param model: as the segmentation node takes it.
    :param device: as the segmentation node takes it.
    :param film_rate: pictures a second of the film, > 0.
    """

    source: str
    out: Path
    profiles: tuple[str, str]
    model: str
    device: str
    film_rate: float

    def log(self, executable: str) -> Path:
        """Return the file that an executable's output goes to."""
        return self.out / f'{executable}.log'

    def segmentation_arguments(self) -> list[str]:
        """Return the ROS arguments of the segmentation node."""
        return ['-p', f'driver_profile:={self.profiles[0]}', '-p', f'model:={self.model}',
                '-p', f'device:={self.device}',
                '-p', 'qos_overrides./camera/image.subscription.reliability:=reliable']

    def replay_arguments(self) -> list[str]:
        """Return the ROS arguments of the replay node."""
        return ['-p', f'source:={self.source}', '-p', 'lockstep:=true', '-p', 'rate:=0.0',
                # The node and the viewer, which would else miss the first frames at times.
                '-p', 'subscribers:=2']


def play(options: Options, console: Console, stop: threading.Event) -> dict[str, Any]:
    """
    Run the demo.

    :param console: where progress and alerts are printed.
    :param stop: ends it early.
    :return: what stands in ``summary.json``.
    :raises DemoError: nothing was played, or a node failed.
    :raises Interrupted: `stop` was set.
    :raises MediaError: the source cannot be opened.
    """
    source = open_source(options.source)
    if stop.is_set():
        raise Interrupted('interrupted before anything was played')
    total = len(source)
    if total == 0:
        raise DemoError(f'{source.name} has no frames: there is nothing to play')
    options.out.mkdir(parents=True, exist_ok=True)
    first, second = options.profiles
    console.print(f'[bold]{source.name}[/]: {total} frames; profile {first}, then {second}')
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())
    viewer = Viewer()
    try:
        with (process('segmentation', options.segmentation_arguments(),
                      options.log('segmentation')) as node,
              Film(options.out / 'overlay.mp4', options.film_rate) as film,
              (options.out / 'alerts.jsonl').open('w') as records,
              Progress(*columns, console=console) as progress):
            drive = Drive(options, total, viewer, node, stop, film, records, progress)
            drive.await_node()
            with process('replay', options.replay_arguments(), options.log('replay')) as player:
                drive.follow(player)
            viewer.diagnostics.clear()
            # Published once a second; the next statistics have every frame in them.
            drive.await_node()
    finally:
        viewer.destroy_node()
    if node.returncode != 0:
        raise DemoError(f'the segmentation node ended with {node.returncode}; see '
                        f'{options.log("segmentation")}')
    return summarise(drive)


class Drive:
    """One drive through the nodes, as the viewer sees it."""

    def __init__(self, options: Options, total: int, viewer: Viewer, node: subprocess.Popen,
                 stop: threading.Event, film: Film, records: TextIO, progress: Progress):
        self.options = options
        self.total = total
        self.viewer = viewer
        self.alert_log = AlertLog(progress.console)
        self._node = node
        self._stop = stop
        self._film = film
        self._records = records
        self._progress = progress
        self._task = progress.add_task('loading the model', total=total)
        self._unfilmed = 0

    def await_node(self) -> None:
        """
        Wait until the segmentation node says that it is active, and of its camera.

        :raises DemoError: it does not become so.
        :raises Interrupted: the demo was told to stop.
        """
        viewer = self.viewer
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            self._check_stop()
            viewer.receive(0.1)
            status = viewer.diagnostics.get(_NODE, {})
            if status.get('lifecycle_state') == 'active' and _CAMERA in viewer.diagnostics:
                return
            failed = status.get('message', '').startswith('configure:')
            if failed or self._node.poll() is not None or time.monotonic() > deadline:
                raise self._error('segmentation', 'the segmentation node did not become active')

    def follow(self, player: subprocess.Popen) -> None:
        """
        Take in every frame until the last; switch to the second profile half way.

        :param player: the replay.
        :raises DemoError: no frame came back, a node failed, or the switch was refused.
        :raises Interrupted: the demo was told to stop.
        """
        self._progress.update(self._task, description='playing')
        request: ProfileRequest | None = None
        confirmed = False
        silent, looked = 0.0, time.monotonic()
        while True:
            self._check_stop()
            took, since = self._take_frames(), looked
            looked = time.monotonic()
            silent = 0.0 if took else silent + min(looked - since, _LONGEST_LOOK)
            frames = self.alert_log.frames
            if request is None and frames >= max(1, self.total // 2):
                request = self._request_second_profile()
                asked = time.monotonic()
            if request is not None and not confirmed:
                confirmed = self._confirmed(request, asked)
            if self._node.poll() is not None:
                raise self._error('segmentation', 'the segmentation node ended')
            ended = player.poll() is not None and silent > LAST_FRAMES_TIMEOUT
            if frames >= self.total or ended:
                if request is None or confirmed:
                    break
            elif player.poll():
                raise self._error('replay', 'the replay failed')
            elif silent > _SILENCE_TIMEOUT and player.poll() is None:
                raise self._error('replay', f'no frame came back for {silent:.0f} s')
        self.alert_log.end()
        self._report_missing_frames()

    def _take_frames(self) -> bool:
        """Take in what has arrived; return whether a frame was complete."""
        self.viewer.receive(0.1)
        moments = self.viewer.take_complete()
        for stamp, moment in moments:
            record = self.alert_log.add(stamp, moment.alerts)
            self._records.write(json.dumps(record) + '\n')
            try:
                self._film.add(moment.image, moment.overlay, record)
            except ValueError:
                # A video has one size.
                self._unfilmed += 1
        self._progress.update(self._task, completed=self.alert_log.frames)
        return bool(moments)

    def _request_second_profile(self) -> ProfileRequest:
        profile = self.options.profiles[1]
        self._progress.console.print(f'[bold]driver_profile {profile}[/]')
        return self.viewer.choose_profile(profile)

    def _confirmed(self, request: ProfileRequest, asked: float) -> bool:
        try:
            confirmed = request.confirmed()
        except ValueError as error:
            raise DemoError(str(error)) from error
        if not confirmed and time.monotonic() - asked > _CONFIRM_TIMEOUT:
            raise self._error('segmentation', 'the node did not answer the change of profile')
        return confirmed

    def _check_stop(self) -> None:
        if self._stop.is_set():
            self.alert_log.end()
            raise Interrupted(
                f'interrupted after {self.alert_log.frames} of {self.total} frames')

    def _report_missing_frames(self) -> None:
        frames = self.alert_log.frames
        if frames == 0:
            raise self._error('replay', 'nothing was played')
        if frames < self.total:
            self._progress.console.print(
                f'[yellow]only {frames} of {self.total} frames came back; see '
                f'{self.options.log("replay")}[/]')
        if self._unfilmed:
            self._progress.console.print(
                f'[yellow]{self._unfilmed} frames are of another size than the first, and not '
                'in the film[/]')

    def _error(self, executable: str, what: str) -> DemoError:
        log = self.options.log(executable)
        return DemoError(f'{what}; see {log}: {last_problem(log)}')


def summarise(drive: Drive) -> dict[str, Any]:
    """Return what stands in ``summary.json``."""
    viewer = drive.viewer
    node, camera = viewer.diagnostics[_NODE], viewer.diagnostics[_CAMERA]
    stages: dict[str, dict[str, float]] = defaultdict(dict)
    for key, value in camera.items():
        stage, _, percentile = key.partition('_ms_')
        # The demo plays with original stamps, whose age says nothing.
        if percentile and stage != 'capture_to_publish':
            stages[stage][percentile] = float(value)
    return {
        'frames_in_source': drive.total,
        'frames_played': viewer.images_received,
        'masks_received': viewer.masks_received,
        'frames_replaced': int(camera['frames_replaced']),
        'latency_ms': stages,
        'alerts_by_profile': drive.alert_log.by_profile(),
        'model': node['model'],
        'device': node['device'],
        'engine': node['engine'],
        'precision': node['precision'],
        'input_size': node['input_size'],
    }
