"""The parameters of the replay node, all of them fixed at start."""

from dataclasses import dataclass

from rclpy.node import Node

from aim_ros.nodes.parameter_row import parameter
from aim_ros.nodes.parameter_row import rows_of
from aim_ros.nodes.parameter_table import ParameterTable


@dataclass(frozen=True)
class ReplaySettings:
    """The node's parameters, all of them fixed at start."""

    source: str = parameter(
        'street', 'What to play: street (rendered), or the path of a KITTI raw drive, a rosbag2 '
        'folder or file, or a folder of images.')
    options: str = parameter(
        '', 'How to read the source, as name=value,...: seed, frames, size, rate, scene, weather, '
        'pitch (street); rate (images); topic (rosbag2); camera (KITTI).')
    camera: str = parameter(
        'camera', 'Name of the camera: its topics are <camera>/image and <camera>/camera_info.')
    rate: float = parameter(
        1.0, 'Speed as a multiple of the original one; 0 plays as fast as it can.', 0.0, 1000.0)
    loop: bool = parameter(False, 'Whether to begin again at the end.')
    start: int = parameter(0, 'The first frame to play, counted from 0.', 0, 2**31 - 1)
    every: int = parameter(1, 'Play every n-th frame only.', 1, 2**31 - 1)
    stamps: str = parameter(
        'original', "What the headers say: the source's own time, or the time of playing.",
        choices=('original', 'now'))
    clock: bool = parameter(
        False, 'Whether to publish the stamp of each frame on /clock before it; only with stamps '
        'original.')
    lockstep: bool = parameter(
        False, 'Whether to wait for the mask of each frame before the next, so that none is lost.')
    wait: bool = parameter(
        False, 'Whether to wait for a subscriber before the first frame; lockstep always does.')
    subscribers: int = parameter(
        1, 'How many subscribers of the images the replay waits for, where it waits.', 1, 1000)
    mask_topic: str = parameter(
        '', 'Where lockstep expects the masks; empty for /segmentation/<camera>/mask.')
    lockstep_timeout: float = parameter(
        10.0, 'Seconds that lockstep waits for a mask before it goes on.', 0.01, 3600.0)
    match_timeout: float = parameter(
        120.0, 'Seconds to wait for the other node before the first frame.', 0.01,
        3600.0)


def declare_settings(node: Node) -> ReplaySettings:
    """
    Declare the parameters on a node, and return what they say.

    :raises ValueError: one is wrong, or does not fit another.
    """
    table = ParameterTable(node, rows_of(ReplaySettings, read_only=True))
    table.warn_of_unknown()
    settings = ReplaySettings(**table.require())
    if settings.clock and settings.stamps != 'original':
        raise ValueError("clock needs the source's own time: set stamps to original, or clock to "
                         'false')
    return settings
