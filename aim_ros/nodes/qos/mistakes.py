"""
The parameters ``qos_overrides.<topic>.<publisher or subscription>.<policy>``, checked at start.

rclpy declares them with a topic, which it answers with an exception if a value is wrong.
"""

from enum import IntEnum

from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import LivelinessPolicy
from rclpy.qos import QoSPolicyKind
from rclpy.qos import ReliabilityPolicy

from aim_ros.nodes.parameter_row import Row
from aim_ros.nodes.rclpy_private import parameter_overrides
from aim_ros.segmentation.labels import nearest

PREFIX = 'qos_overrides.'

_POLICIES = tuple(kind.name.lower() for kind in QoSPolicyKind if kind != QoSPolicyKind.INVALID)
_WORDS: dict[str, type[IntEnum]] = {
    'durability': DurabilityPolicy, 'history': HistoryPolicy, 'liveliness': LivelinessPolicy,
    'reliability': ReliabilityPolicy}


def qos_mistakes(node: Node) -> dict[str, str]:
    """Return what is wrong with each override of a QoS policy that a node was given, by name."""
    mistakes = {}
    for name, override in parameter_overrides(node).items():
        if name.startswith(PREFIX):
            try:
                _check(override)
            except ValueError as error:
                mistakes[name] = str(error)
    return mistakes


def _check(override: Parameter) -> None:
    policy = override.name.rpartition('.')[2]
    if policy not in _POLICIES:
        close = nearest(policy, _POLICIES, 1)
        hint = f'did you mean {close[0]!r}?' if close else f'policies: {", ".join(_POLICIES)}'
        raise ValueError(f'{override.name}: there is no QoS policy {policy!r}; {hint}')
    if policy in _WORDS:
        words = tuple(word.name.lower() for word in _WORDS[policy] if word.name != 'UNKNOWN')
        row = Row(override.name, str, '', '', choices=words)
        if override.type_ == Parameter.Type.STRING:
            override = row.parameter(override.value.lower())
    elif policy == 'avoid_ros_namespace_conventions':
        row = Row(override.name, bool, False, '')
    else:
        # A number of messages for DDS, or nanoseconds.
        row = Row(override.name, int, 0, '', low=0, high=2**31 - 1 if policy == 'depth' else 2**62)
    row.validated(override)
