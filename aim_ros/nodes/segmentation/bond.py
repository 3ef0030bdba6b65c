"""The bond by which Nav2's lifecycle manager sees that the node lives."""

from rclpy.node import Node

try:
    from bondpy import bondpy
except ImportError:
    # bondpy is no pip package: without it, the manager needs `bond_timeout: 0.0`.
    bondpy = None

_TOPIC = 'bond'
_HEARTBEAT_PERIOD = 0.1
_HEARTBEAT_TIMEOUT = 4.0
"""Seconds, both as in Nav2's own servers."""


class Bond:
    """
    A bond with whoever manages the node; where bondpy is not installed, nothing.

    :param node: the node; the bond's id is its name, as the manager expects.
    """

    def __init__(self, node: Node):
        self._node = node
        self._bond = None

    def form(self) -> None:
        """Begin to send heartbeats; nothing waits for the manager's."""
        if bondpy is None:
            return
        self._bond = bondpy.Bond(self._node, _TOPIC, self._node.get_name())
        self._bond.heartbeat_period = _HEARTBEAT_PERIOD
        self._bond.heartbeat_timeout = _HEARTBEAT_TIMEOUT
        self._bond.start()

    def end(self) -> None:
        """Break the bond in order, if there is one."""
        bond, self._bond = self._bond, None
        if bond is not None:
            bond.shutdown()
