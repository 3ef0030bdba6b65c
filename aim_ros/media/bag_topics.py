"""The topics of recordings: which of them are ROS 2's, and how they are listed."""

from collections.abc import Iterable

from rosbags.interfaces import Connection


def is_of_ros(connection: Connection) -> bool:
    """Whether a topic's messages are serialized as ROS 2 does."""
    return connection.ext.serialization_format in ('cdr', '')


def of_ros(connections: Iterable[Connection]) -> list[Connection]:
    """Return the topics whose messages are serialized as ROS 2 does."""
    return [connection for connection in connections if is_of_ros(connection)]


def listed(connections: Iterable[Connection]) -> str:
    """List topics for people, with their types, and their serialization where not ROS 2's."""
    return ', '.join(sorted({
        f'{connection.topic} ({connection.msgtype}'
        + ('' if is_of_ros(connection) else f' in {connection.ext.serialization_format}') + ')'
        for connection in connections}))
