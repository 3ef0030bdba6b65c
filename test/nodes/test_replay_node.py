# ruff: noqa: E402 - without rclpy, nothing below can be imported
"""The replay node, in process and as the process that users start."""

import array
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import os
import shutil
import signal
import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('rosbags', reason='rosbags is not installed')

from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import MediaError
from aim_ros.media.rosbag import write_bag
from aim_ros.media.sources import open_source
from aim_ros.nodes.launching.transports import TRANSPORT_VARIABLES
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.replay.awaited import AwaitedNodes
from aim_ros.nodes.replay.node import ReplayError
from aim_ros.nodes.replay.node import ReplayNode
from aim_ros.nodes.replay.run import run_replay

FIRST, STEP, COUNT = 1317042140_964389445, 40_000_000, 6
STAMPS = [FIRST + index * STEP for index in range(COUNT)]
CAMERA = CameraModel(24, 16, 20.0, 21.0, 12.0, 8.0)


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Write a bag of six small frames, 40 ms apart."""
    path = tmp_path_factory.mktemp('replay') / 'bag'
    rng = np.random.default_rng(0)
    write_bag(path, (
        Frame(rng.integers(0, 256, (16, 24, 3), np.uint8), 'rgb8', stamp_ns=stamp, index=index,
              camera_model=CAMERA)
        for index, stamp in enumerate(STAMPS)))
    return str(path)


class Listener(Node):
    """Keeps what a replay publishes; answers images with masks, where `answer` says so."""

    def __init__(self, answer=None, mask_topic='/segmentation/camera/mask', images=100):
        super().__init__('listener')
        self.images: list[Image] = []
        self.infos: list[CameraInfo] = []
        self.clocks: list[Clock] = []
        self.events: list[tuple[str, int]] = []
        self.answer = answer
        self.create_subscription(Image, 'camera/image', self._receive, images)
        self.create_subscription(CameraInfo, 'camera/camera_info', self.infos.append, 100)
        self.create_subscription(Clock, '/clock', self.clocks.append, 100)
        if answer is not None:
            self._masks = self.create_publisher(Image, mask_topic, 10)

    def _receive(self, image: Image) -> None:
        self.images.append(image)
        stamp = stamp_to_ns(image.header.stamp)
        self.events.append(('image', stamp))
        if self.answer is not None:
            mask = Image(header=image.header, height=1, width=1, encoding='mono8', step=1)
            mask.data = array.array('B', [0])
            if self.answer(len(self.images) - 1, mask):
                self.events.append(('mask', stamp))
                self._masks.publish(mask)

    @property
    def stamps(self) -> list[int]:
        return [stamp_to_ns(image.header.stamp) for image in self.images]


@pytest.fixture
def make(ros, bag):
    """Return a function that makes a replay of the bag, as fast as it can, and spins it."""
    def make(**overrides) -> ReplayNode:
        # Who waits for something waits for longer than it takes on busy cores.
        values = {'source': bag, 'rate': 0.0, 'lockstep_timeout': 240.0, 'match_timeout': 240.0,
                  **overrides}
        return ros.add(ReplayNode(parameter_overrides=[
            Parameter(name, value=value) for name, value in values.items()]))
    return make


def subscribers(node: Node, topic: str) -> int:
    """Return how many subscriptions a node's publisher is matched with."""
    return next(publisher.get_subscription_count() for publisher in node.publishers
                if publisher.topic_name == topic)


@pytest.fixture
def warnings(monkeypatch) -> list[tuple[str, str]]:
    """What is warned of, by its kind."""
    said = []
    monkeypatch.setattr(RateLimitedLogger, 'warning',
                        lambda log, kind, text, period=None: said.append((kind, text)))
    return said


@pytest.fixture
def listen(ros):
    """Return a function that makes a listener and waits until it hears the node."""
    def listen(node: ReplayNode, **options) -> Listener:
        listener = ros.add(Listener(**options))
        for topic in ('/camera/image', '/camera/camera_info'):
            ros.wait_for(lambda topic=topic: subscribers(node, topic) == 1, what='the listener')
        if node.settings.clock:
            ros.wait_for(lambda: subscribers(node, '/clock'), what='the clock')
        return listener
    return listen


