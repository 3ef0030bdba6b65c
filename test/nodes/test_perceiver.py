"""The error boundaries: what goes wrong costs one camera one stage, and nothing is sent twice."""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import queue
import threading
import time
from types import SimpleNamespace

from deadline import DEADLINE
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.modulation import Modulation
from aim_ros.nodes.segmentation import retries
from aim_ros.nodes.segmentation.perceiver import Perceiver
from aim_ros.nodes.segmentation.perceiver import Received
from aim_ros.nodes.segmentation.problems import Problems
from aim_ros.nodes.segmentation.stream_statistics import StreamStatistics
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import Settings

SETTINGS = Settings(1, 'neutral', Modulation(), AlertSettings(()),
                    mounts={'left': Mount(), 'right': Mount()})
BOTH = ('left', 'right')


class Fault(RuntimeError):
    pass


class LostDevice(RuntimeError):
    """As torch has it of a kernel that fails."""

    def __init__(self, stage):
        super().__init__('CUDA error: device-side assert triggered')


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, kind, text, period=None):
        self.lines.append(text)

    error = warning


@dataclass
class Channel:
    """A camera whose stages fail where a test says so; it keeps what went out."""

    name: str
    fails: set[str]
    sent: list[str] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    statistics: StreamStatistics = field(default_factory=StreamStatistics)
    clear_after: float | None = None

    def __post_init__(self):
        self.topic = f'/{self.name}/image'
        self.input = self.output = self

    def _stage(self, name: str, error=Fault):
        if f'{self.name} {name}' in self.fails:
            raise error(name)

    def frame(self, message, received_ns, clear_after):
        self._stage('refused', FrameError)
        self._stage('frame')
        self.clear_after = clear_after
        return Frame(np.zeros((4, 6, 3), np.uint8), 'rgb8', self.name, 5)

    def ground(self, size, mount):
        self._stage('ground')
        return SimpleNamespace(distance=self._distance)

    def _distance(self, row):
        self._stage('distance')
        return 100.0 if row < 4 else 2.0

    def wants_confidence(self):
        self._stage('subscribers')
        return False

    def focus(self):
        return 0.0, ''

    def publish_alerts(self, session, perception, header, values, on_answer):
        self._stage('alerts')
        self.sent.append('alerts')
        on_answer()
        return True

    def others(self, perception, header):
        self._stage('pictures')
        for name in ('mask', 'overlay'):
            def publish(name=name):
                self._stage(name)
                self.sent.append(name)
            yield name, publish


class Pipeline:
    """Perceives nothing, fails where a test says so, and keeps the batches and the tracks."""

    def __init__(self, fails, error):
        self.fails = fails
        self.error = error
        self.batches = []
        self.tracked = []
        self.segmenter = SimpleNamespace(
            size_for=lambda size: size, is_ready=lambda size: True, prepare=None)

    def groups(self, frames):
        return [frames]

    def process(self, frames, settings, *, confidence, ground, on_error):
        names = [frame.camera for frame in frames]
        self.batches.append(names)
        if ({'batch'} & self.fails and len(names) > 1) or {
                f'{name} network' for name in names} & self.fails:
            raise self.error('network')
        perceptions = []
        for frame in frames:
            if f'{frame.camera} decode' in self.fails:
                on_error(frame, self.error('decode'))
                continue
            self.tracked.append(frame.camera)
            perceptions.append(SimpleNamespace(
                frame=frame, report=AlertReport(), latency_ms={}))
        return perceptions


@pytest.fixture
def perceive():
    """Return a function that perceives one image of each camera, and what came of it."""
    def perceive(*fails, settings=SETTINGS, error=Fault):
        fails, log, lost = set(fails), Log(), []
        channels = {name: Channel(name, fails) for name in BOTH}
        pipeline = Pipeline(fails, error)
        clock = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=10))
        header = SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=5))
        perceiver = Perceiver(pipeline, channels, lambda: settings, clock, log, None, lost.append)
        perceiver.perceive({
            name: Received(SimpleNamespace(header=header), 0) for name in BOTH})
        return SimpleNamespace(channels=channels, pipeline=pipeline, log=log, lost=lost)
    return perceive


