"""What is published of road users: statuses for planners, and their typed twins."""

from collections.abc import Iterable
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.nodes.conversions import HAVE_VISION_MSGS
from aim_ros.nodes.conversions import status_message
from aim_ros.perception.alert_report import detections
from aim_ros.perception.alert_report import Status

if HAVE_VISION_MSGS:
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import ObjectHypothesisWithPose


def status_messages(statuses: Iterable[Status]) -> list[DiagnosticStatus]:
    """Make the messages of statuses."""
    return [status_message(
        status.level, status.name, status.message, status.hardware_id, status.values)
        for status in statuses]


def detections_message(alerts: Sequence[Alert], header: Header) -> 'Detection2DArray':
    """Make the typed twin of the alerts, see `detections`."""
    message = Detection2DArray(header=header)
    for found in detections(alerts):
        detection = Detection2D(header=header, id=found.track_id)
        detection.bbox.center.position.x, detection.bbox.center.position.y = found.center
        detection.bbox.size_x, detection.bbox.size_y = found.size
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = found.class_id
        result.hypothesis.score = found.score
        detection.results.append(result)
        message.detections.append(detection)
    return message
