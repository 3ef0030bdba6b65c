"""The arguments of the launch files, each described once."""

from typing import Any

from launch.actions import DeclareLaunchArgument
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

_BOOLEANS = ('true', 'false')


def _argument(name: str, description: str, *, default: Any = '',
              choices: tuple[str, ...] | None = None) -> DeclareLaunchArgument:
    """Declare a launch argument; `choices` of one without a default allow leaving it out."""
    if choices is not None and default not in choices:
        choices = (default, *choices)
    return DeclareLaunchArgument(
        name, default_value=default, description=description, choices=choices)


def _node_argument(name, description, *, choices=None):
    return _argument(
        name, f'{description} Left out: as params_file says.', choices=choices)


NODE_ARGUMENTS = (
    _node_argument(
        'model', 'Network: the folder of a checkpoint, the name of a shipped one, a hub id, or an '
        'ONNX file.'),
    _node_argument(
        'device', 'Where the network runs: auto (CUDA where there is one), cpu, cuda, cuda:N, or '
        'a device of OpenVINO, such as openvino:GPU.'),
    _node_argument(
        'engine', 'What runs the network; auto takes the fastest that is installed.',
        choices=('auto', 'torch', 'openvino', 'onnxruntime')),
    _node_argument(
        'execution_providers', 'Execution providers of ONNX Runtime, the most wanted first, as in '
        'tensorrt,cuda,cpu.'),
    _node_argument(
        'precision', 'Floating point type of the network; auto is fp16 on CUDA, else fp32.',
        choices=('auto', 'fp32', 'fp16', 'bf16')),
    _node_argument(
        'input_size', "Height and width of the network's input in pixels, for instance 192,640."),
    _node_argument(
        'input_pixels', "About how many pixels the network's input has, in the camera's own "
        'aspect ratio, where no input_size is given.'),
    _node_argument('profiles_file', 'YAML file of driver profiles.'),
    _node_argument(
        'driver_profile', 'Driver profile at start, a name from profiles_file; those that ship '
        'are neutral, defensive, assertive, city and highway.'),
    _argument(
        'namespace', 'Namespace of the nodes and of every relative topic, for instance vehicle_1. '
        'Left out: none.'),
    _argument(
        'node_name', 'Name of the segmentation node, under which its topics and services are: '
        'another one for each of several nodes in a namespace.', default='segmentation'),
    _argument(
        'camera', 'Name of the camera, as it appears in the names of the topics, or of several, '
        'as in front,rear. Left out: as params_file says, or "camera" where image_topic, '
        'camera_info_topic, image_reliability or replay is given.'),
    _argument(
        'image_topic', "The camera's raw image topic, for instance /sensing/cam0/image_raw, or "
        'one for each camera, as in /cam0/image_raw,/cam1/image_raw; the compressed twin is taken '
        'to be <image_topic>/compressed. Left out: <camera>/image.'),
    _argument(
        'camera_info_topic', "The topic of the camera's calibration, or one for each camera. Left "
        'out: camera_info beside image_topic.'),
    _node_argument(
        'image_transport', 'Which of the two image topics is subscribed to.',
        choices=('raw', 'compressed')),
    _argument(
        'compressed', 'Short for image_transport:=compressed (true) or raw (false). Left out: as '
        'image_transport says.', choices=_BOOLEANS),
    _argument(
        'image_reliability', 'Reliability of the image subscriptions. Left out: as params_file '
        'says in qos_overrides, or best_effort, which any camera driver matches.',
        choices=('best_effort', 'reliable')),
    _node_argument(
        'use_sim_time', 'Take the time from /clock. A replay then publishes it and keeps the '
        'original stamps; otherwise it stamps its frames with the time of playing.',
        choices=_BOOLEANS),
    _argument(
        'params_file', 'YAML file of parameters of the node; one that cannot be read, or has none '
        'for the node, is an error.',
        default=PathJoinSubstitution(
            [FindPackageShare('aim_ros'), 'config', 'perception.yaml'])),
    _node_argument(
        'autostart', 'Configure and activate the node at start; otherwise "ros2 lifecycle set '
        '/<name> configure" and "activate" do.', choices=_BOOLEANS),
    _argument(
        'rviz', 'Whether to start RViz (package rviz2), too, with the camera, the overlay and the '
        'mask; of several cameras, the first that is named here.',
        default='false', choices=_BOOLEANS),
    _argument('log_level', 'How much is logged.',
              default='info', choices=('debug', 'info', 'warn', 'error', 'fatal')),
)
"""What the segmentation node is started with; what is left out is as `params_file` says."""

RESPAWN = _argument(
    'respawn', 'Whether to start the node again when it has died. Otherwise the launch ends with '
    'it, in failure if it failed. Not with a replay.', default='false', choices=_BOOLEANS)


def replay_arguments(prefix: str, source: DeclareLaunchArgument) -> tuple[
        DeclareLaunchArgument, ...]:
    """
    Declare what a replay is started with.

    :param prefix: of the names that need one where there are arguments of other nodes.
    :param source: the argument that says what is played.
    """
    return (
        source,
        _argument(
            f'{prefix}options', 'How to read what is played, as name=value,...: topic (rosbag2), '
            'camera (KITTI), rate (images). Left out: the defaults of its kind.'),
        _argument(f'{prefix}rate', 'Speed of the replay: 2.0 is twice as fast, 0 as fast as it '
                  'can.', default='1.0'),
        _argument(f'{prefix}loop', 'Whether the replay begins again at its end.',
                  default='false', choices=_BOOLEANS),
        _argument(f'{prefix}start', 'The first frame that is played, counted from 0.',
                  default='0'),
        _argument(f'{prefix}every', 'Play every n-th frame only.', default='1'),
        _argument('lockstep', 'Whether the replay waits for the mask of each frame, so that none '
                  'is dropped.', default='false', choices=_BOOLEANS),
    )


_KINDS = ('a KITTI drive, a folder of images, a rosbag2 folder, or street (rendered, with options '
          'as in street:seed=7,frames=120)')
_END = 'Everything ends with the replay, in failure if it or the node failed.'

LIVE_OR_REPLAY = (*NODE_ARGUMENTS, RESPAWN, *replay_arguments('replay_', _argument(
    'replay', f'What to play as the camera: {_KINDS}. Left out: nothing, the camera is real. '
    f'{_END}')))
"""The arguments of ``perception.launch.py``."""

REPLAY = (
    *replay_arguments('', _argument(
        'source', f'What to play as the camera: {_KINDS}. {_END}', default='street')),
    _argument('segmentation', 'Whether to start the segmentation node too. Otherwise the replay '
              'plays at once, for whoever listens.', default='true', choices=_BOOLEANS),
    *NODE_ARGUMENTS)
"""The arguments of ``replay.launch.py``."""
