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


@pytest.mark.parametrize(('seen', 'level'), [
    ([None, LOST], DiagnosticStatus.OK), ([LOST, None], DiagnosticStatus.ERROR)])
def test_a_status_does_not_contradict_itself(clock, seen, level):
    """The worker notes a problem, or forgets it, while the status is made."""
    looks = iter(seen)
    channel = SimpleNamespace(
        name='camera', topic='/camera/image', statistics=StreamStatistics(clock),
        problems=SimpleNamespace(last=lambda: next(looks)),
        input=SimpleNamespace(
            publisher_count=lambda: 1, calibration='none', frozen='', blank=''),
        output=SimpleNamespace(focus=lambda: (0.0, ''), is_stale=False,
                               ground=SimpleNamespace(is_wanted=lambda: False)),
        clouds=SimpleNamespace(silence=lambda: 0.0))
    status = camera_status('segmentation', channel, True, SETTINGS)
    values = {value.key: value.value for value in status.values}
    assert status.level == level
    assert values.get('last_problem') == (LOST.text if seen[0] else None)
