"""The topics of one camera: what comes in, and what goes out for it."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.callback_groups import CallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos import QoSLivelinessPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.modulation import Modulation
from aim_ros.nodes import conversions
from aim_ros.nodes.health import CameraHealth
from aim_ros.nodes.stamp_clock import StampClock
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.labels import LabelSet

_RELIABLE = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.RELIABLE)

_STALE_PERIOD = 0.5

# While the node is active a planner hears from every camera at least twice a second, frames or
# none, so it may ask DDS to tell when it does not.
_ALERTS = QoSProfile(
    depth=10,
    reliability=QoSReliabilityPolicy.RELIABLE,
    deadline=Duration(seconds=1),
    liveliness=QoSLivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=Duration(seconds=2))


class CameraChannel:
    """
    Publishers, subscriptions and books of one camera.

    The publishers exist from construction, the subscriptions between `subscribe` and
    `unsubscribe`. `problem` says why the last frame was lost, and is empty if it was not;
    `calibration` is ``'none'``, ``'unusable'`` or ``'used'`` by the last frame, and
    `calibration_problem` says why it is unusable.

    :param node: the node that owns the topics.
    :param name: the camera's name.
    :param transport: ``'raw'`` or ``'compressed'``.
    :param labels: the model's classes.
    :param callback_group: group in which frames are received.
    """

    def __init__(self, node: Node, name: str, transport: str, labels: LabelSet,
                 callback_group: CallbackGroup):
        self.name = name
        self.health = CameraHealth()
        self.is_stale = False
        self.problem = ''
        # Worker and watchdog both publish alerts: a STALE must not overtake the frame that ends
        # it, nor name a revision that no frame has used yet.
        self._speaking = threading.Lock()
        self._session: object = None
        self._settings: Settings | None = None
        self._modulation: Modulation | None = None
        self._last_level = Level.OK
        self._stale_told = 0.0
        self._node = node
        self._prefix = node.get_fully_qualified_name().lstrip('/')
        self._labels = labels
        self._group = callback_group
        self._compressed = transport == 'compressed'
        self._annotator = OverlayAnnotator(labels)
        self._info: CameraInfo | None = None
        self.calibration, self.calibration_problem = 'none', ''
        self._clock = StampClock()
        self._last_message: Image | CompressedImage | None = None
        self._image_subscription = None
        self._info_subscription = None

        def publisher(message_type, topic, qos=_RELIABLE):
            return node.create_publisher(
                message_type, f'~/{name}/{topic}', qos,
                qos_overriding_options=QoSOverridingOptions.with_default_policies())

        self._mask = publisher(Image, 'mask')
        self._overlay = publisher(Image, 'overlay')
        self._confidence = publisher(Image, 'confidence')
        self._alerts = publisher(DiagnosticArray, 'alerts', _ALERTS)
        self._detections = (publisher(conversions.Detection2DArray, 'detections')
                            if conversions.HAVE_VISION_MSGS else None)

    @property
    def topic(self) -> str:
        """The resolved name of the topic that images arrive on."""
        name = f'{self.name}/image/compressed' if self._compressed else f'{self.name}/image'
        return self._node.resolve_topic_name(name)

    def subscribe(self, session: object,
                  on_image: Callable[['CameraChannel', Image | CompressedImage], None],
                  settings: Settings) -> None:
        """
        Receive images, each handed to ``on_image(channel, message)``, and the calibration.

        :param session: what `publish` is to name, as long as this subscription lasts.
        :param settings: those in force, which STALE names until a frame was answered.
        """
        with self._speaking:
            self.health.restart()
            self.is_stale = False
            self.problem = ''
            self._clock, self._last_message = StampClock(), None
            self._session, self._settings = session, settings
            self._modulation = settings.modulation
        message_type, topic = ((CompressedImage, f'{self.name}/image/compressed')
                               if self._compressed else (Image, f'{self.name}/image'))
        options = QoSOverridingOptions.with_default_policies()
        self._image_subscription = self._node.create_subscription(
            message_type, topic, lambda message: on_image(self, message),
            qos_profile_sensor_data, callback_group=self._group, qos_overriding_options=options)
        self._info_subscription = self._node.create_subscription(
            CameraInfo, f'{self.name}/camera_info', self._receive_info,
            qos_profile_sensor_data, callback_group=self._group, qos_overriding_options=options)

    def unsubscribe(self, reason: str) -> None:
        """Receive nothing more, and leave a last STALE with a reason."""
        with self._speaking:
            if self._session is not None:
                self._session = None
                self._publish_stale(reason)
        for subscription in (self._image_subscription, self._info_subscription):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        # The calibration stays: a driver may tell it once, and not again.
        self._image_subscription = self._info_subscription = None

    def destroy(self) -> None:
        """Destroy what `subscribe` and the constructor made."""
        self.unsubscribe('the node is not configured')
        for publisher in (self._mask, self._overlay, self._confidence, self._alerts,
                          self._detections):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def publisher_count(self) -> int:
        """Return how many publishers the image subscription is matched with."""
        subscription = self._image_subscription
        return subscription.get_publisher_count() if subscription is not None else 0

    def focus(self) -> tuple[float, str]:
        """
        Return the sigma of the last answered frame's focus, and why it is not the one set.

        :return: in logits, 0 where there is no focus; and a sentence, empty where it is as set.
        """
        with self._speaking:
            settings, used = self._settings, self._modulation
        if settings is None:
            return 0.0, ''
        wanted = settings.modulation.sigma
        return used.sigma if used.focuses else 0.0, '' if used.sigma == wanted else (
            f'focus.max_changed, {settings.max_changed:g}, limits sigma to {used.sigma:.3f} of '
            f'{wanted:g}')

    def wants_confidence(self) -> bool:
        """Whether anybody listens to the confidence image."""
        return self._confidence.get_subscription_count() > 0

    def ground(self, size: tuple[int, int], height: float, pitch: float) -> GroundCamera | None:
        """Return the calibration for images of `size`; None where there is none to use."""
        info, self.calibration_problem = self._info, ''
        if info is None:
            self.calibration = 'none'
            return None
        try:
            ground = conversions.ground_camera(info, size, height, pitch)
        except CameraError as error:
            self.calibration, self.calibration_problem = 'unusable', str(error)
            return None
        if ground is None:
            self.calibration = 'unusable'
            self.calibration_problem = 'CameraInfo says that the camera is not calibrated'
            return None
        self.calibration = 'used'
        return ground

    def frame(self, message: Image | CompressedImage, received_ns: int) -> Frame:
        """
        Return a message's frame; to be called once for each, as they come.

        :raises FrameError: the message is no image that can be taken, or the last one again:
            whoever repeats an image is blind, however often.
        """
        last, self._last_message = self._last_message, message
        if last is not None and _is_repeated(message, last):
            raise FrameError('the last image arrives again, with the same stamp and the same data')
        convert = (conversions.frame_from_compressed if self._compressed
                   else conversions.frame_from_image)
        frame = convert(message, self.name)
        return replace(frame, track_ns=self._clock.time_ns(frame.stamp_ns, received_ns))

    def publish(self, session: object, perception: Perception, header: Header,
                values: Mapping[str, object], latency_ms: Mapping[str, float]) -> None:
        """
        Publish what was perceived in a frame: the alerts always and first, the rest if wanted.

        :param session: that of the subscription which the frame came through.
        :param header: the image's header; it goes out unchanged with every message.
        :param values: more values of the summary status.
        :param latency_ms: what each stage took, for the books.
        """
        report = perception.report
        size = perception.frame.size
        with self._speaking:
            if session is not self._session:
                # The node was deactivated meanwhile, and the last word was STALE.
                return
            self._settings, self._modulation = perception.settings, perception.modulation
            self._last_level = report.level
            self.is_stale = False
            self.problem = ''
            self.health.answer(latency_ms)
            statuses = [self._summary(
                report.level, _describe(report.alerts, self._labels),
                {**values, 'changed_share': perception.changed_share})]
            statuses += [conversions.track_status(
                alert, self._labels, size, self._prefix, self.name)
                for alert in report.alerts]
            self._alerts.publish(DiagnosticArray(header=header, status=statuses))
        if self._detections is not None and self._detections.get_subscription_count() > 0:
            self._detections.publish(conversions.detections_message(report.alerts, header))
        if self._mask.get_subscription_count() > 0:
            self._mask.publish(conversions.image_message(
                perception.mask, self._labels.mask_encoding, header))
        if perception.confidence is not None:
            self._confidence.publish(
                conversions.image_message(perception.confidence, '32FC1', header))
        if self._overlay.get_subscription_count() > 0:
            picture = self._annotator.annotate(
                perception.frame.rgb(), perception.mask, report.alerts)
            self._overlay.publish(conversions.image_message(picture, 'rgb8', header))

    def publish_if_stale(self, limit: float) -> bool:
        """
        Tell planners, if it is so, that no frame was answered for `limit` seconds.

        To be called often; it speaks at most every half second.

        :return: whether the camera became stale just now.
        """
        with self._speaking:
            staleness = self.health.staleness()
            now = time.monotonic()
            due = not self.is_stale or now - self._stale_told >= _STALE_PERIOD
            if staleness <= limit or not due:
                return False
            became = not self.is_stale
            self.is_stale, self._stale_told = True, now
            self._publish_stale(f'no frame was answered for {staleness:.1f} s')
            return became

    def _publish_stale(self, reason: str) -> None:
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._alerts.publish(DiagnosticArray(
            header=header, status=[self._summary(
                Level.STALE, reason, {'last_level': self._last_level.name})]))

    def flush_alerts(self, timeout: float) -> None:
        """Wait until every reader has the alerts published so far, at most `timeout` seconds."""
        self._alerts.wait_for_all_acked(Duration(seconds=timeout))

    def _receive_info(self, message: CameraInfo) -> None:
        self._info = message

    def _summary(self, level: Level, message: str, values: Mapping[str, object]):
        settings, modulation = self._settings, self._modulation
        return conversions.status_message(
            int(level), f'{self._prefix}/{self.name}', message, self.name, {
                'profile': settings.profile,
                'revision': settings.revision,
                'sigma': modulation.sigma if modulation.focuses else 0.0,
                'level': level.name,
                **values,
            })


def _is_repeated(message: Image | CompressedImage, last: Image | CompressedImage) -> bool:
    """Return whether a message is the one before; without a stamp, nobody can tell."""
    stamp = message.header.stamp
    return (stamp == last.header.stamp and (stamp.sec, stamp.nanosec) != (0, 0)
            and np.array_equal(np.frombuffer(message.data, np.uint8),
                               np.frombuffer(last.data, np.uint8)))


def _describe(alerts, labels: LabelSet) -> str:
    """Return one line for people about the alerts of a frame."""
    if not alerts:
        return 'clear'
    worst = max(alerts, key=lambda alert: alert.level)
    where = 'near in the corridor' if worst.level == Level.ERROR else 'present'
    return f'{labels.names[worst.region.class_id]} {where}; {len(alerts)} raised'
