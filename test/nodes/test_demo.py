"""The demo as users run it: a process of its own, which starts the two nodes."""

import errno
import io
import itertools
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import cv2
from deadline import DEADLINE
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import numpy as np
from pauses import pause
import pytest
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.task import Future
from rich.progress import Progress

from aim_ros.media.street import Street
from aim_ros.nodes.demo import cli
from aim_ros.nodes.demo import run
from aim_ros.nodes.demo.run import DemoError
from aim_ros.nodes.demo.run import Drive
from aim_ros.nodes.demo.run import Options
from aim_ros.nodes.demo.viewer import Moment
from aim_ros.nodes.demo.viewer import ProfileRequest
from aim_ros.nodes.launching.processes import last_problem

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def demo(tmp_path, tiny_model):
    """Return a function that runs the demo on a source; it returns the exit code and output."""
    def play(source, *arguments: str) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, '-m', 'aim_ros.nodes.demo', '--source', str(source), '--out',
             str(tmp_path / 'out'), '--model', tiny_model, '--device', 'cpu', *arguments],
            env={**os.environ, 'PYTHONPATH': str(ROOT)}, timeout=DEADLINE, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return ended.returncode, ended.stdout
    return play


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path, capsys):
    (tmp_path / 'file').touch()
    for out in (tmp_path / 'file', tmp_path / 'file' / 'results'):
        assert cli.main(['--source', '/nowhere', '--out', str(out)]) == 1
        assert f'--out cannot be {out}: ' in capsys.readouterr().out


