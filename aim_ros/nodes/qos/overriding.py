"""Which QoS policies users may override, and the refusal of the others by name."""

from collections.abc import Iterable

from rclpy.node import Node
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions

from aim_ros.nodes.parameter_table import ReadOnlyParameterError
from aim_ros.nodes.rclpy_private import parameter_overrides

_POLICIES = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
             QoSPolicyKind.DURABILITY)


def overriding_options() -> QoSOverridingOptions:
    """Return the options of every publisher and subscription of a camera."""
    return QoSOverridingOptions(_POLICIES)


def refuse_other_overrides(node: Node, topics: Iterable[str]) -> None:
    """
    Refuse overrides of QoS that no publisher or subscription of `topics` took.

    To be called when all of them exist: rclpy leaves unsaid what it does not use.

    :raises ReadOnlyParameterError: there are such; the text names them.
    """
    starts = tuple(f'qos_overrides.{topic}.' for topic in topics)
    unused = sorted(name for name in parameter_overrides(node)
                    if name.startswith(starts) and not node.has_parameter(name))
    if unused:
        raise ReadOnlyParameterError(
            f'{", ".join(unused)} cannot be overridden; what can: '
            + ', '.join(policy.name.lower() for policy in _POLICIES)
            + ', of a publisher or a subscription')
