"""
What the launch files' arguments mean for the nodes: remappings, parameters, and what cannot be.

Pure functions of the arguments' texts, without `launch`. An argument that is not given is empty,
and leaves the word to the parameter file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import os
from pathlib import Path
import re
from typing import Any

from ament_index_python.packages import get_package_prefix

from aim_ros.plain_data import load_yaml

Given = Mapping[str, str]
"""The value of each argument by its name."""

RVIZ_TOPICS = ('overlay', 'mask', 'occupancy', 'free_space', 'points')
"""What RViz shows of all that the node publishes for a camera."""

_CAMERA = 'camera'
_REPLAY_TIMEOUT = 3600.0


@dataclass(frozen=True)
class CameraTopics:
    """
    A camera, and the topics that it is connected to.

    :param name: as it appears in the names of the node's topics.
    :param image: the raw image topic; empty for ``<name>/image``.
    :param info: the topic of its calibration; empty for ``camera_info`` beside the image.
    """

    name: str
    image: str = ''
    info: str = ''

    def remappings(self) -> list[tuple[str, str]]:
        """Return the remappings that connect the node's three inputs of this camera."""
        pairs = []
        info = self.info
        if self.image:
            parent, slash, _ = self.image.rpartition('/')
            info = info or f'{parent}{slash}camera_info'
            pairs = [(f'{self.name}/image', self.image),
                     (f'{self.name}/image/compressed', f'{self.image}/compressed')]
        return [*pairs, (f'{self.name}/camera_info', info)] if info else pairs


def cameras(given: Given) -> list[CameraTopics]:
    """
    Return the cameras that the arguments name, none where they are left to the parameter file.

    :raises ValueError: there are not as many topics as cameras, or a topic is not the raw one.
    """
    names = _list(given, 'camera')
    topics = _list(given, 'image_topic')
    infos = _list(given, 'camera_info_topic')
    if not names:
        if not (topics or infos or given['replay'] or given['image_reliability']):
            return []
        names = ['camera']
    if len(set(names)) < len(names):
        raise ValueError(f'camera names one camera twice: {given["camera"]}')
    for argument, values in (('image_topic', topics), ('camera_info_topic', infos)):
        if values and len(values) != len(names):
            raise ValueError(
                f'{argument} must name a topic for each camera, as in camera:=front,rear '
                f'{argument}:=/front/topic,/rear/topic; got {len(values)} for {len(names)}: '
                f'{given[argument]}')
    for topic in topics:
        raw = topic.removesuffix('/compressed')
        if raw != topic:
            raise ValueError(f'image_topic is to be the raw topic: image_topic:={raw} '
                             'image_transport:=compressed')
    blank = [''] * len(names)
    return [CameraTopics(*parts)
            for parts in zip(names, topics or blank, infos or blank, strict=True)]


def remappings(given: Given) -> list[tuple[str, str]]:
    """Return the remappings of all cameras; for the parameter and errors see `cameras`."""
    return [pair for camera in cameras(given) for pair in camera.remappings()]


def rviz_remappings(given: Given) -> list[tuple[str, str]]:
    """
    Return the remappings by which the topics of ``config/aim_ros.rviz`` are those of this launch.

    Of several cameras, the first is shown.

    :raises ValueError: see `cameras` and `node_name`.
    """
    camera = next(iter(cameras(given)), CameraTopics(_CAMERA))
    pairs = [(f'{_CAMERA}/image', camera.image or f'{camera.name}/image'),
             *((f'segmentation/{_CAMERA}/{topic}', f'{node_name(given)}/{camera.name}/{topic}')
               for topic in RVIZ_TOPICS)]
    absolutes = [(f'/{shown}', absolute(topic, given['namespace'])) for shown, topic in pairs]
    return [(shown, topic) for shown, topic in absolutes if shown != topic]


def check_rviz() -> None:
    """
    Make sure that RViz is installed.

    That launch finds out as it starts RViz, and ends without the nodes that it has just started.

    :raises ValueError: it is not.
    """
    try:
        program = Path(get_package_prefix('rviz2')) / 'lib' / 'rviz2' / 'rviz2'
    except LookupError as error:
        raise ValueError('rviz:=true needs the package rviz2, which is not installed: apt install '
                         'ros-$ROS_DISTRO-rviz2, or leave rviz out') from error
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise ValueError(f'rviz:=true needs {program}, which is not there or cannot be run: '
                         'install ros-$ROS_DISTRO-rviz2 again, or leave rviz out')


def segmentation_parameters(given: Given) -> dict[str, Any]:
    """
    Return the parameters by which the arguments override the parameter file.

    :raises ValueError: a value cannot be taken; the text says what would be right.
    """
    overrides = {
        name: convert(given[name]) for name, convert in _PARAMETERS.items() if given[name]}
    transport = image_transport(given)
    if transport:
        overrides['image_transport'] = transport
    connected = cameras(given)
    if connected:
        overrides['cameras'] = [camera.name for camera in connected]
    if given['image_reliability']:
        for camera in connected:
            topic = absolute(camera.image or f'{camera.name}/image', given['namespace'])
            topic += '/compressed' if transport == 'compressed' else ''
            overrides[f'qos_overrides.{topic}.subscription.reliability'] = (
                given['image_reliability'])
    return overrides