@pytest.mark.parametrize('rate', ['0', '-1', 'nan', 'inf', '1e-9', '1e9', 'fast'])
def test_a_film_has_a_rate_that_players_show(capsys, rate):
    with pytest.raises(SystemExit) as end:
        cli.main(['--film-rate', rate])
    assert end.value.code == 2
    assert '--film-rate' in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes a folder of images, of which some are damaged."""
    def make(count: int, damaged: tuple[int, ...] = ()) -> Path:
        path = tmp_path / 'drive'
        path.mkdir()
        rng = np.random.default_rng(0)
        for index in range(count):
            file = path / f'{index}.png'
            cv2.imwrite(str(file), rng.integers(0, 256, (48, 64, 3), np.uint8))
            if index in damaged:
                file.write_bytes(file.read_bytes()[:20])
        return path
    return make


def test_every_frame_is_in_the_results_under_both_profiles(demo, folder, tmp_path):
    count = 5
    code, output = demo(folder(count))
    assert code == 0, output
    out = tmp_path / 'out'
    records = [json.loads(line) for line in (out / 'alerts.jsonl').read_text().splitlines()]
    assert [record['frame'] for record in records] == list(range(count))
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['frames_played'] == summary['frames_in_source'] == count
    assert summary['masks_received'] == count
    assert records[0]['profile'] == 'neutral'
    assert 'driver_profile defensive' in output
    assert output.splitlines()[-1].endswith(', '.join(cli.RESULTS))
    for name in cli.RESULTS:
        assert (out / name).stat().st_size > 0


@pytest.fixture
def start_demo(tmp_path, tiny_model):
    """Return a function that starts the demo on a source, its output in a file; ended at last."""
    started = []

    def start(source) -> subprocess.Popen:
        with (tmp_path / 'output').open('w') as output:
            started.append(subprocess.Popen(
                [sys.executable, '-m', 'aim_ros.nodes.demo', '--source', str(source), '--out',
                 str(tmp_path / 'out'), '--model', tiny_model, '--device', 'cpu'],
                env={**os.environ, 'PYTHONPATH': str(ROOT)}, stdout=output,
                stderr=subprocess.STDOUT))
        return started[-1]

    yield start
    for child in started:
        # Its nodes would outlive it.
        if child.poll() is None:
            child.terminate()
            child.wait()


def children_of(process: subprocess.Popen) -> list[int]:
    """Return the processes that a process started, and that have not ended."""
    return [int(folder.name) for folder in Path('/proc').glob('[0-9]*')
            if (status := read(folder / 'stat').rpartition(')')[2].split())
            and int(status[1]) == process.pid and status[0] != 'Z']


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ''


def wait_until(condition, process: subprocess.Popen) -> None:
    deadline, waiting = time.monotonic() + DEADLINE, threading.Event()
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        waiting.wait(0.02)
    pause()


@pytest.mark.skipif(not Path('/proc/self/stat').is_file(), reason='needs /proc')
@pytest.mark.parametrize(('until', 'number'), [
    ('segmentation.log', signal.SIGTERM), ('replay.log', signal.SIGINT),
    ('.overlay.mp4.partial', signal.SIGHUP)])
def test_a_signal_ends_the_demo_and_its_nodes_and_says_what_is_left(
        start_demo, folder, tmp_path, until, number):
    process, out = start_demo(folder(2000)), tmp_path / 'out'
    wait_until(lambda: (out / until).exists() and children_of(process), process)
    children = children_of(process)
    process.send_signal(number)
    code, output = process.wait(DEADLINE), (tmp_path / 'output').read_text()
    assert code == 128 + number, output
    assert 'Traceback' not in output
    assert 'interrupted after ' in output
    assert not any(Path(f'/proc/{child}').exists() for child in children)
    left = [name for name in cli.RESULTS if (out / name).exists()]
    assert all((out / name).stat().st_size for name in left)
    assert ('has the frames until then: ' + ', '.join(left) in output) == bool(left)
    assert not (out / '.overlay.mp4.partial').exists()
    if until.endswith('.partial'):
        assert left == ['overlay.mp4', 'alerts.jsonl']


@pytest.mark.skipif(not Path('/proc/self/maps').is_file(), reason='needs /proc')
def test_a_signal_while_the_demo_is_imported(start_demo, folder, tmp_path):
    process = start_demo(folder(1))
    maps = Path(f'/proc/{process.pid}/maps')
    wait_until(lambda: '_rclpy_pybind11' in read(maps), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 130
    output = (tmp_path / 'output').read_text()
    assert 'Traceback' not in output
    assert output.splitlines()[-1].startswith('interrupted ')


def test_a_disk_that_fills_ends_the_demo_in_a_sentence(tmp_path, monkeypatch, capsys):
    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / 'alerts.jsonl'))

    monkeypatch.setattr(run, 'play', fill)
    monkeypatch.setattr(cli, 'isolate', lambda: None)
    monkeypatch.setattr(cli, 'stop_on_signals', lambda _: threading.Event())
    assert cli.main(['--out', str(tmp_path)]) == 1
    assert f'{tmp_path}/alerts.jsonl: No space left on device' in capsys.readouterr().out


def test_with_nothing_played_the_demo_fails_and_names_no_results(demo, folder, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'overlay.mp4').write_bytes(b'of an earlier run')
    code, output = demo(folder(1, damaged=(0,)))
    assert code == 1, output
    assert 'cannot read image' in output.splitlines()[-1]
    assert 'overlay.mp4' not in output
    assert not (out / 'overlay.mp4').exists()
    assert not (out / 'summary.json').exists()


def test_a_source_of_no_frames_is_refused_before_anything_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Street, '__len__', lambda self: 0)
    monkeypatch.setattr(cli, 'isolate', lambda: None)
    monkeypatch.setattr(cli, 'stop_on_signals', lambda _: threading.Event())
    assert cli.main(['--source', 'street', '--out', str(tmp_path)]) == 1
    assert 'nothing to play' in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


class FakeViewer:
    """A viewer to which every frame has come, and whose request is confirmed at a later poll."""

    def __init__(self, frames: int, polls_until_confirmed: int, refusal: str = '',
                 looks_in_vain: int = 0):
        self._looks_in_vain = looks_in_vain
        self._stamps = list(range(frames))
        self.polls_left = polls_until_confirmed
        self._refusal = refusal
        self.diagnostics = {}

    def receive(self, timeout):
        pass

    def take_complete(self):
        self._looks_in_vain -= 1
        if self._looks_in_vain >= 0:
            return []
        image = np.zeros((4, 4, 3), np.uint8)
        summary = DiagnosticStatus(values=[KeyValue(key=key, value=value) for key, value in {
            'profile': 'neutral', 'level': 'OK', 'sigma': '0', 'revision': '1'}.items()])
        moments = [(stamp, Moment(image, image, True, DiagnosticArray(status=[summary])))
                   for stamp in self._stamps]
        self._stamps = []
        return moments

    def choose_profile(self, name):
        return self

    def confirmed(self):
        self.polls_left -= 1
        if self.polls_left == 0 and self._refusal:
            raise ValueError(self._refusal)
        return self.polls_left == 0


class FakeProcess:
    def __init__(self, code):
        self._code = code

    def poll(self):
        return self._code


@pytest.fixture
def make_drive(tmp_path):
    """Return a function that makes a drive whose viewer and nodes are stand-ins."""
    def make(viewer, total, film=SimpleNamespace(add=lambda *_: None)) -> Drive:
        options = Options('street', tmp_path, ('neutral', 'city'), 'model', 'cpu', 10.0)
        options.log('replay').write_text('[FATAL] [1.0] [replay]: cannot read image\n')
        return Drive(options, total, viewer, FakeProcess(None), threading.Event(), film,
                     io.StringIO(), Progress(disable=True))
    return make


def test_the_drive_is_not_over_before_the_switch_is_confirmed(make_drive):
    viewer = FakeViewer(frames=2, polls_until_confirmed=5)
    make_drive(viewer, 2).follow(FakeProcess(0))
    assert viewer.polls_left == 0


def test_a_switch_that_is_refused_ends_the_drive_with_the_reason(make_drive):
    viewer = FakeViewer(frames=1, polls_until_confirmed=2, refusal="unknown profile 'sport'")
    with pytest.raises(DemoError, match="unknown profile 'sport'"):
        make_drive(viewer, 1).follow(FakeProcess(None))


def test_a_replay_that_played_nothing_ends_the_drive_with_its_reason(make_drive, monkeypatch):
    monkeypatch.setattr(run, 'LAST_FRAMES_TIMEOUT', 0.0)
    with pytest.raises(DemoError, match=r'nothing was played; see .*replay\.log: cannot read im'):
        make_drive(FakeViewer(0, 1), 2).follow(FakeProcess(0))


def test_a_demo_that_stood_still_takes_in_what_came_meanwhile(make_drive, monkeypatch, capsys):
    clock = itertools.count(step=2 * run.LAST_FRAMES_TIMEOUT)
    monkeypatch.setattr(run, 'time', SimpleNamespace(monotonic=lambda: float(next(clock))))
    make_drive(FakeViewer(2, 1, looks_in_vain=3), 2).follow(FakeProcess(0))
    assert 'came back' not in capsys.readouterr().out


def test_a_source_that_gives_less_than_it_announced_says_so(make_drive, monkeypatch, capsys):
    monkeypatch.setattr(run, 'LAST_FRAMES_TIMEOUT', 0.0)
    drive = make_drive(FakeViewer(2, 1), 9)
    drive.follow(FakeProcess(0))
    assert 'only 2 of 9 frames came back' in capsys.readouterr().out


def test_frames_of_another_size_are_left_out_of_the_film(make_drive, capsys):
    def add(image, overlay, record):
        if record['frame']:
            raise ValueError('the video is 4x4')

    drive = make_drive(FakeViewer(3, 1), 3, SimpleNamespace(add=add))
    drive.follow(FakeProcess(0))
    assert drive.alert_log.frames == 3
    assert '2 frames are of another size than the first' in capsys.readouterr().out


def test_the_last_problem_of_a_log(tmp_path):
    log = tmp_path / 'log'
    log.write_text('[INFO] [1.5] [replay]: first\n[FATAL] [1.6] [replay]: cannot read\nbye\n')
    assert last_problem(log) == 'cannot read'
    log.write_text('start\nSegmentation fault\n\n')
    assert last_problem(log) == 'Segmentation fault'
    log.write_text('')
    assert last_problem(log) == 'empty'


def test_the_first_answer_counts_however_late_and_no_request_stays_open(monkeypatch):
    monkeypatch.setattr('aim_ros.nodes.demo.viewer._ASK_AGAIN', -1.0)
    futures: list[Future] = []

    def call_async(request):
        futures.append(Future())
        return futures[-1]

    request = ProfileRequest(SimpleNamespace(call_async=call_async), 'city')
    assert not request.confirmed()
    assert not request.confirmed()
    assert len(futures) == 3
    futures[0].set_result(SetParameters.Response(results=[SetParametersResult(successful=True)]))
    assert request.confirmed()
    assert all(future.done() or future.cancelled() for future in futures)