def test_frames_go_out_whole_and_in_order(ros, make, listen, bag):
    node = make()
    listener = listen(node)
    tally = node.play(threading.Event())
    ros.wait_for(lambda: len(listener.images) == COUNT == len(listener.infos), what='all frames')
    assert tally.frames == COUNT
    assert listener.stamps == STAMPS
    for frame, image in zip(open_source(bag).frames(), listener.images, strict=True):
        assert (image.height, image.width, image.step) == (16, 24, 72)
        assert image.encoding == 'rgb8'
        assert image.header.frame_id == 'camera'
        np.testing.assert_array_equal(np.array(image.data).reshape(16, 24, 3), frame.image)
    for image, info in zip(listener.images, listener.infos, strict=True):
        assert info.header == image.header
        assert (info.width, info.height) == (24, 16)
        assert info.k.tolist() == list(CAMERA.k)
        assert info.p.tolist() == list(CAMERA.p)


def test_best_effort_subscriptions_match_too(ros, make, listen):
    node = make()
    listen(node, images=qos_profile_sensor_data)


def test_start_and_every(ros, make, listen):
    node = make(start=1, every=2)
    listener = listen(node)
    assert node.play(threading.Event()).frames == 3
    ros.wait_for(lambda: len(listener.images) == 3)
    assert listener.stamps == STAMPS[1::2]


def test_loop_begins_again_until_it_is_stopped(ros, make, listen):
    node = make(loop=True, lockstep=True)
    stop = threading.Event()

    def answer(index, mask):
        if index == 13:
            stop.set()
        return True

    listener = listen(node, answer=answer)
    assert node.play(stop).frames == 14
    assert listener.stamps == (STAMPS * 3)[:14]


def test_stamps_of_playing(ros, make, listen):
    node = make(stamps='now')
    listener = listen(node)
    before = time.time_ns()
    node.play(threading.Event())
    ros.wait_for(lambda: len(listener.images) == COUNT)
    assert before <= listener.stamps[0]
    assert listener.stamps[-1] <= time.time_ns()
    assert listener.stamps == sorted(set(listener.stamps))


def test_the_clock_says_the_stamp_of_each_frame(ros, make, listen):
    node = make(clock=True)
    listener = listen(node)
    node.play(threading.Event())
    ros.wait_for(lambda: len(listener.images) == COUNT == len(listener.clocks))
    assert [stamp_to_ns(message.clock) for message in listener.clocks] == STAMPS


@pytest.mark.parametrize('clock', [False, True])
def test_the_end_waits_for_the_delivery_of_all(make, monkeypatch, clock):
    """Who ends with the replay's process would else lose the last calibration."""
    awaited = []
    monkeypatch.setattr(Publisher, 'wait_for_all_acked',
                        lambda publisher, timeout: awaited.append(publisher.topic_name))
    make(clock=clock).play(threading.Event())
    assert set(awaited) == {'/camera/image', '/camera/camera_info', *['/clock'] * clock}


def test_there_is_no_clock_unless_it_is_asked_for(make):
    assert '/clock' not in [name for name, _ in make().get_publisher_names_and_types_by_node(
        'replay', '/')]


@pytest.mark.parametrize('rate', [1.0, 2.0])
def test_the_pace_is_that_of_the_stamps(make, rate):
    node = make(rate=rate)
    begin = time.monotonic()
    node.play(threading.Event())
    assert time.monotonic() - begin >= (COUNT - 1) * STEP / 1e9 / rate


def test_a_pace_that_cannot_be_kept_is_said(make, monkeypatch, warnings):
    node = make(rate=1000.0)
    monkeypatch.setattr('aim_ros.nodes.replay.node._LATE', -1.0)
    node.play(threading.Event())
    assert warnings[0][0] == 'pace'
    assert 'late: it cannot be played at rate 1000; lower rate or raise every' in warnings[0][1]


def test_lockstep_waits_for_the_mask_of_each_frame(ros, make, listen):
    node = make(lockstep=True)
    listener = listen(node, answer=lambda index, mask: True)
    tally = node.play(threading.Event())
    assert (tally.frames, tally.masks, tally.timeouts) == (COUNT, COUNT, 0)
    assert listener.events == [
        (kind, stamp) for stamp in STAMPS for kind in ('image', 'mask')]


