"""What is published of road users: statuses for planners, and their typed twins."""

from collections.abc import Sequence
import math

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.geometry import GroundPosition
from aim_ros.nodes.conversions import ground_frame
from aim_ros.nodes.conversions import HAVE_VISION_MSGS
from aim_ros.nodes.conversions import status_message
from aim_ros.segmentation.labels import LabelSet

if HAVE_VISION_MSGS:
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import ObjectHypothesisWithPose


_NOWHERE = GroundPosition(math.nan, math.nan, math.nan, math.nan)

_XX, _YY = 0, 7
"""Where the variances of x and y are in the covariance of a pose."""


def report_values(report: AlertReport) -> dict[str, object]:
    """Return the values of the summary status that count a frame's road users."""
    return {
        'road_users': len(report.alerts),
        'emphasised': sum(alert.emphasised for alert in report.alerts),
        'coasting': sum(alert.coasting for alert in report.alerts),
        'stepped_back_s': report.stepped_back_s,
    }


def report_line(report: AlertReport) -> str:
    """Return one line for people about the alerts of a frame."""
    if not report.alerts:
        return 'clear'
    worst = max(report.alerts, key=lambda alert: alert.level)
    where = 'near in the corridor' if worst.level == Level.ERROR else 'present'
    return f'{worst.kind} {where}; {len(report.alerts)} raised'


def road_user_status(alert: Alert, labels: LabelSet, size: tuple[int, int], name: str, camera: str,
                     ground: GroundCamera | None = None) -> DiagnosticStatus:
    """
    Make the status of one raised road user; the README lists the keys and their units.

    :param size: (height, width) of the image.
    :param name: the node's name, the start of the status's.
    :param ground: the camera's calibration; without, nobody knows a position.
    """
    x, y, width, height = alert.box
    position = ground.place(alert.box) if ground is not None else _NOWHERE
    return status_message(
        int(alert.level), f'{name}/{camera}/track/{alert.track_id}', road_user_line(alert), camera,
        {
            'kind': alert.kind,
            'class': labels.names[alert.class_id],
            'track_id': alert.track_id,
            'x': x,
            'y': y,
            'width': width,
            'height': height,
            'vx': alert.vx,
            'vy': alert.vy,
            'ttc_s': alert.ttc_s,
            'ttc_error_s': alert.ttc_error_s,
            'area_share': f'{alert.area / (size[0] * size[1]):.6f}',
            'confidence': alert.confidence,
            'modulated_share': alert.modulated_share,
            'emphasised': alert.emphasised,
            'coasting': alert.coasting,
            'in_corridor': alert.in_corridor,
            'near': alert.near,
            'distance_m': alert.distance_m,
            'bearing_deg': alert.bearing_deg,
            'position_x_m': position.x,
            'position_y_m': position.y,
            'position_x_error_m': position.x_error,
            'position_y_error_m': position.y_error,
            'truncated': alert.truncated,
            'age_s': alert.age_s,
            'unseen_s': alert.unseen_s,
        })


def road_user_line(alert: Alert) -> str:
    """Return one line for people about a road user."""
    parts = [alert.kind]
    if math.isfinite(alert.distance_m):
        parts[0] += f' at {alert.distance_m:.1f} m'
    if math.isfinite(alert.ttc_s):
        parts.append(f'contact in {alert.ttc_s:.1f} s')
    if alert.near:
        parts.append('near')
    parts.append('in the corridor' if alert.in_corridor else 'outside the corridor')
    if alert.emphasised:
        parts.append('seen by modulation alone')
    if alert.coasting:
        parts.append('predicted')
    return ', '.join(parts)


def detections_message(alerts: Sequence[Alert], header: Header,
                       ground: GroundCamera | None = None) -> 'Detection2DArray':
    """
    Make the typed twin of the alerts.

    A detection whose position is known has the camera's ground frame in its header, and in the
    pose of its result the position there, with its variances; the box is in the image all the
    same.

    A detection's id is its track's, and its class the id of most of its pixels; what has no place
    in a `Detection2D` (kind, velocity, coasting) is in the alerts alone.
    """
    message = Detection2DArray(header=header)
    for alert in alerts:
        x, y, width, height = alert.box
        detection = Detection2D(header=header, id=str(alert.track_id))
        detection.bbox.center.position.x = x + width / 2
        detection.bbox.center.position.y = y + height / 2
        detection.bbox.size_x = float(width)
        detection.bbox.size_y = float(height)
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = str(alert.class_id)
        result.hypothesis.score = alert.confidence
        position = ground.place(alert.box) if ground is not None else _NOWHERE
        if math.isfinite(position.x):
            detection.header = Header(stamp=header.stamp, frame_id=ground_frame(header.frame_id))
            result.pose.pose.position.x, result.pose.pose.position.y = position.x, position.y
            result.pose.covariance[_XX] = position.x_error**2
            result.pose.covariance[_YY] = position.y_error**2
        detection.results.append(result)
        message.detections.append(detection)
    return message