def replay_parameters(given: Given) -> dict[str, Any]:
    """
    Return the parameters of the replay node.

    :raises ValueError: a value cannot be taken; the text says what would be right.
    """
    if image_transport(given) == 'compressed':
        raise ValueError('a replay plays raw images: leave out image_transport:=compressed')
    if _boolean(given['respawn']):
        raise ValueError('respawn is for a live camera, and everything ends with a replay: leave '
                         'out respawn:=true')
    played = cameras(given)
    if len(played) > 1:
        raise ValueError(f'a replay plays one camera; camera names {len(played)}: '
                         f'{given["camera"]}')
    simulated = _boolean(given['use_sim_time'])
    return {
        'source': given['replay'],
        'options': given['replay_options'],
        'camera': played[0].name,
        'rate': _number(given, 'replay_rate', float, 0),
        'loop': _boolean(given['replay_loop']),
        'start': _number(given, 'replay_start', int, 0),
        'every': _number(given, 'replay_every', int, 1),
        'lockstep': _boolean(given['lockstep']),
        # Not before the model is loaded, else the first seconds would be lost.
        'wait': True,
        # However long that takes, or is left to the user by autostart:=false.
        'match_timeout': _REPLAY_TIMEOUT,
        'stamps': 'original' if simulated else 'now',
        'clock': simulated,
        # Relative, so that it follows a namespace that both nodes are put in.
        'mask_topic': f'{node_name(given)}/{played[0].name}/mask',
    }


def image_transport(given: Given) -> str:
    """
    Return ``raw``, ``compressed``, or nothing where neither argument says so.

    :raises ValueError: `compressed` contradicts `image_transport`.
    """
    short = {'': '', 'true': 'compressed', 'false': 'raw'}[given['compressed']]
    if short and given['image_transport'] not in ('', short):
        raise ValueError(f'compressed:={given["compressed"]} contradicts image_transport:='
                         f'{given["image_transport"]}: leave one of them out')
    return short or given['image_transport']


def absolute(topic: str, namespace: str) -> str:
    """Return the full name of a topic as a node in `namespace` sees it."""
    return topic if topic.startswith('/') else '/'.join(
        ['', *filter(None, namespace.split('/')), topic])


def node_name(given: Given) -> str:
    """
    Return the name of the segmentation node.

    :raises ValueError: ROS takes none such.
    """
    name = given['node_name']
    if not re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', name):
        raise ValueError('node_name must be letters, digits and underscores, and not begin with '
                         f'a digit, as in segmentation_rear; got {name!r}')
    return name


def check_params_file(path: str, namespace: str, node: str) -> None:
    """
    Make sure that a parameter file has parameters for the node: it may hold the owner's limits.

    :param namespace: of the node, empty for the root.
    :param node: its name.
    :raises ValueError: it cannot be read, or no name in it fits the node.
    """
    full = absolute(node, namespace)
    try:
        content = load_yaml(Path(path))
    except OSError as error:
        raise ValueError(f'params_file:={path} cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise ValueError(f'params_file:={path} {error}') from error
    names = _names(content)
    if not any(_fits(name, full) for name in names):
        raise ValueError(
            f'params_file:={path} has no parameters for {full}; it has some for '
            f'{", ".join(names) or "no node"}. "/**:" with "ros__parameters:" below fits any node')


def _names(content: Any, prefix: str = '') -> list[str]:
    """List the node names, with wildcards, that have ``ros__parameters`` in a YAML file."""
    if not isinstance(content, dict):
        return []
    found = [prefix] if isinstance(content.get('ros__parameters'), dict) and prefix else []
    for key, value in content.items():
        if key != 'ros__parameters':
            found += _names(value, f'{prefix}/{str(key).strip("/")}')
    return found


def _fits(pattern: str, name: str) -> bool:
    """Whether rcl applies parameters under `pattern` to the node `name`."""
    # ``**`` is any number of names, also none.
    expression = ''.join({'**': '(?:/[^/]+)*', '*': '/[^/]+'}.get(part, '/' + re.escape(part))
                         for part in pattern.strip('/').split('/'))
    return re.fullmatch(expression, '/' + name.strip('/')) is not None


def _list(given: Given, argument: str) -> list[str]:
    """Return ``'front, rear'`` or ``'[front, rear]'`` as a list."""
    text = given[argument].strip('[] ')
    values = [part.strip(' \'"') for part in text.split(',')] if text else []
    if not all(values):
        raise ValueError(f'{argument} must be names with commas between them, as in front,rear; '
                         f'got {given[argument]!r}')
    return values


def input_size(text: str) -> list[int]:
    """Return ``'192,640'`` or ``'[192, 640]'`` as height and width."""
    try:
        height, width = (int(part) for part in text.strip('[] ').split(','))
    except ValueError as error:
        raise ValueError(
            f"input_size must be height and width, as in 192,640; got '{text}'") from error
    return [height, width]


def names(text: str) -> list[str]:
    """Return ``'tensorrt, cpu'`` or ``'[tensorrt, cpu]'`` as a list."""
    return [part.strip(' \'"') for part in text.strip('[] ').split(',')]


def whole_number(text: str) -> int:
    """Return the number that input_pixels is."""
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(
            f"input_pixels must be a number of pixels, as in 212992; got '{text}'") from error


def _number(given: Given, argument: str, kind: type, least: int) -> float:
    try:
        value = kind(given[argument])
    except ValueError:
        value = None
    if value is None or not least <= value < 2**31:
        what = 'a number' if kind is float else 'an integer'
        name = argument.removeprefix('replay_')
        raise ValueError(f"the replay's {name} must be {what}, {least} or more; got "
                         f"'{given[argument]}'")
    return value


def _boolean(text: str) -> bool:
    return text == 'true'


# The arguments that are parameters of the segmentation node under the same name.
_PARAMETERS = {
    'model': str,
    'device': str,
    'engine': str,
    'execution_providers': names,
    'precision': str,
    'input_size': input_size,
    'input_pixels': whole_number,
    'profiles_file': str,
    'driver_profile': str,
    'use_sim_time': _boolean,
    'autostart': _boolean,
}
