"""What /diagnostics say of a camera while its worker goes on."""

from types import SimpleNamespace

from diagnostic_msgs.msg import DiagnosticStatus
import pytest

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.modulation import Modulation
from aim_ros.nodes.segmentation.diagnostics import camera_status
from aim_ros.nodes.segmentation.problems import Problem
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
