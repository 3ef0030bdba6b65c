"""
Starts the segmentation node and, with ``replay:=...``, a replay that feeds it.

``ros2 launch aim_ros perception.launch.py --show-args`` explains every argument. An argument
that is not given leaves the word to the parameter file.
"""

from collections.abc import Mapping
from typing import Any

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.actions import Shutdown
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from aim_ros.nodes.transports import large_images

_SHARE = FindPackageShare('aim_ros')
_BOOLEANS = ('true', 'false')


def _argument(name, description, *, default='', choices=None):
    """Declare a launch argument; `choices` of one without a default allow leaving it out."""
    if choices is not None and default not in choices:
        choices = (default, *choices)
    return DeclareLaunchArgument(
        name, default_value=default, description=description, choices=choices)


def _node_argument(name, description, *, choices=None):
    return _argument(
        name, f'{description} Left out: as params_file says.', choices=choices)


ARGUMENTS = (
    _node_argument(
        'model', 'SegFormer checkpoint: a folder, the name of a shipped model, or a hub id.'),
    _node_argument(
        'device', 'Where the network runs: auto (CUDA where there is one), cpu, cuda or cuda:N.'),
    _node_argument(
        'precision', 'Floating point type of the network; auto is fp16 on CUDA, else fp32.',
        choices=('auto', 'fp32', 'fp16', 'bf16')),
    _node_argument(
        'input_size', "Height and width of the network's input in pixels, for instance 192,640."),
    _node_argument('profiles_file', 'YAML file of driver profiles.'),
    _node_argument(
        'driver_profile', 'Driver profile at start, a name from profiles_file; those that ship '
        'are neutral, defensive, assertive, city and highway.'),
    _argument(
        'camera', 'Name of the camera, as it appears in the names of the topics. Left out: as '
        'params_file says, or "camera" where image_topic or replay is given.'),
    _argument(
        'image_topic', "The camera's raw image topic, for instance /sensing/cam0/image_raw; "
        'its compressed twin is taken to be <image_topic>/compressed and its calibration '
        'camera_info beside it. Left out: <camera>/image, with <camera>/camera_info.'),
    _node_argument(
        'image_transport', 'Which of the two image topics is subscribed to.',
        choices=('raw', 'compressed')),
    _node_argument(
        'use_sim_time', 'Take the time from /clock. A replay then publishes it and keeps the '
        'original stamps; otherwise it stamps its frames with the time of playing.',
        choices=_BOOLEANS),
    _argument(
        'params_file', 'YAML file of parameters of the node.',
        default=PathJoinSubstitution([_SHARE, 'config', 'perception.yaml'])),
    _argument(
        'replay', 'What to play as the camera: a KITTI drive, a folder of images, a rosbag2 '
        'folder, or street (rendered, with options as in street:seed=7,frames=120). Left out: '
        'nothing, the camera is real. Everything ends with the replay.'),
    _argument('replay_rate', 'Speed of the replay: 2.0 is twice as fast, 0 as fast as it can.',
              default='1.0'),
    _argument('replay_loop', 'Whether the replay begins again at its end.',
              default='false', choices=_BOOLEANS),
    _argument('lockstep', 'Whether the replay waits for the mask of each frame, so that none is '
              'dropped.', default='false', choices=_BOOLEANS),
    _node_argument(
        'autostart', 'Configure and activate the node at start; otherwise "ros2 lifecycle set '
        '/segmentation configure" and "activate" do.', choices=_BOOLEANS),
    _argument('log_level', 'How much is logged.',
              default='info', choices=('debug', 'info', 'warn', 'error', 'fatal')),
)


def _input_size(text):
    """Return ``'192,640'`` or ``'[192, 640]'`` as a list of integers."""
    try:
        height, width = (int(part) for part in text.strip('[] ').split(','))
    except ValueError as error:
        raise ValueError(
            f"input_size must be height and width, as in 192,640; got '{text}'") from error
    return [height, width]


def _rate(text):
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"replay_rate must be a number, as in 2.0; got '{text}'") from error


def _boolean(text):
    return text == 'true'


