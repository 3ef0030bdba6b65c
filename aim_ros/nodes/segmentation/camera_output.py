"""What goes out for one camera: alerts to planners, masks and pictures to whoever listens."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from copy import copy
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSLivelinessPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from sensor_msgs.msg import Image
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Level
from aim_ros.modulation import Modulation
from aim_ros.nodes.messages import alerts as alert_messages
from aim_ros.nodes.messages import conversions
from aim_ros.nodes.qos.overriding import overriding_options
from aim_ros.nodes.segmentation.ground_output import GroundOutput
from aim_ros.perception.alert_report import frame_statuses
from aim_ros.perception.alert_report import summary_status
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


class CameraOutput:
    """
    The publishers of one camera, from construction to `destroy`.

    Frames are published between `open` and `close`. `is_stale` says whether the last message to
    planners was STALE.

    :param node: the node that owns the topics.
    :param name: the camera's name.
    :param labels: the model's classes.
    """

    def __init__(self, node: Node, name: str, labels: LabelSet):
        self.name = name
        self.is_stale = False
        self._node = node
        self._prefix = node.get_fully_qualified_name().lstrip('/')
        self._labels = labels
        self._annotator = OverlayAnnotator(labels)
        # Worker and watchdog both publish alerts: a STALE must not overtake the frame that ends
        # it, nor name a revision that no frame has used yet.
        self._lock = threading.Lock()
        self._session: object = None
        self._settings: Settings | None = None
        self._modulation: Modulation | None = None
        self._last_level = Level.OK
        self._stale_at = 0.0
        self._mask = self._publisher(Image, 'mask')
        self._overlay = self._publisher(Image, 'overlay')
        self._confidence = self._publisher(Image, 'confidence')
        self._alerts = self._publisher(DiagnosticArray, 'alerts', _ALERTS)
        self._detections = (self._publisher(alert_messages.Detection2DArray, 'detections')
                            if conversions.HAVE_VISION_MSGS else None)
        self.ground = GroundOutput(node, self._publisher)
        """What goes out in metres on the ground."""
        self.points = self._publisher(PointCloud2, 'points')
        """The publisher of labelled clouds."""

    def _publisher(self, message_type: type, topic: str, qos: QoSProfile = _RELIABLE) -> Publisher:
        # rclpy writes what is overridden into the profile that it is given, hence a copy.
        return self._node.create_publisher(
            message_type, f'~/{self.name}/{topic}', copy(qos),
            qos_overriding_options=overriding_options())

    def topics(self) -> list[str]:
        """Return the resolved names of the topics that are published."""
        return [publisher.topic_name for publisher in self._publishers()]

    def _publishers(self) -> list[Publisher]:
        return [publisher for publisher in (
            self._mask, self._overlay, self._confidence, self._alerts, self._detections,
            self.points, *self.ground.publishers) if publisher is not None]

    def open(self, session: object, settings: Settings) -> None:
        """
        Let frames of a session be published.

        :param session: what `publish_alerts` is to name.
        :param settings: those in force, which STALE names until a frame was answered.
        """
        with self._lock:
            self.is_stale = False
            self._session, self._settings = session, settings
            self._modulation = settings.modulation

    def close(self, reason: str, frame_id: str) -> None:
        """Publish no more frames, and leave a last STALE with a reason."""
        with self._lock:
            if self._session is not None:
                self._session = None
                self._publish_stale(reason, frame_id)

    def destroy(self) -> None:
        """Destroy the publishers."""
        self.ground.destroy()
        for publisher in self._publishers():
            self._node.destroy_publisher(publisher)

    def mask_subscribers(self) -> int:
        """Return how many subscriptions the mask is matched with."""
        return self._mask.get_subscription_count()

    def alert_subscribers(self) -> int:
        """Return how many subscriptions the alerts are matched with."""
        return self._alerts.get_subscription_count()

    def wants_overlay(self) -> bool:
        """Whether anybody listens to the overlay."""
        return self._overlay.get_subscription_count() > 0

    def wants_confidence(self) -> bool:
        """Whether anybody listens to the confidence image."""
        return self._confidence.get_subscription_count() > 0

    def focus(self) -> tuple[float, str]:
        """
        Return the sigma of the last answered frame's focus, and why it is not the one set.

        :return: in logits, 0 where there is no focus; and a sentence, empty where it is as set.
        """
        with self._lock:
            settings, used = self._settings, self._modulation
        if settings is None:
            return 0.0, ''
        wanted = settings.modulation.sigma
        return used.sigma if used.focuses else 0.0, '' if used.sigma == wanted else (
            f'focus.max_changed, {settings.max_changed:g}, limits sigma to {used.sigma:.3f} of '
            f'{wanted:g}')

    def publish_alerts(self, session: object, perception: Perception, header: Header,
                       values: Mapping[str, object], on_answer: Callable[[], None]) -> bool:
        """
        Publish the alerts of a frame, which are what answers it.

        :param session: that of `open`, in which the frame came.
        :param header: the image's header; it goes out unchanged.
        :param values: more values of the summary status.
        :param on_answer: called once they are out, before a STALE can follow.
        :return: False if the session is over: then the last message stays STALE.
        """
        statuses = alert_messages.status_messages(
            frame_statuses(perception, self._labels, self._prefix, values))
        with self._lock:
            if session is not self._session:
                return False
            self._settings, self._modulation = perception.settings, perception.modulation
            self._alerts.publish(DiagnosticArray(header=header, status=statuses))
            self._last_level = perception.report.level
            self.is_stale = False
            on_answer()
        return True

    def others(self, perception: Perception, header: Header
               ) -> Iterator[tuple[str, Callable[[], None]]]:
        """
        Yield what else goes out for a frame, by name: a function that makes and publishes it.

        Only what somebody listens to: pictures cost time.
        """
        def mask() -> None:
            self._mask.publish(conversions.image_message(
                perception.mask, self._labels.mask_encoding, header))

        def detections() -> None:
            self._detections.publish(
                alert_messages.detections_message(
                    perception.report.alerts, header, perception.ground))

        def confidence() -> None:
            self._confidence.publish(conversions.image_message(
                conversions.probability_bytes(perception.confidence), 'mono8', header))

        def overlay() -> None:
            picture = self._annotator.annotate(
                perception.frame.rgb(), perception.mask, perception.report.alerts)
            self._overlay.publish(conversions.image_message(picture, 'rgb8', header))

        if self._detections is not None and self._detections.get_subscription_count() > 0:
            yield 'detections', detections
        if self.mask_subscribers() > 0:
            yield 'mask', mask
        if perception.confidence is not None and self.wants_confidence():
            yield 'confidence', confidence
        if self.wants_overlay():
            yield 'overlay', overlay
        yield from self.ground.others(perception, header)

    def publish_if_stale(self, staleness: Callable[[], float], limit: float, frame_id: str
                         ) -> bool:
        """
        Tell planners, if it is so, that no frame was answered for `limit` seconds.

        To be called often; it publishes at most every half second.

        :param staleness: returns the seconds since the last frame was answered.
        :return: whether the camera became stale just now.
        """
        with self._lock:
            now, seconds = time.monotonic(), staleness()
            due = not self.is_stale or now - self._stale_at >= _STALE_PERIOD
            if self._session is None or seconds <= limit or not due:
                return False
            became = not self.is_stale
            self.is_stale, self._stale_at = True, now
            self._publish_stale(f'no frame was answered for {seconds:.1f} s', frame_id)
            return became

    def _publish_stale(self, reason: str, frame_id: str) -> None:
        header = Header(stamp=self._node.get_clock().now().to_msg(), frame_id=frame_id)
        self._alerts.publish(DiagnosticArray(
            header=header, status=alert_messages.status_messages([summary_status(
                self._settings, self._modulation, Level.STALE, reason, self._prefix, self.name,
                {'last_level': self._last_level.name})])))

    def flush_alerts(self, timeout: float) -> None:
        """Wait until every reader has the alerts published so far, at most `timeout` seconds."""
        self._alerts.wait_for_all_acked(Duration(seconds=timeout))