def problem(channel):
    last = channel.problems.last()
    return last.text if last is not None and last.lasts else ''


ALL = ['alerts', 'mask', 'overlay']


def test_no_profile_has_a_say_in_which_stamps_jump(perceive):
    owner, profile = (AlertSettings((), clear_after=seconds) for seconds in (0.5, 3.0))
    done = perceive(settings=replace(SETTINGS, alerts=profile, owner_alerts=owner))
    assert [channel.clear_after for channel in done.channels.values()] == [0.5, 0.5]


def test_without_a_fault_all_goes_out_once(perceive):
    done = perceive()
    assert done.pipeline.batches == [['left', 'right']]
    assert [done.channels[name].sent for name in BOTH] == [ALL, ALL]
    assert [done.channels[name].statistics.count('answered') for name in BOTH] == [1, 1]
    assert not done.log.lines


@pytest.mark.parametrize(('fault', 'sent', 'said'), [
    ('right refused', [], 'a frame was refused: refused'),
    ('right frame', [], 'a frame was lost: Fault: frame'),
    ('right ground', ALL, ''),
    ('right distance', ALL, ''),
    ('right subscribers', ALL, ''),
    ('right network', [], 'a frame was lost: Fault: network'),
    ('right decode', [], 'a frame was lost: Fault: decode'),
    ('right alerts', ['mask', 'overlay'], 'the alerts were lost: Fault: alerts'),
    ('right pictures', ['alerts'], 'the pictures were lost: Fault: pictures'),
    ('right mask', ['alerts', 'overlay'], 'the mask was lost: Fault: mask'),
    ('right overlay', ['alerts', 'mask'], 'the overlay was lost: Fault: overlay'),
])
@pytest.mark.parametrize('failing', BOTH)
def test_a_fault_costs_its_camera_its_stage_alone(perceive, fault, sent, said, failing):
    done = perceive(fault.replace('right', failing))
    other, = set(BOTH) - {failing}
    assert done.channels[failing].sent == sent
    assert problem(done.channels[failing]) == said
    assert done.channels[other].sent == ALL
    assert not problem(done.channels[other])
    # No camera's tracks see one frame twice: what was raised the first time would be no more.
    assert len(set(done.pipeline.tracked)) == len(done.pipeline.tracked)
    assert any(f'/{failing}/image: ' in line for line in done.log.lines)


def test_where_only_the_batch_fails_each_camera_is_perceived_alone(perceive):
    done = perceive('batch')
    assert done.pipeline.batches == [['left', 'right'], ['left'], ['right']]
    assert done.pipeline.tracked == ['left', 'right']
    assert [done.channels[name].sent for name in BOTH] == [ALL, ALL]


@pytest.mark.parametrize('fault', ['left network', 'left decode'])
def test_only_the_loss_of_the_device_ends_all(perceive, fault):
    assert not perceive(fault).lost
    lost, = perceive(fault, error=LostDevice).lost
    assert isinstance(lost, LostDevice)


SMALL, LARGE = (32, 64), (64, 128)


def await_end(preparation):
    """Wait until nothing is prepared any more."""
    for thread in threading.enumerate():
        if thread.name == 'preparation':
            thread.join(DEADLINE)
    assert not preparation.alive