# The arguments that are parameters of the segmentation node under the same name.
_PARAMETERS = {
    'model': str,
    'device': str,
    'precision': str,
    'input_size': _input_size,
    'profiles_file': str,
    'driver_profile': str,
    'image_transport': str,
    'use_sim_time': _boolean,
    'autostart': _boolean,
}


def remappings(camera: str, image_topic: str) -> list[tuple[str, str]]:
    """
    Return the remappings that connect a camera's three inputs to `image_topic`.

    :raises ValueError: `image_topic` is not the raw one.
    """
    if not image_topic:
        return []
    raw = image_topic.removesuffix('/compressed')
    if raw != image_topic:
        raise ValueError(
            f'image_topic is to be the raw topic: image_topic:={raw} image_transport:=compressed')
    parent, slash, _ = raw.rpartition('/')
    return [
        (f'{camera}/image', raw),
        (f'{camera}/image/compressed', f'{raw}/compressed'),
        (f'{camera}/camera_info', f'{parent}{slash}camera_info'),
    ]


def segmentation_parameters(given: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the parameters by which the arguments override the parameter file.

    :param given: value of each argument, empty where it was not given.
    :raises ValueError: a value can not be taken; the text says what would be right.
    """
    overrides = {
        name: convert(given[name]) for name, convert in _PARAMETERS.items() if given[name]}
    if given['camera'] or given['image_topic'] or given['replay']:
        overrides['cameras'] = [_camera(given)]
    return overrides


def replay_parameters(given: Mapping[str, str]) -> dict[str, Any]:
    """
    Return the parameters of the replay node; `given` as for `segmentation_parameters`.

    :raises ValueError: a value can not be taken; the text says what would be right.
    """
    if given['image_transport'] == 'compressed':
        raise ValueError('a replay plays raw images: leave out image_transport:=compressed')
    simulated = _boolean(given['use_sim_time'])
    return {
        'source': given['replay'],
        'camera': _camera(given),
        'rate': _rate(given['replay_rate']),
        'loop': _boolean(given['replay_loop']),
        'lockstep': _boolean(given['lockstep']),
        # Not before the model is loaded, else the first seconds would be lost.
        'wait': True,
        # However long that takes, or is left to the user by autostart:=false.
        'match_timeout': 3600.0,
        'stamps': 'original' if simulated else 'now',
        'clock': simulated,
        # Relative, so that it follows a namespace that both nodes are put in.
        'mask_topic': f'segmentation/{_camera(given)}/mask',
    }


def _camera(given):
    return given['camera'] or 'camera'


def _typed(parameters):
    """Keep launch from taking a string for YAML, as a model named 12 for a number."""
    return {name: ParameterValue(value, value_type=str) if isinstance(value, str) else value
            for name, value in parameters.items()}


def _nodes(context: LaunchContext):
    given = {argument.name: LaunchConfiguration(argument.name).perform(context)
             for argument in ARGUMENTS}
    profile = PathJoinSubstitution([_SHARE, 'config', 'fastdds.xml']).perform(context)
    common = {
        'package': 'aim_ros',
        'output': 'screen',
        'remappings': remappings(_camera(given), given['image_topic']),
        'additional_env': large_images(context.environment, profile),
        'ros_arguments': ['--log-level', given['log_level']],
        # A model that is loading when the signal comes can not be interrupted.
        'sigterm_timeout': '20',
    }
    nodes = [Node(
        executable='segmentation',
        name='segmentation',
        parameters=[given['params_file'], _typed(segmentation_parameters(given))],
        **common)]
    if given['replay']:
        nodes.append(Node(
            executable='replay',
            name='replay',
            parameters=[_typed(replay_parameters(given))],
            on_exit=_end_with_replay,
            **common))
    return nodes


def _end_with_replay(event, context):
    # Not a second time: launch_ros may stumble over that, and the launch then fails on Ctrl-C.
    return None if context.is_shutdown else Shutdown(reason='the replay has ended')


def generate_launch_description() -> LaunchDescription:
    """Describe the launch: the arguments, then the nodes that follow from them."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_nodes)])
