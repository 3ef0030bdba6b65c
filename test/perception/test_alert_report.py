import numpy as np
import pytest

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import Modulation
from aim_ros.perception.alert_report import detections
from aim_ros.perception.alert_report import frame_statuses
from aim_ros.perception.alert_report import report_line
from aim_ros.perception.alert_report import road_user_line
from aim_ros.perception.alert_report import road_user_status
from aim_ros.perception.alert_report import value_text
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.labels import CITYSCAPES

ALERT = Alert(
    track_id=7, kind='pedestrian', level=Level.ERROR, box=(10, 20, 30, 40), class_id=11, area=500,
    confidence=0.75, modulated_share=0.25, in_corridor=True, near=True, distance_m=12.5,
    bearing_deg=-3.0, vx=1.5, vy=-2.0, ttc_s=3.25, ttc_error_s=0.5, age_s=1.5)


def test_a_road_users_status_says_all_that_a_planner_needs():
    status = road_user_status(ALERT, CITYSCAPES, (100, 200), 'segmentation', 'left')
    assert (status.level, status.name, status.hardware_id) == (
        2, 'segmentation/left/track/7', 'left')
    assert status.message == 'pedestrian at 12.5 m, contact in 3.2 s, near, in the corridor'
    assert dict(status.texts) == {
        'kind': 'pedestrian', 'class': 'person', 'track_id': '7', 'x': '10', 'y': '20',
        'width': '30', 'height': '40', 'vx': '1.500', 'vy': '-2.000', 'ttc_s': '3.250',
        'ttc_error_s': '0.500', 'area_share': '0.025000', 'confidence': '0.750',
        'modulated_share': '0.250', 'emphasised': 'false', 'coasting': 'false',
        'in_corridor': 'true', 'near': 'true', 'distance_m': '12.500', 'bearing_deg': '-3.000',
        'position_x_m': 'nan', 'position_y_m': 'nan', 'position_x_error_m': 'nan',
        'position_y_error_m': 'nan',
        'truncated': 'false', 'age_s': '1.500', 'unseen_s': '0.000'}


@pytest.mark.parametrize(('changes', 'line'), [
    ({'distance_m': float('nan'), 'ttc_s': float('nan')}, 'pedestrian, near, in the corridor'),
    ({'near': False, 'in_corridor': False, 'ttc_s': float('nan')},
     'pedestrian at 12.5 m, outside the corridor'),
    ({'ttc_s': float('nan'), 'emphasised': True, 'coasting': True},
     'pedestrian at 12.5 m, near, in the corridor, seen by modulation alone, predicted'),
])
def test_a_road_users_line_leaves_out_what_is_not_known(changes, line):
    assert road_user_line(ALERT._replace(**changes)) == line


def test_a_frames_statuses_are_the_summary_and_one_a_road_user():
    mask = np.zeros((100, 200), np.uint8)
    report = AlertReport(
        (ALERT, ALERT._replace(track_id=9, level=Level.WARN, emphasised=True)))
    settings = Settings(3, 'city', Modulation(((11, 1),), 2.0), AlertSettings((11,)))
    perception = Perception(
        Frame(np.zeros((100, 200, 3), np.uint8), camera='left'), settings,
        Modulation(((11, 1),), 1.25), mask, mask, mask, None, 0.125, report, report, {})
    summary, *road_users = frame_statuses(
        perception, CITYSCAPES, 'segmentation', {'receive_to_publish_ms': 1.0})
    assert (summary.level, summary.name, summary.hardware_id, summary.message) == (
        2, 'segmentation/left', 'left', 'pedestrian near in the corridor; 2 raised')
    assert dict(summary.texts) == {
        'profile': 'city', 'revision': '3', 'sigma': '1.250', 'level': 'ERROR',
        'receive_to_publish_ms': '1.000', 'road_users': '2', 'emphasised': '1', 'coasting': '0',
        'stepped_back_s': '0.000', 'changed_share': '0.125'}
    assert [status.name for status in road_users] == [
        'segmentation/left/track/7', 'segmentation/left/track/9']


def test_the_line_of_a_frame_names_the_worst():
    other = ALERT._replace(track_id=8, kind='cyclist', level=Level.WARN)
    assert report_line(AlertReport((other, ALERT))) == 'pedestrian near in the corridor; 2 raised'
    assert report_line(AlertReport((other,))) == 'cyclist present; 1 raised'
    assert report_line(AlertReport()) == 'clear'


def test_detections_are_the_typed_twins():
    found, = detections([ALERT])
    assert (found.track_id, found.score) == ('7', 0.75)
    assert (found.center, found.size) == ((25.0, 40.0), (30.0, 40.0))


@pytest.mark.parametrize(('emphasised', 'coasting', 'marks'), [
    (False, False, ()), (False, True, ('coasting',)), (True, False, ('emphasised',)),
    (True, True, ('emphasised', 'coasting'))])
def test_a_detection_says_its_class_its_kind_and_what_is_not_simply_seen(
        emphasised, coasting, marks):
    found, = detections([ALERT._replace(
        kind='cyclist', emphasised=emphasised, coasting=coasting)])
    assert found.class_ids == ('11', 'cyclist', *marks)


@pytest.mark.parametrize(('value', 'text'), [
    (True, 'true'), (False, 'false'), (1.23456, '1.235'), (float('nan'), 'nan'), (3, '3'),
    ('x', 'x')])
def test_values_are_texts(value, text):
    assert value_text(value) == text


def test_a_status_says_where_on_the_ground_a_road_user_is():
    ground = GroundCamera(fx=100, fy=100, cx=49.5, cy=19.5, height=1.6)
    values = dict(road_user_status(
        ALERT, CITYSCAPES, (100, 200), 'segmentation', 'left', ground).texts)
    # The foot is 40 of 100 pixels below the axis, and its middle 25 to the left of it.
    assert (values['position_x_m'], values['position_y_m']) == ('4.000', '1.000')
    place = ground.place(ALERT.box)
    assert values['position_x_error_m'] == f'{place.x_error:.3f}'
    assert values['position_y_error_m'] == f'{place.y_error:.3f}'


def test_a_detection_stands_where_the_ground_is_seen_and_nowhere_above_the_horizon():
    ground = GroundCamera(fx=100, fy=100, cx=49.5, cy=19.5, height=1.6)
    assert detections([ALERT], ground)[0].position == ground.place(ALERT.box)
    assert detections([ALERT])[0].position is None
    above = ALERT._replace(box=(10, 0, 30, 10))
    assert detections([above], ground)[0].position is None
