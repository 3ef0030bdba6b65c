"""The nodes that a replay plays for: whether they are there, and whether they still are."""

import time

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

_LOOK_PERIOD = 1.0
_GONE_AFTER = 10.0

# What the graph has of a node whose name has not arrived yet.
_UNKNOWN = '_NODE_NAME_UNKNOWN_'


class AwaitedNodes:
    """
    The subscribers of the images, and in lockstep the publisher of the masks.

    :param node: the replay's.
    :param images: its publisher of images.
    :param masks: its subscription of masks; None where it does not wait for any.
    :param mask_topic: where the segmentation node publishes its masks; the node's own name is the
        first part of it, unless it was remapped.
    :param subscribers: how many are awaited.
    """

    def __init__(self, node: Node, images: Publisher, masks: Subscription | None,
                 mask_topic: str, subscribers: int):
        self._node = node
        self._images = images
        self._masks = masks
        self._wanted = subscribers
        self._expected = node.resolve_topic_name(mask_topic).rsplit('/', 2)[0]
        self._names: set[str] = set()
        self._seen = self._looked = time.monotonic()

    def missing(self) -> str:
        """Return what is not there yet, as part of a sentence; nothing once all is."""
        missing = []
        count = self._images.get_subscription_count()
        if count == 0:
            missing.append(f'nobody subscribes to {self._images.topic_name}')
        elif count < self._wanted:
            missing.append(f'{count} of {self._wanted} subscribe to {self._images.topic_name}')
        if self._masks is not None and self._masks.get_publisher_count() == 0:
            missing.append(f'nobody publishes {self._masks.topic_name}')
        return ' and '.join(missing)

    def remember(self) -> None:
        """Take those that are there now for those that are played for."""
        masks = self._masks
        ends = (self._node.get_publishers_info_by_topic(masks.topic_name) if masks is not None
                else self._node.get_subscriptions_info_by_topic(self._images.topic_name))
        self._names = {_full_name(end.node_name, end.node_namespace) for end in ends}
        self._names.discard(_full_name(_UNKNOWN, '/'))
        self._seen = time.monotonic()

    def gone(self) -> str:
        """
        Return which nodes have ended, as part of a sentence; nothing while any is there.

        To be called often; it looks once a second. A node that is only deactivated is there.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_PERIOD:
            return ''
        self._looked = now
        present = {_full_name(*names) for names in self._node.get_node_names_and_namespaces()}
        if not self._names and self._expected in present:
            self._names = {self._expected}
        if not self._names or self._names & present:
            self._seen = now
        # A while later: one that is started again takes some seconds.
        return ', '.join(sorted(self._names)) if now - self._seen >= _GONE_AFTER else ''


def _full_name(name: str, namespace: str) -> str:
    return f'{namespace.rstrip("/")}/{name}'
