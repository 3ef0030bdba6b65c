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


def test_a_hazard_that_is_told_of_late_is_one(patience, planner):
    planner.hear(alerts(DiagnosticStatus.OK))
    planner.hear(alerts(DiagnosticStatus.ERROR, age_ms=1500.0))
    assert planner.level == ord(DiagnosticStatus.ERROR)
    # That it is over is to be told in time.
    planner.hear(alerts(DiagnosticStatus.OK, age_ms=1500.0))
    assert planner.level == ord(DiagnosticStatus.ERROR)
    planner.hear(alerts(DiagnosticStatus.OK))
    assert planner.level == ord(DiagnosticStatus.OK)


@pytest.mark.parametrize(('last', 'level'), [
    ('OK', DiagnosticStatus.STALE), ('WARN', DiagnosticStatus.STALE),
    ('ERROR', DiagnosticStatus.ERROR)])
def test_a_planner_that_comes_to_a_blind_camera_hears_what_was_last_seen(
        patience, planner, last, level):
    message = alerts(DiagnosticStatus.STALE)
    message.status[0].values = [KeyValue(key='last_level', value=last)]
    planner.hear(message)
    assert planner.level == ord(level)


@pytest.mark.parametrize('level', [b'\x04', b'\xff'])
def test_a_level_that_is_not_known_is_the_worst_that_is(patience, planner, level):
    planner.hear(alerts(DiagnosticStatus.OK))
    planner.hear(alerts(level))
    assert planner.level == ord(DiagnosticStatus.STALE)


@pytest.mark.parametrize('age', ['nan', 'new', ''])
def test_an_age_that_is_no_number_is_not_trusted(patience, planner, age):
    message = alerts(DiagnosticStatus.OK)
    planner.hear(message)
    message.status[0].values[0].value = age
    planner.hear(message)
    assert planner.level == ord(DiagnosticStatus.STALE)


def test_a_message_without_a_status_is_silence(planner, ros):
    planner.hear(alerts(DiagnosticStatus.OK))

    def stale():
        planner.hear(DiagnosticArray())
        return planner.level == ord(DiagnosticStatus.STALE)

    ros.wait_for(stale)


def test_silence_is_no_all_clear(planner, ros):
    planner.hear(alerts(DiagnosticStatus.OK))
    ros.wait_for(lambda: planner.level == ord(DiagnosticStatus.STALE))
