"""
Starts the segmentation node and, with ``replay:=...``, a replay that feeds it.

``ros2 launch aim_ros perception.launch.py --show-args`` explains every argument. An argument
that is not given leaves the word to the parameter file.
"""

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import OpaqueFunction

from aim_ros.nodes.launching.actions import given_arguments
from aim_ros.nodes.launching.actions import replay_node
from aim_ros.nodes.launching.actions import rviz
from aim_ros.nodes.launching.actions import segmentation_node
from aim_ros.nodes.launching.arguments import LIVE_OR_REPLAY


def _nodes(context: LaunchContext):
    given = given_arguments(context, LIVE_OR_REPLAY)
    nodes = [segmentation_node(context, given), *rviz(given)]
    if given['replay']:
        nodes.append(replay_node(context, given))
    return nodes


def generate_launch_description() -> LaunchDescription:
    """Describe the launch: the arguments, then the nodes that follow from them."""
    return LaunchDescription([*LIVE_OR_REPLAY, OpaqueFunction(function=_nodes)])
