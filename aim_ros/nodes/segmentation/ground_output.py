"""What goes out for one camera in metres on the ground: free space, and a grid of it."""

import array
from collections.abc import Callable
from collections.abc import Iterator
from functools import cache

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from aim_ros.nodes.messages.clouds import cloud_message
from aim_ros.nodes.segmentation.static_transforms import StaticBroadcaster
from aim_ros.nodes.segmentation.static_transforms import transform_message
from aim_ros.perception.alert_report import ground_frame
from aim_ros.perception.free_space import find_free_space
from aim_ros.perception.free_space import FreeSpace
from aim_ros.perception.occupancy import draw_occupancy
from aim_ros.perception.occupancy import Occupancy
from aim_ros.perception.pipeline import Perception
from aim_ros.perception.transforms import ground_transform

try:
    from nav_msgs.msg import OccupancyGrid
    HAVE_NAV_MSGS = True
except ImportError:
    # Such an installation goes without the grid.
    HAVE_NAV_MSGS = False

END = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('class_id', '<u2'), ('column', '<u2')])
"""A point of free_space: where free ground ends, what ends it, and in which of the columns."""


class GroundOutput:
    """
    The publishers of one camera's free space, from construction to `destroy`.

    :param node: the node that owns the topics.
    :param publisher: makes a publisher of a message type under a name, with the camera's QoS.
    """

    def __init__(self, node: Node, publisher: Callable[[type, str], Publisher]):
        self._frames = StaticBroadcaster(node)
        self._cloud = publisher(PointCloud2, 'free_space')
        self._grid = publisher(OccupancyGrid, 'occupancy') if HAVE_NAV_MSGS else None

    @property
    def publishers(self) -> list[Publisher]:
        """Those that the camera's output destroys with its own."""
        return [publisher for publisher in (self._cloud, self._grid) if publisher is not None]

    def is_wanted(self) -> bool:
        """Whether anybody listens."""
        return any(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    def destroy(self) -> None:
        """Announce no more frames."""
        self._frames.destroy()

    def others(self, perception: Perception, header: Header
               ) -> Iterator[tuple[str, Callable[[], None]]]:
        """
        Yield what goes out for a frame, by name: a function that makes and publishes it.

        Nothing without a calibration, or of a model that knows no drivable ground.
        """
        ground, outputs = perception.ground, perception.settings.outputs
        if ground is None or not outputs.surfaces.drivable:
            return

        @cache
        def found() -> FreeSpace:
            self._frames.send(transform_message(
                ground_transform(ground), header, ground_frame(header.frame_id)))
            return find_free_space(
                perception.blocking(outputs.surfaces.drivable), ground, outputs.surfaces,
                outputs.max_range)

        def free_space() -> None:
            self._cloud.publish(free_space_message(found(), header))

        def occupancy() -> None:
            self._grid.publish(occupancy_message(
                draw_occupancy(found(), ground, outputs.cell_size), header))

        if self._cloud.get_subscription_count() > 0:
            yield 'free space', free_space
        if self._grid is not None and self._grid.get_subscription_count() > 0:
            yield 'occupancy grid', occupancy


def free_space_message(free_space: FreeSpace, header: Header) -> PointCloud2:
    """
    Make the cloud of the points at which free ground ends, in the camera's ground frame.

    :param header: the image's.
    """
    points = np.zeros(len(free_space.columns), END)
    points['x'], points['y'] = free_space.x, free_space.y
    points['class_id'], points['column'] = free_space.class_ids, free_space.columns
    return cloud_message(points, _on_ground(header))


def occupancy_message(occupancy: Occupancy, header: Header) -> 'OccupancyGrid':
    """
    Make the grid message, in the camera's ground frame.

    :param header: the image's.
    """
    message = OccupancyGrid(header=_on_ground(header))
    info = message.info
    info.map_load_time, info.resolution = header.stamp, occupancy.size
    info.height, info.width = occupancy.cells.shape
    info.origin.position.y = occupancy.right
    info.origin.orientation.w = 1.0
    # The generated setter takes an array('b') as it is; of a list it checks every element.
    message.data = array.array('b', occupancy.cells.tobytes())
    return message


def _on_ground(header: Header) -> Header:
    return Header(stamp=header.stamp, frame_id=ground_frame(header.frame_id))