class Waiting:
    """A perceiver of one camera, by a clock that the test sets, with images that wait."""

    def __init__(self, *ready: tuple[int, int]):
        self.ready = set(ready)
        self.begun, self.compiles = threading.Event(), threading.Event()
        self.log, self.put_back = Log(), queue.Queue()
        self.channel = Channel('left', set())
        self.pipeline = Pipeline(set(), Fault)
        self.size, self.error = SMALL, None
        self.pipeline.segmenter = SimpleNamespace(
            size_for=lambda _: self.size, is_ready=lambda size: size in self.ready,
            prepare=self._prepare)
        self.seconds = 5000.0
        clock = SimpleNamespace(now=lambda: SimpleNamespace(
            nanoseconds=round(self.seconds * 1e9)))
        settings = replace(SETTINGS, max_age=2.0)
        self.perceiver = Perceiver(
            self.pipeline, {'left': self.channel}, lambda: settings, clock, self.log,
            lambda camera, item: self.put_back.put(item) is None, None)

    def _prepare(self, size: tuple[int, int]) -> None:
        self.begun.set()
        assert self.compiles.wait(DEADLINE)
        if self.error is not None:
            raise self.error
        self.ready.add(size)

    def image(self, age: float, waited: float = 0.0) -> Received:
        """Return an image that is as old by its stamp, and came as many seconds ago."""
        sec, nanosec = divmod(round((self.seconds - age) * 1e9), 10**9)
        stamp = SimpleNamespace(sec=sec, nanosec=nanosec)
        return Received(SimpleNamespace(header=SimpleNamespace(stamp=stamp)),
                        time.monotonic_ns() - round(waited * 1e9))

    def count(self, event: str) -> int:
        return self.channel.statistics.count(event)


def test_an_image_that_was_old_when_it_came_is_the_drivers():
    waiting = Waiting(SMALL)
    # By so much that no machine is slow enough to be the reason.
    waiting.perceiver.perceive({'left': waiting.image(age=3000, waited=1)})
    assert problem(waiting.channel) == (
        'a frame was refused: the image is 3000.0 s old by its stamp; alerts.max_age is 2 s')
    assert (waiting.count('refused'), waiting.count('outdated')) == (1, 0)
    waiting.perceiver.perceive({'left': waiting.image(age=1)})
    assert waiting.channel.sent == ALL


def test_an_image_that_became_old_while_others_were_perceived_is_not_the_drivers():
    waiting = Waiting(SMALL)
    # Nor is it worth being decoded.
    waiting.channel.fails.add('left frame')
    waiting.perceiver.perceive({'left': waiting.image(age=3, waited=2)})
    assert not waiting.channel.sent
    assert problem(waiting.channel) == (
        'a frame was dropped: it waited here for others to be perceived, and is 3.0 s old by now; '
        'alerts.max_age is 2 s')
    assert (waiting.count('refused'), waiting.count('outdated')) == (0, 1)
    waiting.channel.fails.clear()
    waiting.perceiver.perceive({'left': waiting.image(age=1)})
    assert waiting.channel.sent == ALL


def test_the_age_of_an_image_is_that_by_the_clock_when_it_is_taken():
    """With use_sim_time, /clock may be heard after an image that was sent after it."""
    waiting = Waiting(SMALL)
    early = waiting.image(age=-3000)
    waiting.seconds += 3000.5
    waiting.perceiver.perceive({'left': early})
    assert waiting.channel.sent == ALL
    waiting.perceiver.perceive({'left': waiting.image(age=-3)})
    assert problem(waiting.channel).startswith(
        'a frame was refused: its stamp is 3.0 s ahead of the clock of this node')


def test_an_image_that_a_clock_made_old_did_not_wait_for_others():
    waiting = Waiting(SMALL)
    image = waiting.image(age=1)
    waiting.seconds += 3000
    waiting.perceiver.perceive({'left': image})
    assert problem(waiting.channel) == (
        'a frame was refused: the image is 3001.0 s old by its stamp; alerts.max_age is 2 s')


@pytest.mark.parametrize(('seconds', 'sent', 'outdated'), [(0.9, ALL, 0), (2, [], 1)])
def test_an_image_that_became_old_while_its_network_was_compiled_is_not_the_drivers(
        seconds, sent, outdated):
    waiting = Waiting()
    waiting.perceiver.perceive({'left': waiting.image(age=1)})
    waiting.seconds += seconds
    waiting.compiles.set()
    waiting.perceiver.perceive({'left': waiting.put_back.get(timeout=DEADLINE)})
    assert waiting.channel.sent == sent
    assert waiting.count('outdated') == outdated
    assert waiting.count('refused') == 0
    if outdated:
        assert problem(waiting.channel).startswith(
            'a frame was dropped: it waited here for its network to be compiled, and is 3.0 s old')
        assert '/left/image: a frame was dropped: ' in waiting.log.lines[-1]
    assert waiting.perceiver.preparation.stop(DEADLINE)


