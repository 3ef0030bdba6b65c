"""The parameters of the replay node, all of them fixed at start."""

from dataclasses import dataclass
from dataclasses import Field
from dataclasses import field
from dataclasses import fields
import math
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

_KINDS = {bool: 'true or false', int: 'an integer', float: 'a number', str: 'a string'}


def _parameter(default, description: str, low=None, high=None, choices=()) -> Any:
    """Make a field of `ReplaySettings`: a ROS parameter, its range inclusive."""
    limits = {'description': description, 'low': low, 'high': high, 'choices': choices}
    return field(default=default, metadata=limits)


@dataclass(frozen=True)
class ReplaySettings:
    """The node's parameters, all of them fixed at start."""

    source: str = _parameter(
        'street', 'What to play: street (rendered), or the path of a KITTI raw drive, a rosbag2 '
        'folder or file, or a folder of images.')
    options: str = _parameter(
        '', 'How to read the source, as name=value,...: seed, frames, size, rate (street); rate '
        '(images); topic (rosbag2); camera (KITTI).')
    camera: str = _parameter(
        'camera', 'Name of the camera: its topics are <camera>/image and <camera>/camera_info.')
    rate: float = _parameter(
        1.0, 'Speed as a multiple of the original one; 0 plays as fast as it can.', 0.0, 1000.0)
    loop: bool = _parameter(False, 'Whether to begin again at the end.')
    start: int = _parameter(0, 'The first frame to play, counted from 0.', 0, 2**31 - 1)
    every: int = _parameter(1, 'Play every n-th frame only.', 1, 2**31 - 1)
    stamps: str = _parameter(
        'original', "What the headers say: the source's own time, or the time of playing.",
        choices=('original', 'now'))
    clock: bool = _parameter(
        False, 'Whether to publish the stamp of each frame on /clock before it; only with stamps '
        'original.')
    lockstep: bool = _parameter(
        False, 'Whether to wait for the mask of each frame before the next, so that none is lost.')
    wait: bool = _parameter(
        False, 'Whether to wait for a subscriber before the first frame; lockstep always does.')
    subscribers: int = _parameter(
        1, 'How many subscribers of the images the replay waits for, where it waits.', 1, 1000)
    mask_topic: str = _parameter(
        '', 'Where lockstep expects the masks; empty for /segmentation/<camera>/mask.')
    lockstep_timeout: float = _parameter(
        10.0, 'Seconds that lockstep waits for a mask before it goes on.', 0.01, 3600.0)
    match_timeout: float = _parameter(
        120.0, 'Seconds to wait for the other node before the first frame.', 0.01,
        3600.0)


def declare_settings(node: Node) -> ReplaySettings:
    """Declare the parameters on `node`; raise ValueError with a sentence if one is wrong."""
    values = {}
    for spec in fields(ReplaySettings):
        # The range is set once the value is validated: rclpy would refuse it in its own words.
        given = node.declare_parameter(
            spec.name, spec.default, ParameterDescriptor(dynamic_typing=True)).value
        values[spec.name] = _validated(spec, given)
        node.set_descriptor(spec.name, _descriptor(spec))
    settings = ReplaySettings(**values)
    if settings.clock and settings.stamps != 'original':
        raise ValueError("clock needs the source's own time: set stamps to original, or clock to "
                         'false')
    return settings


def _descriptor(spec: Field) -> ParameterDescriptor:
    low, high = spec.metadata['low'], spec.metadata['high']
    descriptor = ParameterDescriptor(
        description=spec.metadata['description'], read_only=True, dynamic_typing=True)
    if spec.metadata['choices']:
        descriptor.additional_constraints = 'one of: ' + ', '.join(spec.metadata['choices'])
    if spec.type is int and low is not None:
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
    if spec.type is float:
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor


def _validated(spec: Field, value: Any) -> Any:
    """Return a parameter's value, or raise ValueError that says what would be right."""
    low, high, choices = (spec.metadata[name] for name in ('low', 'high', 'choices'))
    if spec.type is float and type(value) is int:
        value = float(value)
    if type(value) is not spec.type:
        given = 'nothing' if value is None else repr(value)
        raise ValueError(f'{spec.name} must be {_KINDS[spec.type]}, got {given}')
    if choices and value not in choices:
        raise ValueError(f'{spec.name} must be one of {", ".join(choices)}, got {value!r}')
    if low is not None and not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f'{spec.name} must be in {low:g}..{high:g}, got {value:g}')
    return value
