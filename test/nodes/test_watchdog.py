from dataclasses import replace
import threading
from types import SimpleNamespace

from deadline import DEADLINE
import pytest

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.modulation import Modulation
from aim_ros.nodes.segmentation import watchdog
from aim_ros.nodes.segmentation.stream_statistics import StreamStatistics
from aim_ros.perception.free_space import Surfaces
from aim_ros.perception.settings import OutputSettings
from aim_ros.perception.settings import Settings

SETTINGS = Settings(1, 'neutral', Modulation(), AlertSettings(()))
LARGE = 'large images get lost'


@pytest.fixture
def channel(clock):
    return SimpleNamespace(
        name='camera', topic='/camera/image', statistics=StreamStatistics(clock),
        input=SimpleNamespace(unmatched=lambda: ''))


def test_a_watchdog_goes_on_after_an_error():
    called, errors, enough = [], [], threading.Event()

    def check():
        called.append(1)
        if len(called) == 1:
            raise RuntimeError('once')
        enough.set()

    dog = watchdog.Watchdog(check, errors.append)
    assert enough.wait(DEADLINE)
    dog.stop()
    assert [str(error) for error in errors] == ['once']


def test_a_watchdog_is_no_callback_of_an_executor():
    names = []
    done = threading.Event()

    def check():
        names.append(threading.current_thread().name)
        done.set()

    dog = watchdog.Watchdog(check, names.append)
    assert done.wait(DEADLINE)
    dog.stop()
    assert set(names) == {'watchdog'}


def test_where_one_cameras_stale_cannot_be_published_the_others_are(clock):
    def channel(name, *, dumb):
        def publish(staleness, limit, frame_id):
            if dumb:
                raise RuntimeError('the topic is full')
            return published.append(name) or False

        return SimpleNamespace(
            name=name, topic=f'/{name}/image', statistics=StreamStatistics(clock),
            input=SimpleNamespace(frame_id=name), output=SimpleNamespace(publish_if_stale=publish))

    published, lines = [], []
    log = SimpleNamespace(error=lambda kind, text: lines.append(text))
    watchdog.publish_stale(
        [channel('left', dumb=False), channel('rear', dumb=True), channel('right', dumb=False)],
        SETTINGS, log)
    assert published == ['left', 'right']
    assert lines == ['/rear/image: STALE cannot be published: RuntimeError: the topic is full']


def test_where_nobody_publishes_that_is_said_and_no_transport_blamed(channel, clock):
    clock.now += 9
    assert watchdog.stream_silence(channel, 0) == ''
    clock.now += 2
    assert watchdog.stream_silence(channel, 0) == (
        'nobody has published there for 11 s; the alert level is STALE')


def test_who_publishes_and_is_not_matched_is_named(channel, clock):
    channel.input.unmatched = lambda: '/driver publishes text there'
    assert watchdog.stream_silence(channel, 0) == ''
    clock.now += 2.5
    assert watchdog.stream_silence(channel, 0) == (
        '/driver publishes text there; the alert level is STALE')


def test_stamps_ahead_of_the_clock_are_reported(channel):
    assert watchdog.stream_ahead(channel) == ''
    for late_ms in (-90_000.0, -5_500.0, -5_000.0, -5_100.0):
        channel.statistics.answer({'capture_to_publish': late_ms})
    assert watchdog.stream_ahead(channel).startswith(
        'the header stamps are 5.0 s ahead of the clock of this node')
    # A simulated clock may be behind by a frame.
    for late_ms in (-100.0, 5.0):
        channel.statistics.answer({'capture_to_publish': late_ms})
        assert watchdog.stream_ahead(channel) == ''


@pytest.mark.parametrize(('frames', 'said'), [
    (('front', 'rear'), []), (('', 'rear'), ['/0/image: the headers of the images name no frame']),
    (('camera', 'camera'),
     ["/0/image, /1/image: the headers of the images name the frame 'camera' alike"])])
def test_frames_that_tell_no_cameras_apart_are_reported(clock, frames, said):
    lines, channels = [], [SimpleNamespace(
        topic=f'/{number}/image', statistics=StreamStatistics(clock),
        input=SimpleNamespace(image_frame=frame)) for number, frame in enumerate(frames)]
    log = SimpleNamespace(warning=lambda kind, text, period: lines.append(text))
    watchdog.warn_of_frames(channels, log)
    assert lines == []
    for channel in channels:
        channel.statistics.receive(1)
    watchdog.warn_of_frames(channels, log)
    assert [line.partition(', so that')[0] for line in lines] == said


def test_a_camera_that_starts_late_is_given_its_time(channel, clock):
    clock.now += 60
    channel.statistics.match(1)
    assert watchdog.stream_silence(channel, 1) == ''
    clock.now += 2.5
    said = watchdog.stream_silence(channel, 1)
    assert 'nothing arrived for 2 s, though 1 publisher is matched: either nothing is sent' in said
    assert LARGE in said


def test_where_all_is_lost_the_count_is_what_accuses(channel, clock):
    channel.statistics.match(1)
    clock.now += 4
    channel.statistics.lose(30)
    assert watchdog.stream_silence(channel, 1) == (
        'nothing arrived for 4 s, though 1 publisher is matched')
    assert watchdog.stream_losses(channel).startswith('100% of the frames are sent')


def test_a_camera_that_delivered_and_stopped_is_no_matter_of_transports(channel, clock):
    channel.statistics.match(2)
    for i in range(1000):
        clock.now += 0.1
        channel.statistics.receive(i)
    clock.now += 8
    said = watchdog.stream_silence(channel, 2)
    assert said == 'nothing arrived for 8 s, after 1000 frames; 2 publishers are matched'


def test_losses_are_reported_by_the_middlewares_count_alone(channel):
    for i in (1, 2, 3, 50, 51, 99):
        channel.statistics.receive(i * 10**9)
    assert watchdog.stream_losses(channel) == ''
    channel.statistics.lose(6)
    assert watchdog.stream_losses(channel) == (
        '50% of the frames are sent and do not arrive, as the middleware counts')


@pytest.mark.parametrize(('wanted', 'drivable', 'calibration', 'said'), [
    (False, (), 'none', ''), (True, (0,), 'used', ''),
    (True, (), 'used', 'the model has no class that free_space.classes names'),
    (True, (0,), 'none', 'there is no CameraInfo'),
    (True, (0,), 'unusable', 'there is no CameraInfo')])
def test_who_listens_to_free_space_in_vain_is_reported(
        channel, wanted, drivable, calibration, said):
    settings = replace(SETTINGS, outputs=OutputSettings(Surfaces(drivable)))
    channel.output = SimpleNamespace(ground=SimpleNamespace(is_wanted=lambda: wanted))
    channel.clouds = SimpleNamespace(silence=lambda: 0.0)
    channel.input.calibration = calibration
    channel.input.calibration_problem = 'there is no CameraInfo'
    if drivable:
        assert watchdog.listened_in_vain(channel, settings) == ''
    # A calibration may come after the first images.
    for _ in range(10):
        channel.statistics.answer({})
    assert watchdog.listened_in_vain(channel, settings) == (
        said and f'free_space and occupancy are listened to in vain: {said}')


def test_points_without_clouds_are_reported(channel):
    channel.output = SimpleNamespace(ground=SimpleNamespace(is_wanted=lambda: False))
    for silence, said in ((2.0, ''), (3.2, (
            'points are listened to in vain: no cloud arrived on camera/points_in for 3 s'))):
        channel.clouds = SimpleNamespace(silence=lambda silence=silence: silence)
        assert watchdog.listened_in_vain(channel, SETTINGS) == said
