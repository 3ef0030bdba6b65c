"""The nodes as actions of a launch file, and how the launch ends when one of them has."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from launch import LaunchContext
from launch import SomeEntitiesType
from launch.actions import DeclareLaunchArgument
from launch.actions import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from aim_ros.nodes.launching.parameters import check_params_file
from aim_ros.nodes.launching.parameters import check_rviz
from aim_ros.nodes.launching.parameters import Given
from aim_ros.nodes.launching.parameters import node_name
from aim_ros.nodes.launching.parameters import remappings
from aim_ros.nodes.launching.parameters import replay_parameters
from aim_ros.nodes.launching.parameters import rviz_remappings
from aim_ros.nodes.launching.parameters import segmentation_parameters
from aim_ros.nodes.launching.transports import large_images
from aim_ros.resources import share_directory

_RESPAWN_DELAY = 2.0


def given_arguments(
        context: LaunchContext, declared: Iterable[DeclareLaunchArgument]) -> dict[str, str]:
    """Return the value of each declared argument by its name."""
    return {argument.name: LaunchConfiguration(argument.name).perform(context)
            for argument in declared}


def segmentation_node(context: LaunchContext, given: Given) -> Node:
    """
    Return the segmentation node.

    With a replay it must be there to the end, and ends itself where its autostart fails. Without
    one it may be started again, and waits where its autostart fails until that is mended.

    :param given: the value of each argument.
    :raises ValueError: a value cannot be taken; the text says what would be right.
    """
    name = node_name(given)
    check_params_file(given['params_file'], given['namespace'], name)
    respawn = given['respawn'] == 'true'
    needed = bool(given['replay'])
    return Node(
        executable='segmentation',
        name=name,
        parameters=[given['params_file'], _typed(segmentation_parameters(given))],
        arguments=['--exit-on-failure'] if needed else [],
        respawn=respawn,
        respawn_delay=_RESPAWN_DELAY,
        on_exit=None if respawn else _end_with('segmentation node', needed=needed),
        **_common(context, given))


def replay_node(context: LaunchContext, given: Given, *, alone: bool = False) -> Node:
    """
    Return the replay node, with which everything ends.

    :param given: the value of each argument.
    :param alone: nothing else is started: it plays without waiting for a subscriber.
    :raises ValueError: a value cannot be taken; the text says what would be right.
    """
    parameters = replay_parameters(given)
    if alone:
        parameters['wait'] = False
    return Node(
        executable='replay',
        name='replay',
        parameters=[_typed(parameters)],
        on_exit=_end_with('replay', needed=False),
        **_common(context, given))


def rviz(given: Given) -> list[Node]:
    """
    Return RViz where it is asked for; everything else goes on when its window is closed.

    :param given: the value of each argument.
    :raises ValueError: a value cannot be taken; the text says what would be right.
    """
    if given['rviz'] == 'false':
        return []
    check_rviz()
    return [Node(
        package='rviz2',
        executable='rviz2',
        name='rviz2',
        arguments=['-d', str(share_directory() / 'config' / 'aim_ros.rviz')],
        remappings=rviz_remappings(given),
        output='screen')]


def _common(context: LaunchContext, given: Given) -> dict[str, Any]:
    return {
        'package': 'aim_ros',
        'namespace': given['namespace'],
        'output': 'screen',
        'remappings': remappings(given),
        'additional_env': large_images(context.environment),
        'ros_arguments': ['--log-level', given['log_level']],
        # A model that is loading when the signal comes cannot be interrupted.
        'sigterm_timeout': '20',
    }


def _typed(parameters: dict[str, Any]) -> dict[str, Any]:
    """Keep launch from taking a string for YAML, as a model named 12 for a number."""
    return {name: ParameterValue(value, value_type=str) if isinstance(value, str) else value
            for name, value in parameters.items()}


def _end_with(
        what: str, *, needed: bool,
) -> Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None]:
    """
    Return a handler that ends the launch with a process, in failure where the process failed.

    :param needed: also its orderly end is a failure, since others cannot go on without it.
    """
    def on_exit(event: ProcessExited, context: LaunchContext) -> SomeEntitiesType | None:
        # Not a second time: launch_ros may stumble over that, and the launch then fails on Ctrl-C.
        if context.is_shutdown:
            return None
        if event.returncode or needed:
            # What is raised here makes the exit code of `ros2 launch` 1, which Shutdown does not.
            raise RuntimeError(f'the {what} has ended with exit code {event.returncode}, and '
                               'nothing goes on without it; its last lines say why')
        return Shutdown(reason=f'the {what} has ended')
    return on_exit