class Hurry:
    """A clock that hurries from one call to the next, in its place in a module, while told to."""

    def __init__(self):
        self.on = False
        self._ahead = 0.0
        self.time_ns = time.time_ns

    def monotonic(self) -> float:
        self._ahead += 30.0 if self.on else 0.0
        return time.monotonic() + self._ahead


def test_a_missing_mask_is_counted_and_said(ros, make, listen, monkeypatch):
    node = make(lockstep=True)
    said = []
    clock = Hurry()
    monkeypatch.setattr('aim_ros.nodes.replay.node.time', clock)

    def warn(log, kind, text):
        clock.on = False
        said.append(text)

    def answer(index, mask):
        clock.on = index == 2
        return index != 2

    monkeypatch.setattr(RateLimitedLogger, 'warning', warn)
    listen(node, answer=answer)
    tally = node.play(threading.Event())
    assert (tally.frames, tally.masks, tally.timeouts) == (COUNT, COUNT - 1, 1)
    assert len(said) == 1
    assert 'frame 2 on /segmentation/camera/mask within 240 s (1 so far)' in said[0]


def test_a_mask_with_another_stamp_does_not_count(ros, make, listen):
    node = make(lockstep=True, lockstep_timeout=0.1, start=COUNT - 1)

    def answer(index, mask):
        mask.header.stamp.nanosec += 1
        return True

    listen(node, answer=answer)
    tally = node.play(threading.Event())
    assert (tally.masks, tally.timeouts) == (0, 1)


def test_the_first_frame_waits_for_every_subscriber(ros, make, listen, monkeypatch):
    node = make(wait=True, subscribers=2)
    lines = []
    monkeypatch.setattr(node, 'get_logger', lambda: SimpleNamespace(info=lines.append))
    first = listen(node)
    player = threading.Thread(target=node.play, args=(threading.Event(),))
    player.start()
    ros.wait_for(lambda: any('1 of 2 subscribe' in line for line in lines), what='the log line')
    assert not first.images
    second = ros.add(Listener())
    ros.wait_for(lambda: len(first.images) == COUNT == len(second.images), what='all frames')
    player.join()
    assert first.stamps == second.stamps == STAMPS


def test_a_subscriber_that_does_not_come_is_missed(make, listen):
    node = make(wait=True, subscribers=2, match_timeout=0.05)
    listen(node)
    with pytest.raises(ReplayError, match=r'for 0\.05 s 1 of 2 subscribe to /camera/image; start'):
        node.play(threading.Event())


def test_another_mask_topic(ros, make, listen):
    node = make(lockstep=True, mask_topic='/other/mask')
    listen(node, answer=lambda index, mask: True, mask_topic='/other/mask')
    assert node.play(threading.Event()).masks == COUNT


def test_lockstep_without_a_node_ends_in_a_sentence(make):
    node = make(lockstep=True, match_timeout=0.05)
    with pytest.raises(ReplayError, match=(
            r'for 0\.05 s nobody subscribes to /camera/image and nobody publishes '
            '/segmentation/camera/mask; start the segmentation node')):
        node.play(threading.Event())


def test_stopping_while_lockstep_waits(ros, make, listen):
    stop = threading.Event()
    stop.set()
    assert make(lockstep=True).play(stop).frames == 0


def test_stopping_while_a_mask_is_awaited(ros, make, listen):
    node = make(lockstep=True)
    stop = threading.Event()

    def answer(index, mask):
        stop.set()
        return False

    listen(node, answer=answer)
    tally = node.play(stop)
    assert (tally.frames, tally.masks, tally.timeouts) == (1, 0, 0)


