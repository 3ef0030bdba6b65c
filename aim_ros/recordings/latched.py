"""What was latched before the part of a recording that is taken, for those who play that part."""

from collections.abc import Hashable
from collections.abc import Iterator

from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosHistory

from aim_ros.media.bag_types import deserialize
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Message

_TRANSFORMS = 'tf2_msgs/msg/TFMessage'
_STATIC = 'tf_static'  # latched by convention, also where a recording holds no QoS

_MOST = 1000
"""Messages of a topic that are kept at most, whatever its publishers promise."""


class Latched:
    """
    The messages that whoever subscribes late is given by publishers that keep their last ones.

    That is as many as these keep together. A recording does not say whose a message is: of static
    transforms, the last message of each set of frames is kept instead.
    """

    def __init__(self):
        self._kept: dict[str, dict[Hashable, Message]] = {}
        self._taken = 0

    def take(self, message: Message) -> None:
        """Take in a message of before, in the order in which they were recorded."""
        topic = message.connection.topic
        static = topic.rpartition('/')[2] == _STATIC and message.msgtype == _TRANSFORMS
        most = _MOST if static else _kept_by_publishers(message)
        if not most:
            return
        self._taken += 1
        kept = self._kept.setdefault(topic, {})
        key = (_frames(message) if static else None) or self._taken
        # The last one stands last.
        kept.pop(key, None)
        kept[key] = message
        if len(kept) > most:
            del kept[next(iter(kept))]

    def release(self, time_ns: int) -> Iterator[Message]:
        """
        Yield what is kept, once, as if it had been recorded at a time.

        :param time_ns: nanoseconds, as recordings have them.
        """
        kept, self._kept = self._kept, {}
        for message in sorted((message for messages in kept.values()
                               for message in messages.values()),
                              key=lambda message: message.recorded_ns):
            yield message._replace(recorded_ns=time_ns)


def _kept_by_publishers(message: Message) -> int:
    """Return how many messages the publishers of a topic keep for those who come late."""
    depths = (_MOST if profile.history == QosHistory.KEEP_ALL else max(profile.depth, 1)
              for profile in message.connection.ext.offered_qos_profiles
              if profile.durability == QosDurability.TRANSIENT_LOCAL)
    return min(sum(depths), _MOST)


def _frames(message: Message) -> frozenset[str]:
    """Return the frames that a message of transforms places; none of one that cannot be read."""
    try:
        transforms = deserialize(message.data, _TRANSFORMS, message.connection.topic).transforms
    except MediaError:
        # It is copied all the same, like any other.
        return frozenset()
    return frozenset(transform.child_frame_id for transform in transforms)
