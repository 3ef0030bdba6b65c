"""What is perceived in a frame, as the messages that the node publishes."""

from dataclasses import replace
from typing import Any

import numpy as np

from aim_ros.media import bag_messages
from aim_ros.media.bag_types import DETECTIONS
from aim_ros.media.bag_types import DIAGNOSTICS
from aim_ros.media.bag_types import LABEL_INFO
from aim_ros.media.bag_types import new
from aim_ros.perception.alert_report import Detection
from aim_ros.perception.alert_report import detections
from aim_ros.perception.alert_report import frame_statuses
from aim_ros.perception.alert_report import ground_frame
from aim_ros.perception.alert_report import Status
from aim_ros.perception.alert_report import VARIANCE_X
from aim_ros.perception.alert_report import VARIANCE_Y
from aim_ros.perception.pipeline import Perception
from aim_ros.segmentation.labels import LabelSet

_LATENCIES = {'capture_to_publish_ms': float('nan'), 'receive_to_publish_ms': float('nan')}
"""A recording is not processed as fast as it was recorded: there is no latency to tell."""


def mask_message(perception: Perception, labels: LabelSet) -> Any:
    """Make the mask of a frame."""
    return bag_messages.image(
        perception.mask, labels.mask_encoding, bag_messages.header_of(perception.frame))


def alerts_message(perception: Perception, labels: LabelSet, node: str) -> Any:
    """
    Make the alerts of a frame.

    :param node: the node's name, the start of the statuses'.
    """
    return new(DIAGNOSTICS, header=bag_messages.header_of(perception.frame), status=[
        _status(status) for status in frame_statuses(perception, labels, node, _LATENCIES)])


def _status(status: Status) -> Any:
    return new(
        'diagnostic_msgs/DiagnosticStatus', level=status.level, name=status.name,
        message=status.message, hardware_id=status.hardware_id,
        values=[new('diagnostic_msgs/KeyValue', key=key, value=value)
                for key, value in status.texts])


def detections_message(perception: Perception) -> Any:
    """Make the typed twins of a frame's alerts."""
    header = bag_messages.header_of(perception.frame)
    return new(DETECTIONS, header=header, detections=[
        _detection(found, header)
        for found in detections(perception.report.alerts, perception.ground)])


def _detection(found: Detection, header: Any) -> Any:
    def point(x: float, y: float) -> Any:
        return new('vision_msgs/Point2D', x=x, y=y)

    place, covariance = found.position, np.zeros(36)
    if place is not None:
        header = replace(header, frame_id=ground_frame(header.frame_id))
        covariance[[VARIANCE_X, VARIANCE_Y]] = place.x_error**2, place.y_error**2
    x, y = (0.0, 0.0) if place is None else (place.x, place.y)
    pose = new('geometry_msgs/PoseWithCovariance', covariance=covariance, pose=new(
        'geometry_msgs/Pose', position=new('geometry_msgs/Point', x=x, y=y, z=0.0),
        orientation=new('geometry_msgs/Quaternion', x=0.0, y=0.0, z=0.0, w=1.0)))
    return new(
        'vision_msgs/Detection2D', header=header, id=found.track_id,
        bbox=new('vision_msgs/BoundingBox2D', size_x=found.size[0], size_y=found.size[1],
                 center=new('vision_msgs/Pose2D', position=point(*found.center), theta=0.0)),
        results=[new(
            'vision_msgs/ObjectHypothesisWithPose', pose=pose,
            hypothesis=new('vision_msgs/ObjectHypothesis', class_id=class_id,
                           score=float(found.score)))
            for class_id in found.class_ids])


def label_info_message(labels: LabelSet) -> Any:
    """Make the message that names the ids in masks and detections."""
    return new(
        LABEL_INFO, header=bag_messages.header(0, ''), threshold=0.0, class_map=[
            new('vision_msgs/VisionClass', class_id=number, class_name=name)
            for number, name in enumerate(labels.names)])