@pytest.mark.parametrize(('overrides', 'sentence'), [
    ({'rate': -1.0}, r'rate must be in 0\.\.1000, got -1'),
    ({'rate': float('nan')}, r'rate must be in 0\.\.1000, got nan'),
    ({'rate': 'fast'}, "rate must be a number, got 'fast'"),
    ({'loop': 1}, 'loop must be true or false, got 1'),
    ({'start': -1}, r'start must be in 0\.\.'),
    ({'start': 6}, 'start must be below 6, the number of frames of rosbag .*; got 6'),
    ({'every': 0}, r'every must be in 1\.\.'),
    ({'stamps': 'later'}, "stamps must be one of original, now, got 'later'"),
    ({'stamps': 'now', 'clock': True}, "clock needs the source's own time"),
    ({'source': 7}, 'source must be a string, got 7'),
    ({'camera': 'my camera'}, 'camera and mask_topic must make names of topics: '),
    ({'lockstep': True, 'mask_topic': 'a//b'}, 'must make names of topics'),
])
def test_wrong_parameters(make, overrides, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        make(**overrides)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('overrides', 'sentence'), [
    ({'source': '/nowhere'}, "source '/nowhere' does not exist"),
    ({'options': 'topic=/no/image'}, "no image topic '/no/image'; its image topics: /camera"),
    ({'options': 'topic'}, "'topic' is not of the form 'name=value'"),
])
def test_wrong_sources(make, overrides, sentence):
    with pytest.raises(MediaError, match=sentence):
        make(**overrides)


def test_whole_numbers_are_taken_for_a_rate(make):
    assert make(rate=2).settings.rate == 2.0


def test_parameters_describe_themselves_and_are_fixed(make):
    node = make()
    for name in node.settings.__dataclass_fields__:
        descriptor = node.describe_parameter(name)
        assert descriptor.description.endswith('.')
        assert descriptor.read_only
    assert node.describe_parameter('rate').floating_point_range[0].from_value == 0
    assert node.describe_parameter('every').integer_range[0].from_value == 1
    assert 'original, now' in node.describe_parameter('stamps').additional_constraints
    result, = node.set_parameters([Parameter('rate', value=3.0)])
    assert not result.successful


@pytest.fixture
def start(start_process):
    """Return a function that starts the replay's process."""
    return partial(start_process, 'replay')


def test_process_plays_to_the_end(start, bag):
    process = start('-p', f'source:={bag}', '-p', 'rate:=0')
    assert process.wait() == 0, process.lines
    assert 'played 6 frames of rosbag' in process.lines[-1]
    assert len(process.lines) == 1


@pytest.mark.parametrize(('arguments', 'sentence'), [
    (['-p', 'source:=/nowhere'], "source '/nowhere' does not exist"),
    (['-p', 'rate:=fast'], "rate must be a number, got 'fast'"),
    (['-p', 'lockstep:=true', '-p', 'match_timeout:=0.1'], 'the replay cannot begin'),
    (['-p', 'wait:=true', '-p', 'match_timeout:=0.1'], 'nobody subscribes to /camera/image; st'),
    (['-p', 'wait:=true', '-p', 'subscribers:=0'], 'subscribers'),
    (['-p', 'rate:='], 'replay cannot start'),
])
def test_process_that_cannot_play_says_why(start, arguments, sentence):
    process = start(*arguments)
    assert process.wait() == 1
    output = '\n'.join(process.lines)
    assert sentence in output
    assert 'Traceback' not in output


def write_folder(folder, count, damaged):
    """Write small images, some of them damaged."""
    for index in range(count):
        path = folder / f'{index}.png'
        cv2.imwrite(str(path), np.full((8, 8, 3), index, np.uint8))
        if index in damaged:
            path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    return str(folder)


@pytest.mark.parametrize('damaged', [{0}, {1, 2}, {3}])
def test_damaged_frames_are_left_out_and_counted(make, tmp_path, warnings, damaged):
    node = make(source=write_folder(tmp_path, 4, damaged))
    tally = node.play(threading.Event())
    assert (tally.frames, tally.lost) == (4 - len(damaged), len(damaged))
    assert len(warnings) == len(damaged)
    for index, (_, line) in zip(sorted(damaged), warnings, strict=True):
        assert f'cannot read image {tmp_path}/{index}.png' in line


@pytest.mark.parametrize('loop', [False, True])
def test_a_source_that_gives_nothing_is_an_error(make, tmp_path, loop):
    node = make(source=write_folder(tmp_path, 3, {0, 1, 2}), loop=loop)
    with pytest.raises(ReplayError, match=r'none of the 3 frames .*cannot read image .*2\.png'):
        node.play(threading.Event())


