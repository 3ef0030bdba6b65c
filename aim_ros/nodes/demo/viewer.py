"""Sees what the demo's camera and the segmentation node publish."""

from collections import defaultdict
from dataclasses import dataclass
import time

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.task import Future
from sensor_msgs.msg import Image

from aim_ros.nodes.messages.conversions import frame_from_image
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.messages.statuses import status_values

_ASK_AGAIN = 3.0  # seconds; a server that has not discovered its client yet drops its answer


@dataclass
class Moment:
    """What was published about one frame, as it comes in."""

    image: np.ndarray | None = None
    overlay: np.ndarray | None = None
    mask: bool = False
    alerts: DiagnosticArray | None = None

    @property
    def complete(self) -> bool:
        """Whether all four parts are there."""
        return (self.image is not None and self.overlay is not None and self.mask
                and self.alerts is not None)


class Viewer(Node):
    """Subscribes to a camera and to what the segmentation node says about it."""

    def __init__(self):
        super().__init__('demo_viewer')
        self.diagnostics: dict[str, dict[str, str]] = {}
        self.images_received = 0
        self.masks_received = 0
        self._moments: dict[int, Moment] = defaultdict(Moment)
        self._parameters = self.create_client(SetParameters, '/segmentation/set_parameters')
        # Reliable and deep: the demo's film is to have every frame.
        qos = QoSProfile(depth=20)
        for message_type, topic, receive in (
                (Image, '/camera/image', self._receive_image),
                (Image, '/segmentation/camera/overlay', self._receive_overlay),
                (Image, '/segmentation/camera/mask', self._receive_mask),
                (DiagnosticArray, '/segmentation/camera/alerts', self._receive_alerts),
                (DiagnosticArray, '/diagnostics', self._receive_diagnostics)):
            self.create_subscription(message_type, topic, receive, qos)

    def _moment(self, message) -> Moment:
        return self._moments[stamp_to_ns(message.header.stamp)]

    def _receive_image(self, message: Image) -> None:
        self.images_received += 1
        self._moment(message).image = frame_from_image(message, 'camera').rgb()

    def _receive_overlay(self, message: Image) -> None:
        self._moment(message).overlay = frame_from_image(message, 'camera').rgb()

    def _receive_mask(self, message: Image) -> None:
        self.masks_received += 1
        self._moment(message).mask = True

    def _receive_alerts(self, message: DiagnosticArray) -> None:
        # A STALE between two frames is about no frame.
        if message.status[0].level != DiagnosticStatus.STALE:
            self._moment(message).alerts = message

    def _receive_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = {
                'message': status.message, **status_values(status)}

    def receive(self, timeout: float) -> None:
        """Take in the next message, if one arrives within `timeout` seconds."""
        rclpy.spin_once(self, timeout_sec=timeout)

    def take_complete(self) -> list[tuple[int, Moment]]:
        """Return the frames of which all is known with their stamps, oldest first, once."""
        complete = sorted(stamp for stamp, moment in self._moments.items() if moment.complete)
        return [(stamp, self._moments.pop(stamp)) for stamp in complete]

    def choose_profile(self, name: str) -> 'ProfileRequest':
        """Ask the segmentation node for another driver profile."""
        return ProfileRequest(self._parameters, name)


class ProfileRequest:
    """A request for a driver profile, to be polled until the node has answered."""

    def __init__(self, client, profile: str):
        self._client = client
        self._request = SetParameters.Request(
            parameters=[Parameter('driver_profile', value=profile).to_parameter_msg()])
        self._asked_for: list[Future] = []
        self._ask()

    def _ask(self) -> None:
        self._asked_for.append(self._client.call_async(self._request))
        self._asked = time.monotonic()

    def confirmed(self) -> bool:
        """
        Return whether the node has made the change.

        :raises ValueError: it has refused; the text is its reason.
        """
        answered = next((future for future in self._asked_for if future.done()), None)
        if answered is None:
            if time.monotonic() - self._asked > _ASK_AGAIN:
                self._ask()
            return False
        # rclpy would keep those that are never answered for as long as the client.
        for future in self._asked_for:
            future.cancel()
        result, = answered.result().results
        if not result.successful:
            raise ValueError(result.reason)
        return True
