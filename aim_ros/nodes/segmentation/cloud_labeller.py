"""Clouds of one camera: they come in while somebody listens, and go out with classes."""

from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from copy import copy
import threading
import time

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import qos_profile_sensor_data
from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2

from aim_ros.imaging.camera import CameraModel
from aim_ros.nodes.messages.clouds import cloud_message
from aim_ros.nodes.messages.clouds import CloudError
from aim_ros.nodes.messages.clouds import points_of
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.qos.overriding import overriding_options
from aim_ros.nodes.segmentation.static_transforms import HAVE_TF
from aim_ros.nodes.segmentation.static_transforms import StaticTransforms
from aim_ros.perception.labelled_points import autoware_ids
from aim_ros.perception.labelled_points import label_points
from aim_ros.perception.labelled_points import mask_ids
from aim_ros.perception.labelled_points import UNSEEN
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.settings import OutputSettings
from aim_ros.perception.transforms import RigidTransform
from aim_ros.segmentation.labels import LabelSet

_KEPT = 8
"""Clouds that wait for a frame: of a LiDAR at 10 Hz, as many as come while one is perceived."""

_MAX_APART = 1.0
"""Seconds between the stamps of a cloud and its frame at most, where images may be of any age."""


class CloudLabeller:
    """
    Labels the cloud that is nearest in time to each frame, if somebody listens.

    A cloud is labelled once. It goes out with its own header.

    :param node: the node that owns the topics.
    :param name: the camera's name.
    :param labels: the model's classes.
    :param group: group in which clouds are received.
    :param publisher: the one of labelled clouds.
    :param clock: a steady clock in seconds.
    """

    def __init__(self, node: Node, name: str, labels: LabelSet, group: CallbackGroup,
                 publisher: Publisher, clock: Callable[[], float] = time.monotonic):
        self._node = node
        self._name = name
        self._labels = labels
        self._group = group
        self._publisher = publisher
        self._clock = clock
        self._heard = 0.0
        self._transforms = StaticTransforms(node, group)
        # Clouds come on the executor and are taken by the worker.
        self._lock = threading.Lock()
        self._clouds: deque[PointCloud2] = deque(maxlen=_KEPT)
        self._subscription: Subscription | None = None

    @property
    def transforms(self) -> StaticTransforms:
        """What is known of where the frames are."""
        return self._transforms

    @property
    def waiting(self) -> int:
        """How many clouds wait for a frame."""
        return len(self._clouds)

    def is_wanted(self) -> bool:
        """Whether anybody listens to labelled clouds."""
        return self._publisher.get_subscription_count() > 0

    def is_receiving(self) -> bool:
        """Whether clouds are subscribed to, and somebody publishes them."""
        subscription = self._subscription
        return subscription is not None and subscription.get_publisher_count() > 0

    def silence(self) -> float:
        """Return the seconds since a cloud arrived, or could have first; 0 if none is wanted."""
        return 0.0 if self._subscription is None else self._clock() - self._heard

    def subscribe_on_demand(self) -> None:
        """Subscribe to clouds if somebody listens, else to none; to be called often."""
        if not self.is_wanted():
            self.unsubscribe()
        elif self._subscription is None:
            self._transforms.subscribe()
            self._heard = self._clock()
            self._subscription = self._node.create_subscription(
                PointCloud2, f'{self._name}/points_in', self.receive,
                copy(qos_profile_sensor_data), callback_group=self._group,
                qos_overriding_options=overriding_options())

    def unsubscribe(self) -> None:
        """Receive nothing more, and forget what was received."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = None
        self._transforms.unsubscribe()
        with self._lock:
            self._clouds.clear()

    def receive(self, message: PointCloud2) -> None:
        """Keep a cloud for a frame."""
        self._heard = self._clock()
        with self._lock:
            self._clouds.append(message)

    def others(self, perception: Perception, camera: Callable[[], CameraModel | None]
               ) -> Iterator[tuple[str, Callable[[], None]]]:
        """
        Yield what goes out for a frame: a name, and a function that makes and publishes it.

        :param camera: returns the calibration for the mask.
        """
        # Who just came finds a confidence with the next frame.
        if perception.confidence is None or not self.is_wanted():
            return
        stamp_ns, limit = perception.frame.stamp_ns, perception.settings.max_age or _MAX_APART
        cloud = self._take(stamp_ns, limit)
        if cloud is None and self.waiting == _KEPT:
            yield 'labelled points', lambda: self._refuse(stamp_ns, limit)
        elif cloud is not None:
            yield 'labelled points', lambda: self._publisher.publish(
                self._label(cloud, perception, camera()))

    def _take(self, stamp_ns: int, limit: float) -> PointCloud2 | None:
        """Take the cloud that is nearest to a stamp, at most `limit` seconds from it."""
        with self._lock:
            near = min(self._clouds, key=lambda cloud: abs(_apart(stamp_ns, cloud)), default=None)
            if near is None or abs(_apart(stamp_ns, near)) > limit:
                return None
            # Those that came before it will not be nearer to any later frame.
            while self._clouds.popleft() is not near:
                pass
            return near

    def _refuse(self, stamp_ns: int, limit: float) -> None:
        """Raise CloudError: of as many clouds as are kept, none is near to a frame."""
        with self._lock:
            apart = min((_apart(stamp_ns, cloud) for cloud in self._clouds), key=abs, default=0.0)
        raise CloudError(
            f'the stamps of {self._name}/points_in are {abs(apart):.1f} s '
            f'{"behind" if apart < 0 else "ahead of"} those of the images, and {limit:g} s are '
            'allowed: have both sensors stamp by one clock')

    def _label(self, cloud: PointCloud2, perception: Perception, camera: CameraModel | None
               ) -> PointCloud2:
        if camera is None:
            raise CloudError(f'there is no usable CameraInfo of {self._name}')
        outputs = perception.settings.outputs
        ids = (autoware_ids if outputs.point_ids == 'autoware' else mask_ids)(self._labels)
        points = points_of(cloud)
        labelled = label_points(
            points, self._transform(cloud.header.frame_id, perception.frame.frame_id, outputs),
            camera, perception.mask, perception.confidence, ids)
        if points.ndim == 2:
            # Without rows there is no order to keep, and who clusters wants what has a class.
            labelled = labelled[labelled['class_id'] != UNSEEN]
        return cloud_message(labelled, cloud.header)

    def _transform(self, cloud_frame: str, camera_frame: str, outputs: OutputSettings
                   ) -> RigidTransform:
        """Return what takes points of a cloud's frame into the camera's."""
        given = outputs.point_transforms.get(self._name, ())
        if given:
            return RigidTransform.of(given[:3], given[3:])
        found = self._transforms.find(camera_frame, cloud_frame)
        if found is None:
            raise CloudError(
                f'/tf_static does not join {cloud_frame!r}, the frame of {self._name}/points_in, '
                f"to {camera_frame!r}, the camera's; set {self._name}.points.transform"
                if HAVE_TF else
                f'tf2_msgs is not installed, so where {cloud_frame!r} is must be set by '
                f'{self._name}.points.transform')
        try:
            return found.on_vehicle()
        except ValueError as error:
            raise CloudError(
                f'/tf_static from {camera_frame!r} to {cloud_frame!r}: {error}') from error


def _apart(stamp_ns: int, cloud: PointCloud2) -> float:
    """Return by how many seconds a cloud is later than a stamp."""
    return (stamp_to_ns(cloud.header.stamp) - stamp_ns) * 1e-9