@pytest.mark.parametrize('overrides', [{'wait': True}, {'lockstep': True}])
def test_a_replay_ends_when_those_it_plays_for_have_ended(
        ros, make, listen, monkeypatch, overrides):
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._LOOK_PERIOD', 0.05)
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._GONE_AFTER', 0.2)
    node = make(loop=True, rate=1.0, **overrides)
    listener = listen(node, answer=lambda index, mask: True)
    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(node.play, threading.Event())
        ros.wait_for(lambda: len(listener.images) > 3, what='frames')
        ros.remove(listener)
        with pytest.raises(ReplayError, match='ends: /listener, which it plays for, has ended'):
            played.result()


def test_a_replay_that_waits_ends_with_the_node_that_it_waits_for(ros, make, monkeypatch):
    looks, gone = [], AwaitedNodes.gone
    monkeypatch.setattr(AwaitedNodes, 'gone', lambda nodes: looks.append(nodes) or gone(nodes))
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._LOOK_PERIOD', 0.0)
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._GONE_AFTER', 0.2)
    # By a name of its own: of what another has left behind in the domain, nothing may be awaited.
    awaited = ros.add(Node('awaited'))
    node = make(wait=True, mask_topic='/awaited/camera/mask')
    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(node.play, threading.Event())
        ros.wait_for(lambda: 'awaited' in node.get_node_names(), what='the node')
        seen = len(looks)
        ros.wait_for(lambda: len(looks) > seen + 1, what='the replay to see it')
        ros.remove(awaited)
        with pytest.raises(ReplayError, match='ends: /awaited, which it plays for, has ended'):
            played.result()


def test_a_node_that_only_stops_listening_has_not_ended(ros, monkeypatch):
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._LOOK_PERIOD', 0.0)
    monkeypatch.setattr('aim_ros.nodes.replay.awaited._GONE_AFTER', 1e-9)
    node, listener = ros.add(Node('replay')), ros.add(Listener())
    images = node.create_publisher(Image, 'camera/image', 10)
    ros.wait_for(lambda: images.get_subscription_count() == 1, what='the listener')
    awaited = AwaitedNodes(node, images, None, '/segmentation/camera/mask', 1)
    awaited.remember()
    for subscription in list(listener.subscriptions):
        listener.destroy_subscription(subscription)
    ros.wait_for(lambda: images.get_subscription_count() == 0, what='the end of it')
    assert not awaited.gone()


def test_a_long_wait_is_logged(make, tmp_path, monkeypatch):
    hour = 3600 * 1_000_000_000
    image = np.zeros((4, 4, 3), np.uint8)
    write_bag(tmp_path / 'bag', [
        Frame(image, stamp_ns=FIRST + index * hour, index=index) for index in range(2)])
    node = make(source=str(tmp_path / 'bag'), rate=1.0)
    lines, stop = [], threading.Event()
    monkeypatch.setattr(
        node, 'get_logger', lambda: SimpleNamespace(
            info=lambda text: (lines.append(text), stop.set())))
    # A clock that stands: what a busy machine takes for a frame is no part of the wait.
    monkeypatch.setattr('aim_ros.nodes.replay.node.time', SimpleNamespace(monotonic=lambda: 0.0))
    assert node.play(stop).frames == 1
    assert 'is due in 3600 s, since the recording pauses before it' in lines[0]


def test_an_hour_that_only_the_headers_have_is_not_waited_for(make, tmp_path, warnings):
    image = np.zeros((4, 4, 3), np.uint8)
    write_bag(tmp_path / 'bag', [
        Frame(image, stamp_ns=stamp, recorded_ns=FIRST + index * STEP, index=index)
        for index, stamp in enumerate((0, FIRST, FIRST + 3600 * 1_000_000_000))])
    node = make(source=str(tmp_path / 'bag'), rate=1.0)
    assert node.play(threading.Event()).frames == 3
    assert 'from here on the time of recording counts' in warnings[0][1]


def test_a_damaged_file_whose_name_is_not_utf_8_ends_no_replay(make, tmp_path, capfd):
    folder = write_folder(tmp_path, 2, {0})
    try:
        (tmp_path / '0.png').rename(os.fsdecode(os.fsencode(folder) + b'/0\xff.png'))
    except OSError:
        pytest.skip('this file system takes no such name')
    tally = make(source=folder).play(threading.Event())
    assert (tally.frames, tally.lost) == (1, 1)
    assert capfd.readouterr().err.count(r'\udcff.png') == 2


