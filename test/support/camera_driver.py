"""A camera and a planner, as a segmentation node meets them."""

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.nodes.messages.conversions import image_message
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.messages.conversions import stamp_to_ns


class Camera(Node):
    """A camera driver and a planner in one: publishes frames and keeps what comes back."""

    def __init__(self, name: str = 'camera', node: str = 'segmentation'):
        super().__init__(f'{name}_driver')
        self.camera = name
        self.pixels = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
        self.masks: list[Image] = []
        self.alerts: list[DiagnosticArray] = []
        self.overlays: list[Image] = []
        self.confidences: list[Image] = []
        self._prefix = f'/{node}/{name}'
        self.images = self.create_publisher(Image, f'{name}/image', 10)
        self.compressed = self.create_publisher(
            CompressedImage, f'{name}/image/compressed', 10)
        self.infos = self.create_publisher(CameraInfo, f'{name}/camera_info', 10)
        self.listening = [self.collect(Image, 'mask', self.masks),
                          self.collect(DiagnosticArray, 'alerts', self.alerts)]

    def is_heard(self) -> bool:
        """Whether somebody subscribes to the images, and to their calibration."""
        return self.infos.get_subscription_count() > 0 and (
            self.images.get_subscription_count() + self.compressed.get_subscription_count() > 0)

    def collect(self, message_type, topic: str, into: list):
        """Subscribe to one of the node's topics for this camera."""
        return self.create_subscription(
            message_type, f'{self._prefix}/{topic}', into.append, 50)

    def message(self, stamp: float, pixels: np.ndarray | None = None) -> Image:
        """Return an image message of the camera's test picture."""
        header = Header(stamp=ns_to_stamp(round(stamp * 1e9)), frame_id=f'{self.camera}_optical')
        return image_message(self.pixels if pixels is None else pixels, 'rgb8', header)

    def answer(self, stamp: float) -> tuple[Image, DiagnosticArray] | None:
        """Return the mask and the alerts of the frame with this stamp, once both are there."""
        stamp_ns = round(stamp * 1e9)
        mask, alerts = of_stamp(self.masks, stamp_ns), of_stamp(self.alerts, stamp_ns)
        return (mask, alerts) if mask and alerts else None

    def summaries(self) -> list[dict[str, str]]:
        """Return the values of the summary status of every alerts message so far."""
        return [{v.key: v.value for v in m.status[0].values} for m in list(self.alerts)]

    def stale(self) -> list[DiagnosticArray]:
        """Return the STALE messages so far."""
        return [m for m in list(self.alerts) if m.status[0].level == DiagnosticStatus.STALE]


def of_stamp(messages: list, stamp_ns: int):
    """Return the message with this header stamp, or None as long as there is none."""
    return next((m for m in messages if stamp_to_ns(m.header.stamp) == stamp_ns), None)
