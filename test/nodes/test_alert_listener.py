import math
from types import SimpleNamespace

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import pytest

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.nodes.alert_listener import AlertListener
from aim_ros.nodes.alert_listener import RoadUser
from aim_ros.nodes.messages.alerts import status_messages
from aim_ros.perception.alert_report import road_user_status
from aim_ros.segmentation.labels import CITYSCAPES

ALERT = Alert(
    track_id=7, kind='cyclist', level=Level.ERROR, box=(10, 20, 30, 40), class_id=12, area=500,
    confidence=0.75, distance_m=12.5, vx=-40.0, vy=12.5, ttc_s=2.5, ttc_error_s=0.25)


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


def published(alert: Alert) -> DiagnosticStatus:
    """Return the status of a road user as the node makes it."""
    status, = status_messages([
        road_user_status(alert, CITYSCAPES, (100, 200), 'segmentation', 'camera')])
    return status


@pytest.fixture
def said(planner, monkeypatch):
    """Return the lines that the planner logs."""
    lines = []
    monkeypatch.setattr(planner, 'get_logger', lambda: SimpleNamespace(info=lines.append))
    return lines


@pytest.mark.parametrize('alert', [ALERT, ALERT._replace(
    level=Level.WARN, kind='vehicle', emphasised=True)])
@pytest.mark.parametrize('coasting', [False, True])
def test_a_planner_reads_what_the_node_publishes(alert, coasting):
    alert = alert._replace(coasting=coasting)
    assert RoadUser.read(published(alert)) == RoadUser(
        level=alert.level, kind=alert.kind, distance_m=12.5, vx=-40.0, vy=12.5, ttc_s=2.5,
        ttc_error_s=0.25, emphasised=alert.emphasised, coasting=coasting)


def test_a_road_user_is_said_in_a_line():
    assert str(RoadUser.read(published(ALERT))) == (
        'ERROR cyclist at 12.5 m, moves -40 +12 px/s, contact in 2.5 +- 0.2 s')
    assert str(RoadUser.read(published(ALERT._replace(emphasised=True, coasting=True)))).endswith(
        ' s, seen by modulation alone, predicted')


def test_what_is_not_measured_is_not_said():
    far = ALERT._replace(distance_m=math.inf, ttc_s=math.nan, ttc_error_s=math.nan)
    for alert in (far, far._replace(distance_m=math.nan)):
        assert str(RoadUser.read(published(alert))) == 'ERROR cyclist, moves -40 +12 px/s'
    unsure = ALERT._replace(ttc_error_s=math.nan)
    assert str(RoadUser.read(published(unsure))).endswith('contact in 2.5 s')


@pytest.mark.parametrize('key', [
    'kind', 'distance_m', 'vx', 'vy', 'ttc_s', 'ttc_error_s', 'emphasised', 'coasting'])
def test_a_planner_bears_with_a_key_that_is_absent_or_cannot_be_read(
        patience, planner, said, key):
    for spoilt in ('absent', 'new'):
        status = published(ALERT)
        value, = (value for value in status.values if value.key == key)
        if spoilt == 'absent':
            status.values.remove(value)
        elif key != 'kind':
            value.value = spoilt
        message = alerts(DiagnosticStatus.ERROR)
        message.status.append(status)
        planner.level = None
        planner.hear(message)
        assert planner.level == ord(DiagnosticStatus.ERROR)
    assert len(said) == 2
    assert all(line.startswith('brake (ERROR ') for line in said)


def test_a_road_user_of_which_nothing_is_said_is_one():
    assert str(RoadUser.read(DiagnosticStatus(level=b'\xff'))) == 'STALE road user'


def test_the_most_urgent_road_user_comes_first(patience, planner, said):
    unknown = {'ttc_s': math.nan, 'ttc_error_s': math.nan}
    message = alerts(DiagnosticStatus.ERROR)
    message.status += map(published, (
        ALERT._replace(kind='far', distance_m=math.nan, **unknown),
        ALERT._replace(kind='near', distance_m=3.0, **unknown),
        ALERT._replace(kind='present', level=Level.WARN, ttc_s=0.5),
        ALERT._replace(kind='later', ttc_s=5.0),
        ALERT._replace(kind='soon', ttc_s=1.5)))
    planner.hear(message)
    line, = said
    places = [line.index(kind) for kind in ('soon', 'later', 'near', 'far', 'present')]
    assert places == sorted(places)


def test_without_road_users_the_summary_says_why(patience, planner, said):
    planner.hear(alerts(DiagnosticStatus.OK))
    assert said == ['drive (so)']


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