def test_process_whose_source_is_damaged_says_where(start, tmp_path):
    process = start('-p', f'source:={write_folder(tmp_path, 3, {1})}')
    assert process.wait() == 0
    output = '\n'.join(process.lines)
    assert f'cannot read image {tmp_path}/1.png' in output
    assert 'played 2 frames' in process.lines[-1]
    assert '1 more were announced and could not be read' in process.lines[-1]
    assert 'Traceback' not in output


def test_process_names_files_that_it_does_not_play_once(start, bag, tmp_path):
    shutil.copytree(bag, tmp_path / 'bag')
    shutil.copy(tmp_path / 'bag' / 'bag.mcap', tmp_path / 'bag' / 'bag_1.mcap')
    process = start('-p', f'source:={tmp_path / "bag"}', '-p', 'rate:=0')
    assert process.wait() == 0
    assert '\n'.join(process.lines).count('does not name them: bag_1.mcap') == 1
    assert 'played 6 frames' in process.lines[-1]


def test_process_whose_source_gives_nothing_fails(start, tmp_path):
    process = start('-p', f'source:={write_folder(tmp_path, 2, {0, 1})}', '-p', 'loop:=true')
    assert process.wait() == 1
    assert 'FATAL' in process.lines[-1]
    assert f'cannot read image {tmp_path}/1.png' in process.lines[-1]
    assert 'Traceback' not in '\n'.join(process.lines)


def test_the_process_carries_large_images(bag, monkeypatch):
    for name in TRANSPORT_VARIABLES:
        # So that what the replay sets is taken back after the test.
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    stop = threading.Event()
    seen = {}

    def join(name, args):
        seen.update(os.environ)
        return False

    monkeypatch.setattr('aim_ros.nodes.replay.run.join_ros', join)
    assert run_replay(None, stop) == 1
    # Which of them, the distribution decides.
    assert any(seen.get(name, '').endswith('config/fastdds.xml') for name in TRANSPORT_VARIABLES)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('library', ['_multiarray_umath', '_rclpy', 'sensor_msgs'])
def test_a_signal_while_it_starts(start, bag, number, library):
    process = start('-p', f'source:={bag}', '-p', 'loop:=true')
    process.wait_for_library(library)
    process.signal(number)
    assert process.wait() == 0, process.lines
    assert 'Traceback' not in '\n'.join(process.lines)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_lockstep_waits(start, bag, number):
    process = start('-p', f'source:={bag}', '-p', 'lockstep:=true')
    process.wait_for_line('the replay waits: nobody subscribes')
    process.signal(number)
    assert process.wait() == 0, process.lines
    assert 'Traceback' not in '\n'.join(process.lines)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_plays(start, ros, bag, number):
    listener = ros.add(Listener())
    process = start('-p', f'source:={bag}', '-p', 'loop:=true')
    ros.wait_for(lambda: len(listener.images) > 3, what='frames')
    process.signal(number)
    assert process.wait() == 0, process.lines
    assert 'Traceback' not in '\n'.join(process.lines)
    assert 'played ' in process.lines[-1]


def test_lockstep_over_dds_with_full_images(start, ros):
    listener = ros.add(Listener(answer=lambda index, mask: True))
    process = start('-p', 'source:=street', '-p', 'options:=frames=6,seed=3', '-p', 'rate:=0',
                    '-p', 'lockstep:=true', '-p', 'lockstep_timeout:=240.0', '-p', 'clock:=true')
    assert process.wait() == 0, process.lines
    assert 'played 6 frames of rendered street, seed 3' in process.lines[-1]
    assert '6 masks, 0 timeouts' in process.lines[-1]
    # Nobody waits for the topic of the calibrations to be matched, and the first may be earlier.
    last = listener.images[-1].header
    ros.wait_for(lambda: any(info.header == last for info in listener.infos),
                 what='the last calibration')
    infos = [stamp_to_ns(info.header.stamp) for info in listener.infos]
    assert infos == listener.stamps[-len(infos):]
    frames = list(open_source('street', frames=6, seed=3).frames())
    assert listener.stamps == [frame.stamp_ns for frame in frames]
    for frame, image in zip(frames, listener.images, strict=True):
        np.testing.assert_array_equal(np.array(image.data).reshape(375, 1242, 3), frame.image)
