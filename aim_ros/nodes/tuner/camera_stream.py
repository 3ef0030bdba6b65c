"""What is seen of one camera: its image, its overlay and its alerts."""

from collections import OrderedDict
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.nodes.messages.conversions import frame_from_compressed
from aim_ros.nodes.messages.conversions import frame_from_image
from aim_ros.nodes.tuner.alert_records import Record
from aim_ros.nodes.tuner.alert_records import record_of
from aim_ros.nodes.tuner.pictures import Pair
from aim_ros.nodes.tuner.pictures import Pictures
from aim_ros.nodes.tuner.traces import Traces

_COMPRESSED = '/compressed'
_KEPT = 8
"""Images that wait for their overlay."""

_ALONE_AFTER = 1.0
"""Seconds without an overlay after which images are shown alone."""

# Best effort and shallow: a publisher waits for no subscriber like this.
_NEWEST = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
_IMAGES = QoSProfile(depth=2, reliability=QoSReliabilityPolicy.BEST_EFFORT)


class CameraStream:
    """
    Subscribes to the alerts of a camera and, only while somebody watches, to its pictures.

    To be used by the executor's thread alone, but for `pictures`, `traces` and `record`.

    :param node: the node that subscribes.
    :param target: full name of the segmentation node.
    :param camera: the camera's name.
    """

    def __init__(self, node: Node, target: str, camera: str):
        self.camera = camera
        self.pictures = Pictures()
        self.traces = Traces()
        self.record: Record | None = None
        self._node = node
        self._log = RateLimitedLogger(node.get_logger())
        self._overlay_topic = f'{target}/{camera}/overlay'
        self._topic = ''
        self._images: OrderedDict[int, Frame] = OrderedDict()
        self._overlaid = time.monotonic()
        self._watching: list[Subscription] = []
        self._alerts = node.create_subscription(
            DiagnosticArray, f'{target}/{camera}/alerts', self._receive_alerts, 10)

    def tend(self, topic: str) -> None:
        """
        Subscribe to the pictures, or no longer; to be called often.

        :param topic: that the node takes the images from; empty while nobody knows.
        """
        wanted = bool(topic) and self.pictures.watched
        if self._watching and not (wanted and topic == self._topic):
            for subscription in self._watching:
                self._node.destroy_subscription(subscription)
            self._watching = []
            self._images.clear()
        if wanted and not self._watching:
            self._topic = topic
            self._overlaid = time.monotonic()
            kind = CompressedImage if topic.endswith(_COMPRESSED) else Image
            self._watching = [
                self._node.create_subscription(kind, topic, self._receive_image, _IMAGES),
                self._node.create_subscription(
                    Image, self._overlay_topic, self._receive_overlay, _NEWEST)]

    def end(self) -> None:
        """Destroy everything."""
        for subscription in (*self._watching, self._alerts):
            self._node.destroy_subscription(subscription)
        self.pictures.end()

    def _receive_image(self, message: Image | CompressedImage) -> None:
        convert = (frame_from_compressed if isinstance(message, CompressedImage)
                   else frame_from_image)
        try:
            frame = convert(message, self.camera)
        except FrameError as error:
            self._log.warning('image', f'{self._topic}: {error}')
            return
        self._images[frame.stamp_ns] = frame
        if len(self._images) > _KEPT:
            self._images.popitem(last=False)
        if time.monotonic() - self._overlaid > _ALONE_AFTER:
            self.pictures.put(Pair(frame, None))

    def _receive_overlay(self, message: Image) -> None:
        overlay = frame_from_image(message, self.camera)
        frame = self._images.get(overlay.stamp_ns)
        self._overlaid = time.monotonic()
        if frame is not None:
            self.pictures.put(Pair(frame, np.asarray(overlay.rgb())))

    def _receive_alerts(self, message: DiagnosticArray) -> None:
        try:
            record = record_of(message)
        except ValueError as error:
            self._log.warning('alerts', f'{self._alerts.topic_name}: {error}')
            return
        self.record = record
        self.traces.add(record)