def test_an_image_that_became_old_after_a_newer_one_went_on_is_superseded():
    waiting = Waiting(LARGE)
    older, newer = waiting.image(age=1), waiting.image(age=1)
    waiting.perceiver.perceive({'left': older})
    waiting.compiles.set()
    older = waiting.put_back.get(timeout=DEADLINE)
    assert older.frame is not None
    waiting.size = LARGE
    waiting.perceiver.perceive({'left': replace(newer, received_ns=older.received_ns + 1)})
    waiting.size = SMALL
    waiting.seconds += 2
    waiting.perceiver.perceive({'left': older})
    assert waiting.perceiver.preparation.stop(DEADLINE)
    assert waiting.channel.sent == ALL
    assert (waiting.count('replaced'), waiting.count('outdated')) == (1, 0)
    assert not problem(waiting.channel)


def test_an_image_that_goes_on_supersedes_older_ones_that_wait_alone():
    waiting = Waiting()
    preparation = waiting.perceiver.preparation
    older, newer = waiting.image(age=1), waiting.image(age=1)
    newer = replace(newer, received_ns=older.received_ns + 1)
    waiting.perceiver.perceive({'left': older})
    waiting.compiles.set()
    older = waiting.put_back.get(timeout=DEADLINE)
    waiting.compiles.clear()
    waiting.size = LARGE
    waiting.perceiver.perceive({'left': newer})
    assert preparation.awaited('left') == LARGE
    # It was put back before the other came.
    waiting.size = SMALL
    waiting.perceiver.perceive({'left': older})
    assert waiting.channel.sent == ALL
    assert preparation.awaited('left') == LARGE
    assert waiting.count('replaced') == 0
    latest = replace(newer, received_ns=newer.received_ns + 1)
    waiting.perceiver.perceive({'left': latest})
    assert preparation.awaited('left') is None
    assert waiting.count('replaced') == 1
    waiting.compiles.set()
    assert preparation.stop(DEADLINE)


def test_a_size_that_is_not_to_be_tried_yet_costs_its_images_and_no_line_of_the_log(monkeypatch):
    monkeypatch.setattr(retries, 'FIRST_WAIT', 3600.0)
    waiting = Waiting()
    waiting.error = Fault('no room')
    waiting.compiles.set()
    for count in (1, 2, 3):
        waiting.perceiver.perceive({'left': waiting.image(age=1)})
        # The first is lost in the thread that compiles.
        await_end(waiting.perceiver.preparation)
        assert problem(waiting.channel) == 'a frame was lost: Fault: no room'
        assert waiting.channel.problems.last().count == count
    assert waiting.log.lines == ['/left/image: a frame was lost: Fault: no room']
    # Other sizes are none of its.
    waiting.error, waiting.size = None, LARGE
    waiting.perceiver.perceive({'left': waiting.image(age=1)})
    waiting.put_back.get(timeout=DEADLINE)
    assert waiting.perceiver.preparation.stop(DEADLINE)


def test_an_image_that_was_superseded_is_not_lost_too():
    waiting = Waiting(LARGE)
    older, newer = waiting.image(age=1), waiting.image(age=1)
    waiting.error = Fault('no room')
    waiting.perceiver.perceive({'left': older})
    assert waiting.begun.wait(DEADLINE)
    waiting.size = LARGE
    waiting.perceiver.perceive({'left': replace(newer, received_ns=older.received_ns + 1)})
    assert waiting.channel.sent == ALL
    waiting.compiles.set()
    assert waiting.perceiver.preparation.stop(DEADLINE)
    assert waiting.channel.problems.last() is None
    assert waiting.count('replaced') == 1
    assert waiting.log.lines == ['/left/image: the network was not compiled: Fault: no room']
