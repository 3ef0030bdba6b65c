import io

from diagnostic_msgs.msg import DiagnosticArray
from rich.console import Console

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.nodes.demo.alert_log import AlertLog
from aim_ros.nodes.messages.alerts import status_messages
from aim_ros.nodes.messages.conversions import status_message
from aim_ros.perception.alert_report import road_user_status
from aim_ros.segmentation.labels import CITYSCAPES


def message(*alerts, profile='neutral'):
    level = max((alert.level for alert in alerts), default=Level.OK)
    summary = status_message(int(level), 'segmentation/camera', '', 'camera', {
        'profile': profile, 'level': level.name})
    return DiagnosticArray(status=[summary, *status_messages(
        road_user_status(alert, CITYSCAPES, (100, 200), 'segmentation', 'camera')
        for alert in alerts)])


def alert(track_id=1, level=Level.WARN, kind='cyclist', **values):
    return Alert(track_id, kind, level, (0, 0, 9, 9), 12, 50, 0.5, **values)


def test_a_line_for_each_road_user():
    text = io.StringIO()
    log = AlertLog(Console(file=text, width=200, highlight=False))
    log.add(0, message())
    record = log.add(1, message(alert(distance_m=20.0)))
    assert record['raised'] == ['1']
    log.add(2, message(alert(distance_m=8.5, level=Level.ERROR), alert(2, kind='pedestrian')))
    record = log.add(3, message(alert(2, kind='pedestrian', emphasised=True)))
    assert record['cleared'] == ['1']
    log.end()
    first, second = text.getvalue().splitlines()
    assert first.split()[:7] == ['ERROR', 'cyclist', '#1', 'frames', '1', 'to', '2']
    assert 'nearest   8.5 m' in first
    assert second.split()[:3] == ['WARN', 'pedestrian', '#2']
    assert 'nearest' not in second
    assert 'seen by modulation alone' in second
    assert log.by_profile()['neutral']['raised'] == {'cyclist': 1, 'pedestrian': 1}
