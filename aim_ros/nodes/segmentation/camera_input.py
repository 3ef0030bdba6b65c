"""What comes in for one camera: its images, and its calibration."""

from collections.abc import Callable
from copy import copy
import math
import time

from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import QoSMessageLostInfo
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.qos import qos_check_compatible
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos import QoSCompatibility
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.camera_info import camera_of_image
from aim_ros.imaging.frame import Frame
from aim_ros.nodes.messages import conversions
from aim_ros.nodes.qos.overriding import overriding_options
from aim_ros.nodes.segmentation.stream_statistics import StreamStatistics
from aim_ros.perception.camera_stream import CameraStream
from aim_ros.perception.camera_stream import foreign_frame
from aim_ros.perception.camera_stream import ground_camera
from aim_ros.perception.camera_stream import lens_distortion
from aim_ros.perception.camera_stream import missing_calibration
from aim_ros.perception.settings import Mount

_LATCHED = QoSProfile(
    depth=1,
    reliability=QoSReliabilityPolicy.RELIABLE,
    durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)

_LOOK_PERIOD = 0.5

ImageMessage = Image | CompressedImage


class CameraInput:
    """
    The subscriptions of one camera; they exist between `subscribe` and `unsubscribe`.

    `calibration` is ``'none'``, ``'used'`` by the last frame, or ``'unusable'``; then
    `calibration_problem` says why.

    :param node: the node that owns the topics.
    :param name: the camera's name.
    :param transport: ``'raw'`` or ``'compressed'``.
    :param group: group in which messages are received.
    :param statistics: where what arrives is counted.
    """

    def __init__(self, node: Node, name: str, transport: str, group: CallbackGroup,
                 statistics: StreamStatistics):
        self.name = name
        self.calibration = 'none'
        self.calibration_problem = ''
        self._node = node
        self._compressed = transport == 'compressed'
        topics = f'{name}/image', f'{name}/image/compressed'
        self._image_topic, self._other_topic = topics[::-1] if self._compressed else topics
        self._info_topic = f'{name}/camera_info'
        self._group = group
        self._statistics = statistics
        self._info: CameraInfo | None = None
        self.image_frame = ''
        """The frame that the last image names."""
        self._stream = CameraStream()
        self._images: Subscription | None = None
        self._infos: Subscription | None = None
        self._latched_infos: Subscription | None = None
        self._looked = -math.inf
        if self._compressed:
            # Now, as the first image should not wait for it.
            conversions.image_decoder()

    @property
    def topic(self) -> str:
        """The resolved name of the topic that images arrive on."""
        return self._node.resolve_topic_name(self._image_topic)

    @property
    def topics(self) -> tuple[str, str]:
        """The resolved names of both topics."""
        return self.topic, self._node.resolve_topic_name(self._info_topic)

    @property
    def frame_id(self) -> str:
        """The frame of the last image, or of the calibration; the camera's name before both."""
        info = self._info
        return self.image_frame or (info.header.frame_id if info else '') or self.name

    def subscribe(self, on_image: Callable[[ImageMessage, int], None]) -> None:
        """Receive images, each handed to ``on_image(message, received_ns)``, and CameraInfo."""
        self._stream = CameraStream()

        def receive(message: ImageMessage) -> None:
            received_ns = time.monotonic_ns()
            self.image_frame = message.header.frame_id
            self._statistics.receive(conversions.stamp_to_ns(message.header.stamp))
            on_image(message, received_ns)

        self._images = self._create_image_subscription(receive)
        self._infos = self._node.create_subscription(
            CameraInfo, self._info_topic, self._receive_info, copy(qos_profile_sensor_data),
            callback_group=self._group, qos_overriding_options=overriding_options())

    # rclpy writes what is overridden into the profile that it is given, hence copies.

    def _create_image_subscription(self, receive: Callable[[ImageMessage], None]) -> Subscription:
        def lose(info: QoSMessageLostInfo) -> None:
            self._statistics.lose(info.total_count_change)

        def create(events: SubscriptionEventCallbacks) -> Subscription:
            return self._node.create_subscription(
                CompressedImage if self._compressed else Image, self._image_topic, receive,
                copy(qos_profile_sensor_data), callback_group=self._group, event_callbacks=events,
                qos_overriding_options=overriding_options())

        try:
            return create(SubscriptionEventCallbacks(message_lost=lose))
        except UnsupportedEventTypeError:
            # This middleware does not count what it loses: nothing is said of losses.
            return create(SubscriptionEventCallbacks())

    def unsubscribe(self) -> None:
        """Receive nothing more."""
        for subscription in (self._images, self._infos, self._latched_infos):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        # The calibration stays: a driver may publish it once, and not again.
        self._images = self._infos = self._latched_infos = None

    def look_for_latched_info(self) -> None:
        """
        Subscribe to a calibration that was published before this node came, if there is one.

        To be called often; it looks twice a second. A subscription that asks for what was kept
        matches no driver that keeps nothing, and has both sides warn: it is made where one keeps.
        """
        now = time.monotonic()
        looked, wanted = now - self._looked < _LOOK_PERIOD, self._info is None
        if looked or not wanted or self._infos is None or self._latched_infos is not None:
            return
        self._looked = now
        if any(publisher.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
               for publisher in self._node.get_publishers_info_by_topic(self._info_topic)):
            self._latched_infos = self._node.create_subscription(
                CameraInfo, self._info_topic, self._receive_info, _LATCHED,
                callback_group=self._group,
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False))

    def publisher_count(self) -> int:
        """Return how many publishers the image subscription is matched with."""
        images = self._images
        return images.get_publisher_count() if images is not None else 0

    def unmatched(self) -> str:
        """
        Return why those who publish images are not matched; empty where nobody publishes any.

        rclpy warns of a QoS once, and of another type never.
        """
        images = self._images
        if images is None:
            return ''
        wanted = 'sensor_msgs/msg/CompressedImage' if self._compressed else 'sensor_msgs/msg/Image'
        for end in self._node.get_publishers_info_by_topic(self._image_topic):
            who = f'{end.node_namespace.rstrip("/")}/{end.node_name}'
            if end.topic_type != wanted:
                return f'{who} publishes {end.topic_type} there, and this node takes {wanted}'
            verdict, reason = qos_check_compatible(end.qos_profile, images.qos_profile)
            if verdict == QoSCompatibility.ERROR:
                return (f'{who} publishes there with a QoS that this subscription does not match '
                        f'({reason.strip("; ")}): change qos_overrides.{self.topic}.*')
        other = self._node.resolve_topic_name(self._other_topic)
        if self._node.count_publishers(other):
            transport = 'raw' if self._compressed else 'compressed'
            return (f'nobody publishes there, but somebody on {other}: set '
                    f'{self.name}.image_transport to {transport}')
        return ''

    def frame(self, message: ImageMessage, received_ns: int, clear_after: float) -> Frame:
        """
        Return a message's frame; to be called once for each, as they come.

        :param received_ns: when it was received, nanoseconds of a steady clock.
        :param clear_after: seconds by which a stamp steps back at least where the stream starts
            afresh.
        :raises FrameError: the message is no image that can be taken, or the last one again:
            whoever repeats an image is blind, however often.
        """
        self._stream.check(
            conversions.stamp_to_ns(message.header.stamp), message.data, received_ns)
        convert = (conversions.frame_from_compressed if self._compressed
                   else conversions.frame_from_image)
        frame = convert(message, self.name)
        return self._stream.timed(frame, received_ns, clear_after)

    @property
    def frozen(self) -> str:
        """For how long the image has been the same; empty if it was not for long."""
        return self._stream.frozen

    @property
    def blank(self) -> str:
        """For how long the images have shown next to nothing; empty if they show something."""
        return self._stream.blank

    def camera(self, size: tuple[int, int]) -> CameraModel | None:
        """
        Return the camera for images of `size`; None as long as there is no calibration.

        :raises CameraError: the calibration is for images of another shape, or that of no camera.
        """
        info = self._info
        return None if info is None else camera_of_image(info, size)

    @property
    def distortion(self) -> str:
        """That the images may not be rectified; empty if they are, or nobody knows."""
        info = self._info
        return '' if info is None else lens_distortion(info, self.topic)

    @property
    def foreign(self) -> str:
        """That the calibration may be another camera's; empty if nothing speaks for that."""
        info = self._info
        return '' if info is None else foreign_frame(info, self.image_frame)

    def ground(self, size: tuple[int, int], mount: Mount) -> GroundCamera | None:
        """Return the calibration for images of `size`; None as long as there is none."""
        info = self._info
        if info is None:
            self.calibration, self.calibration_problem = 'none', missing_calibration(info)
            return None
        try:
            ground = ground_camera(info, size, mount.height, mount.pitch)
            problem = '' if ground else missing_calibration(info)
        except ValueError as error:
            ground, problem = None, str(error)
        self.calibration = 'used' if ground else 'unusable'
        self.calibration_problem = problem
        return ground

    def _receive_info(self, message: CameraInfo) -> None:
        self._info = message
