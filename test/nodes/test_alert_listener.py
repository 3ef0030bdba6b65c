from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import pytest

from aim_ros.nodes.alert_listener import AlertListener


@pytest.fixture
def planner(ros):
    return ros.add(AlertListener())


@pytest.fixture
def patience(monkeypatch):
    """Let no alerts be missed because a busy machine took long between two of them."""
    monkeypatch.setattr('aim_ros.nodes.alert_listener.TIMEOUT', float('inf'))


def alerts(level: bytes, age_ms: float = 80.0) -> DiagnosticArray:
    values = [KeyValue(key='capture_to_publish_ms', value=f'{age_ms:.3f}')]
    return DiagnosticArray(status=[DiagnosticStatus(level=level, message='so', values=values)])


def test_the_planner_acts_on_the_level(patience, planner):
    for level in (DiagnosticStatus.OK, DiagnosticStatus.ERROR, DiagnosticStatus.WARN):
        planner.hear(alerts(level))
        assert planner.level == ord(level)


@pytest.mark.parametrize('blind', [
    alerts(DiagnosticStatus.STALE), alerts(DiagnosticStatus.OK, age_ms=1500.0),
    alerts(DiagnosticStatus.OK, age_ms=-5000.0)])
def test_a_planner_that_goes_blind_slows_down_and_does_not_let_go_of_the_brake(
        patience, planner, blind):
    planner.hear(alerts(DiagnosticStatus.OK))
    planner.hear(blind)
    assert planner.level == ord(DiagnosticStatus.STALE)
    planner.hear(alerts(DiagnosticStatus.ERROR))
    planner.hear(blind)
    assert planner.level == ord(DiagnosticStatus.ERROR)


def test_silence_is_no_all_clear(planner, ros):
    planner.hear(alerts(DiagnosticStatus.OK))
    ros.wait_for(lambda: planner.level == ord(DiagnosticStatus.STALE))
