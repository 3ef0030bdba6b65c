import pytest
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.nodes.messages import alerts as alert_messages
from aim_ros.nodes.messages.conversions import HAVE_VISION_MSGS
from aim_ros.perception.alert_report import road_user_status
from aim_ros.segmentation.labels import CITYSCAPES

HEADER = Header(frame_id='camera')

ALERT = Alert(
    track_id=7, kind='cyclist', level=Level.ERROR, box=(10, 20, 30, 40), class_id=12, area=500,
    confidence=0.75, modulated_share=0.25, in_corridor=True, near=True, distance_m=12.5,
    bearing_deg=-3.0, vx=-4.5, vy=1.25, ttc_s=2.5, ttc_error_s=0.25, age_s=1.5)


def test_a_status_goes_out_as_text():
    status = road_user_status(ALERT, CITYSCAPES, (100, 200), 'segmentation', 'left')
    message, = alert_messages.status_messages([status])
    assert message.level == b'\x02'
    assert message.name == 'segmentation/left/track/7'
    assert message.hardware_id == 'left'
    assert message.message == 'cyclist at 12.5 m, contact in 2.5 s, near, in the corridor'
    assert [(v.key, v.value) for v in message.values] == status.texts


@pytest.mark.skipif(not HAVE_VISION_MSGS, reason='vision_msgs is not installed')
def test_detections_are_the_typed_twins():
    message = alert_messages.detections_message([ALERT], HEADER)
    detection, = message.detections
    assert message.header == detection.header == HEADER
    assert detection.id == '7'
    assert (detection.bbox.center.position.x, detection.bbox.center.position.y) == (25, 40)
    assert (detection.bbox.size_x, detection.bbox.size_y) == (30, 40)
    assert [(result.hypothesis.class_id, result.hypothesis.score)
            for result in detection.results] == [('12', 0.75), ('cyclist', 0.75)]
