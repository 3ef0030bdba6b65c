from dataclasses import replace

import pytest
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.nodes import alert_messages
from aim_ros.nodes.conversions import HAVE_VISION_MSGS
from aim_ros.segmentation.labels import CITYSCAPES

HEADER = Header(frame_id='camera')

ALERT = Alert(
    track_id=7, kind='cyclist', level=Level.ERROR, box=(10, 20, 30, 40), class_id=12, area=500,
    confidence=0.75, modulated_share=0.25, in_corridor=True, near=True, distance_m=12.5,
    bearing_deg=-3.0, vx=-4.5, vy=1.25, ttc_s=2.5, ttc_error_s=0.25, age_s=1.5)


def test_a_status_says_all_that_a_planner_needs():
    status = alert_messages.road_user_status(
        ALERT, CITYSCAPES, (100, 200), 'segmentation', 'left')
    assert status.level == b'\x02'
    assert status.name == 'segmentation/left/track/7'
    assert status.hardware_id == 'left'
    assert status.message == 'cyclist at 12.5 m, contact in 2.5 s, near, in the corridor'
    assert {v.key: v.value for v in status.values} == {
        'kind': 'cyclist', 'class': 'rider', 'track_id': '7', 'x': '10', 'y': '20',
        'width': '30', 'height': '40', 'vx': '-4.500', 'vy': '1.250', 'ttc_s': '2.500',
        'ttc_error_s': '0.250', 'area_share': '0.025000', 'confidence': '0.750',
        'modulated_share': '0.250', 'emphasised': 'false', 'coasting': 'false',
        'in_corridor': 'true', 'near': 'true', 'distance_m': '12.500', 'bearing_deg': '-3.000',
        'position_x_m': 'nan', 'position_y_m': 'nan', 'position_x_error_m': 'nan',
        'position_y_error_m': 'nan',
        'truncated': 'false', 'age_s': '1.500', 'unseen_s': '0.000'}


def test_a_status_says_where_on_the_ground_a_road_user_is():
    ground = GroundCamera(fx=100, fy=100, cx=49.5, cy=19.5, height=1.6)
    status = alert_messages.road_user_status(
        ALERT, CITYSCAPES, (100, 200), 'segmentation', 'left', ground)
    values = {v.key: v.value for v in status.values}
    # The foot is 40 of 100 pixels below the axis, and its middle 25 to the left of it.
    assert (values['position_x_m'], values['position_y_m']) == ('4.000', '1.000')
    place = ground.place(ALERT.box)
    assert values['position_x_error_m'] == f'{place.x_error:.3f}'
    assert values['position_y_error_m'] == f'{place.y_error:.3f}'


@pytest.mark.parametrize(('changes', 'line'), [
    ({}, 'pedestrian, outside the corridor'),
    ({'coasting': True}, 'pedestrian, outside the corridor, predicted'),
    ({'emphasised': True, 'in_corridor': True},
     'pedestrian, in the corridor, seen by modulation alone'),
])
def test_a_line_says_what_counts(changes, line):
    alert = Alert(1, 'pedestrian', Level.WARN, (0, 0, 9, 9), 11, 50, 0.5, **changes)
    assert alert_messages.road_user_line(alert) == line


def test_the_summary_counts_the_road_users():
    other = replace(ALERT, track_id=8, kind='pedestrian', level=Level.WARN, coasting=True,
                    emphasised=True)
    report = AlertReport((other, ALERT), stepped_back_s=0.05)
    assert alert_messages.report_values(report) == {
        'road_users': 2, 'emphasised': 1, 'coasting': 1, 'stepped_back_s': 0.05}
    assert alert_messages.report_line(report) == 'cyclist near in the corridor; 2 raised'
    assert alert_messages.report_line(AlertReport((other,))) == 'pedestrian present; 1 raised'
    assert alert_messages.report_line(AlertReport()) == 'clear'


@pytest.mark.skipif(not HAVE_VISION_MSGS, reason='vision_msgs is not installed')
def test_detections_are_the_typed_twins():
    message = alert_messages.detections_message([ALERT], HEADER)
    detection, = message.detections
    assert message.header == detection.header == HEADER
    assert detection.id == '7'
    assert (detection.bbox.center.position.x, detection.bbox.center.position.y) == (25, 40)
    assert (detection.bbox.size_x, detection.bbox.size_y) == (30, 40)
    assert detection.results[0].hypothesis.class_id == '12'
    assert detection.results[0].hypothesis.score == 0.75
