"""What is published of road users: statuses for planners, and their typed twins."""

from collections.abc import Iterable
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.nodes.messages.conversions import HAVE_VISION_MSGS
from aim_ros.nodes.messages.conversions import status_message
from aim_ros.perception.alert_report import detections
from aim_ros.perception.alert_report import ground_frame
from aim_ros.perception.alert_report import Status
from aim_ros.perception.alert_report import VARIANCE_X
from aim_ros.perception.alert_report import VARIANCE_Y

if HAVE_VISION_MSGS:
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import ObjectHypothesis
    from vision_msgs.msg import ObjectHypothesisWithPose


def status_messages(statuses: Iterable[Status]) -> list[DiagnosticStatus]:
    """Make the messages of statuses."""
    return [status_message(
        status.level, status.name, status.message, status.hardware_id, status.values)
        for status in statuses]


def detections_message(alerts: Sequence[Alert], header: Header,
                       ground: GroundCamera | None = None) -> 'Detection2DArray':
    """
    Make the typed twin of the alerts, see `detections`.

    A detection whose position is known has the camera's ground frame in its header, and in the
    pose of its results the position there, with its variances; the box is in the image all the
    same.
    """
    message = Detection2DArray(header=header)
    for found in detections(alerts, ground):
        detection = Detection2D(header=header, id=found.track_id)
        detection.bbox.center.position.x, detection.bbox.center.position.y = found.center
        detection.bbox.size_x, detection.bbox.size_y = found.size
        pose, position = PoseWithCovariance(), found.position
        if position is not None:
            detection.header = Header(stamp=header.stamp, frame_id=ground_frame(header.frame_id))
            pose.pose.position.x, pose.pose.position.y = position.x, position.y
            pose.covariance[VARIANCE_X] = position.x_error**2
            pose.covariance[VARIANCE_Y] = position.y_error**2
        detection.results.extend(ObjectHypothesisWithPose(
            hypothesis=ObjectHypothesis(class_id=class_id, score=found.score), pose=pose)
            for class_id in found.class_ids)
        message.detections.append(detection)
    return message
