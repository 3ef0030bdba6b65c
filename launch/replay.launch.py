"""
Plays a drive, a bag, a folder of images or the rendered street through the segmentation node.

``ros2 launch aim_ros replay.launch.py source:=<path>``; ``--show-args`` explains every argument.
"""

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import OpaqueFunction

from aim_ros.nodes.launching.actions import given_arguments
from aim_ros.nodes.launching.actions import replay_node
from aim_ros.nodes.launching.actions import rviz
from aim_ros.nodes.launching.actions import segmentation_node
from aim_ros.nodes.launching.arguments import REPLAY


def _nodes(context: LaunchContext):
    given = given_arguments(context, REPLAY)
    given |= {'replay': given['source'], 'respawn': 'false',
              **{f'replay_{name}': given[name]
                 for name in ('options', 'rate', 'loop', 'start', 'every')}}
    if not given['source']:
        raise ValueError('source must say what to play; left out, it is street')
    if given['segmentation'] == 'false':
        return [replay_node(context, given, alone=True), *rviz(given)]
    return [segmentation_node(context, given), replay_node(context, given), *rviz(given)]


def generate_launch_description() -> LaunchDescription:
    """Describe the launch: the arguments, then the nodes that follow from them."""
    return LaunchDescription([*REPLAY, OpaqueFunction(function=_nodes)])
