"""A .mcap file that holds more than ROS 2's messages, as protobuf's and JSON's beside them."""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any
from typing import BinaryIO
from typing import Protocol

from rosbags.interfaces import Connection
from rosbags.interfaces import ConnectionExtRosbag2
from rosbags.interfaces import MessageDefinition
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2.metadata import parse_qos

from aim_ros.media.frames import MediaError

try:
    from mcap.reader import make_reader
    from mcap.reader import NonSeekingReader
    from mcap.records import Channel
    from mcap.records import Message
    from mcap.records import Schema
except ImportError:
    raise MediaError(
        "it holds messages besides ROS 2's, and to read such files needs the Python package "
        "'mcap': pip install mcap"
    ) from None

_DEFINITIONS = {'ros2msg': MessageDefinitionFormat.MSG, 'ros2idl': MessageDefinitionFormat.IDL}
_SCHEMALESS = '__schemaless__'
_Row = tuple[Schema | None, Channel, Message]


class _File(Protocol):
    """What is asked of a path: a `Path` has it, and so has a `CutOffMcap`."""

    suffix: str

    def open(self, mode: str) -> BinaryIO: ...


class MixedMcap:
    """
    Reads such a file in place of rosbags' reader, as far as `Recording` uses that.

    rosbags refuses a file whole for one schema that is not of ROS 2, or for a profile in its
    header that is not "ros2"; mcap's own library reads whatever there is. A connection's
    ``ext.serialization_format`` tells what its messages are: "cdr" for those of ROS 2.

    :param path: of the file.
    :raises Exception: of mcap's library, which has many, where the file is damaged.
    """

    compression_mode = None

    def __init__(self, path: _File):
        self.path = path
        self.storage = self
        self.chunks: list[Any] = []
        """The index of the file, empty where it has none."""
        with path.open('rb') as file:
            summary = make_reader(file).get_summary()
        if summary is not None and summary.statistics and summary.chunk_indexes:
            self.chunks = summary.chunk_indexes
            counts = summary.statistics.channel_message_counts
            self.message_count = summary.statistics.message_count
            self.start_time = summary.statistics.message_start_time
            self.end_time = summary.statistics.message_end_time + 1
            channels = [(summary.schemas.get(channel.schema_id), channel)
                        for channel in summary.channels.values()]
        else:
            channels, counts = self._scan()
        self.connections = [
            _connection(schema, channel, counts.get(channel.id, 0), self)
            for schema, channel in channels]
        """The topics, whatever their messages are."""

    def messages(self, connections: Collection[Connection], start: int | None = None
                 ) -> Iterator[tuple[Connection, int, bytes]]:
        """
        Yield messages in the order of time, or of the file where it has no index.

        :param connections: of these topics.
        :param start: recorded at or after this nanosecond.
        """
        wanted = {connection.id: connection for connection in connections}
        topics = {connection.topic for connection in connections}
        for _, channel, message in self._rows(topics, start):
            if channel.id in wanted:
                yield wanted[channel.id], message.log_time, message.data

    def _rows(self, topics: Collection[str] | None, start: int | None) -> Iterator[_Row]:
        with self.path.open('rb') as file:
            if self.chunks:
                yield from make_reader(file, validate_crcs=True).iter_messages(
                    topics, starting_at=start)
            else:
                # In the order of time, all of them would be in memory at once.
                yield from NonSeekingReader(file, validate_crcs=True).iter_messages(
                    topics, log_time_order=False, starting_at=start)

    def _scan(self) -> tuple[list[tuple[Schema | None, Channel]], Counter[int]]:
        """Return what a file without an index holds, and note how much, and of when."""
        channels, counts, times = {}, Counter(), []
        for schema, channel, message in self._rows(None, None):
            channels[channel.id] = schema, channel
            counts[channel.id] += 1
            times.append(message.log_time)
        self.message_count = len(times)
        self.start_time, self.end_time = min(times, default=0), max(times, default=-1) + 1
        return list(channels.values()), counts


def _connection(schema: Schema | None, channel: Channel, count: int, owner: MixedMcap
                ) -> Connection:
    """Return a topic, as rosbags has those of files that it opens itself."""
    kind = _DEFINITIONS.get(schema.encoding) if schema is not None else None
    definition = MessageDefinition(MessageDefinitionFormat.NONE, '') if kind is None else (
        MessageDefinition(kind, schema.data.decode()))
    return Connection(
        channel.id, channel.topic, schema.name if schema is not None else _SCHEMALESS, definition,
        '', count,
        ConnectionExtRosbag2(
            channel.message_encoding,
            parse_qos(channel.metadata.get('offered_qos_profiles', ''))),
        owner)
