"""Static transforms between frames, from /tf_static and to it."""

from functools import cached_property
import threading

from geometry_msgs.msg import Quaternion
from geometry_msgs.msg import TransformStamped
from geometry_msgs.msg import Vector3
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from std_msgs.msg import Header

from aim_ros.nodes.logging import RateLimitedLogger
from aim_ros.perception.transforms import RigidTransform
from aim_ros.perception.transforms import TransformTree

try:
    from tf2_msgs.msg import TFMessage
    HAVE_TF = True
except ImportError:
    # No pip package: such an installation takes transforms from parameters.
    HAVE_TF = False

_WRONG_PERIOD = 60.0
"""Seconds between two lines about one transform that is none."""

_MOST_SENT = 16
"""Frames that one camera may have had: of a driver that counts in the frame_id, it is the last."""

_LATCHED = QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


class StaticTransforms:
    """
    What /tf_static says, while subscribed.

    :param node: the node that owns the subscription.
    :param group: group in which messages are received.
    """

    def __init__(self, node: Node, group: CallbackGroup):
        self._node = node
        self._group = group
        # Received on the executor, asked for by the worker.
        self._lock = threading.Lock()
        self._tree = TransformTree()
        self._subscription: Subscription | None = None

    @cached_property
    def _log(self) -> RateLimitedLogger:
        return RateLimitedLogger(self._node.get_logger())

    def subscribe(self) -> None:
        """Receive transforms, where their message is installed."""
        if HAVE_TF and self._subscription is None:
            self._subscription = self._node.create_subscription(
                TFMessage, '/tf_static', self.receive, _LATCHED, callback_group=self._group)

    def unsubscribe(self) -> None:
        """Receive nothing more; what was received stays."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = None

    def receive(self, message: 'TFMessage') -> None:
        """Take in a message; what is no transform is left out, with a warning."""
        with self._lock:
            for stamped in message.transforms:
                move, turn = stamped.transform.translation, stamped.transform.rotation
                parent, child = (
                    name.lstrip('/') for name in (stamped.header.frame_id, stamped.child_frame_id))
                try:
                    transform = RigidTransform.of(
                        (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))
                except ValueError as error:
                    # Some publish it again and again.
                    self._log.warning(
                        f'{parent} {child}',
                        f'/tf_static from {parent!r} to {child!r} is not used: {error}',
                        _WRONG_PERIOD)
                else:
                    self._tree.set(parent, child, transform)

    def find(self, target: str, source: str) -> RigidTransform | None:
        """Return what takes points of `source` into `target`; None where that is not known."""
        with self._lock:
            return self._tree.find(target.lstrip('/'), source.lstrip('/'))


def transform_message(transform: RigidTransform, header: Header, child: str) -> TransformStamped:
    """
    Make the message that fixes a frame to another.

    :param transform: takes points of `child` into the header's frame.
    """
    message = TransformStamped(header=header, child_frame_id=child)
    x, y, z = transform.translation.tolist()
    message.transform.translation = Vector3(x=x, y=y, z=z)
    x, y, z, w = transform.quaternion
    message.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
    return message


class StaticBroadcaster:
    """
    Publishes static transforms, each once, where their message is installed.

    Who comes later hears the last ones: as many as a camera may have had frames.
    """

    def __init__(self, node: Node):
        self._node = node
        self._sent: dict[str, TransformStamped] = {}
        self._publisher = node.create_publisher(TFMessage, '/tf_static', QoSProfile(
            depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)) if HAVE_TF else None

    def send(self, transform: TransformStamped) -> None:
        """Publish a transform, unless the last one of its child frame was the same."""
        if self._publisher is None:
            return
        child = transform.child_frame_id
        known = self._sent.pop(child, None)
        same = (known is not None and known.transform == transform.transform
                and known.header.frame_id == transform.header.frame_id)
        # What was in use last comes last.
        self._sent[child] = known if same else transform
        if same:
            return
        if len(self._sent) > _MOST_SENT:
            del self._sent[next(iter(self._sent))]
        # A latched message replaces the one before, so each holds them all.
        self._publisher.publish(TFMessage(transforms=list(self._sent.values())))

    def destroy(self) -> None:
        """Destroy the publisher."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
