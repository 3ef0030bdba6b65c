"""What /diagnostics say of a camera while its worker goes on."""

from dataclasses import replace
from types import SimpleNamespace

from diagnostic_msgs.msg import DiagnosticStatus
import pytest

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.modulation import Modulation
from aim_ros.nodes.segmentation.diagnostics import camera_status
from aim_ros.nodes.segmentation.diagnostics import node_status
from aim_ros.nodes.segmentation.problems import Problem
from aim_ros.nodes.segmentation.problems import Problems
from aim_ros.nodes.segmentation.stream_statistics import StreamStatistics
from aim_ros.perception.settings import Settings

SETTINGS = Settings(1, 'neutral', Modulation(), AlertSettings(()))
LOST = Problem('a frame was lost', count=1, age=0.0, lasts=True)


def channel_of(clock, look, *, stale=False):
    """Return a camera whose problems a function tells."""
    return SimpleNamespace(
        name='camera', topic='/camera/image', statistics=StreamStatistics(clock),
        problems=SimpleNamespace(last=look),
        input=SimpleNamespace(
            publisher_count=lambda: 1, calibration='none', calibration_problem='',
            frozen='', blank=''),
        output=SimpleNamespace(focus=lambda: (0.0, ''), is_stale=stale,
                               ground=SimpleNamespace(is_wanted=lambda: False)),
        clouds=SimpleNamespace(silence=lambda: 0.0))


@pytest.mark.parametrize(('busy', 'said'), [
    (0.0, ''), (0.5, ''), (12.0, '; what was taken last has been perceived for 12.0 s')])
def test_a_frame_that_takes_long_is_the_reason_of_a_stale(clock, busy, said):
    channel = channel_of(clock, lambda: None, stale=True)
    clock.now += 1
    status = camera_status('segmentation', channel, True, SETTINGS, busy)
    assert (status.level, status.message) == (
        DiagnosticStatus.STALE, f'no frame answered for 1.0 s{said}')


@pytest.mark.parametrize(('stale', 'level'), [
    (True, DiagnosticStatus.STALE), (False, DiagnosticStatus.WARN)])
def test_a_camera_that_waits_for_its_network_says_so(clock, stale, level):
    channel = channel_of(clock, lambda: None, stale=stale)
    clock.now += 1.1
    status = camera_status('segmentation', channel, True, SETTINGS, awaited=(256, 832))
    assert status.level == level
    assert 'compiling the network for 256x832 (height x width)' in status.message


@pytest.mark.parametrize(('stale_after', 'seconds', 'said'), [
    (0.1, 0.05, False), (0.1, 0.15, True), (0.8, 0.75, False), (0.8, 0.85, True)])
def test_a_camera_whose_images_are_answered_does_not_wait_for_some(
        clock, stale_after, seconds, said):
    """As one that alternates between two sizes, of which one is compiled."""
    channel = channel_of(clock, lambda: None)
    settings = replace(SETTINGS, stale_after=stale_after)
    for stamp_ns in (1, 2_000_000_000, 4_000_000_000):
        channel.statistics.receive(stamp_ns)
        channel.statistics.answer({})
        clock.now += seconds
        status = camera_status('segmentation', channel, True, settings, awaited=(256, 832))
        assert ('compiling' in status.message) == said
        assert status.level == (DiagnosticStatus.WARN if said else DiagnosticStatus.OK)


def test_lost_frames_of_no_camera_are_an_error_for_a_while_and_known_for_ever(clock):
    losses = Problems(clock)

    def look():
        status = node_status('segmentation', 'active', '', losses.last(), [], SETTINGS, {})
        return status.level, status.message, {v.key: v.value for v in status.values}

    assert look()[:2] == (DiagnosticStatus.OK, 'active')
    for _ in range(2):
        losses.note('frames were lost: OSError: gone')
        losses.resolve()
    clock.now += 9
    assert look()[:2] == (DiagnosticStatus.ERROR,
                          'frames were lost: OSError: gone (9.0 s ago; 2 so far)')
    clock.now += 3600
    level, message, values = look()
    assert (level, message) == (DiagnosticStatus.OK, 'active')
    assert values['problems'] == '2'
    assert values['last_problem'] == 'frames were lost: OSError: gone'


@pytest.mark.parametrize(('calibration', 'level', 'said'), [
    ('none', DiagnosticStatus.OK, 'waiting'), ('used', DiagnosticStatus.OK, 'waiting'),
    ('unusable', DiagnosticStatus.WARN, 'R is no rotation, so alerts have no distance')])
def test_why_a_calibration_is_not_used_is_said(clock, calibration, level, said):
    channel = channel_of(clock, lambda: None)
    channel.input.calibration = calibration
    channel.input.calibration_problem = 'R is no rotation'
    status = camera_status('segmentation', channel, True, SETTINGS)
    assert status.level == level
    assert status.message.startswith(said)


@pytest.mark.parametrize(('seen', 'level'), [
    ([None, LOST], DiagnosticStatus.OK), ([LOST, None], DiagnosticStatus.ERROR)])
def test_a_status_does_not_contradict_itself(clock, seen, level):
    """The worker notes a problem, or forgets it, while the status is made."""
    looks = iter(seen)
    channel = channel_of(clock, lambda: next(looks))
    status = camera_status('segmentation', channel, True, SETTINGS)
    values = {value.key: value.value for value in status.values}
    assert status.level == level
    assert values.get('last_problem') == (LOST.text if seen[0] else None)
