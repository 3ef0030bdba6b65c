"""Messages of rosbag2 recordings, whole folders or single files, read without ROS."""

from collections.abc import Collection
from collections.abc import Iterator
from contextlib import closing
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from typing import TYPE_CHECKING
from typing import TypeAlias

from aim_ros.media.bag_errors import check_length
from aim_ros.media.bag_errors import check_metadata
from aim_ros.media.bag_errors import CUT_OFF
from aim_ros.media.bag_errors import describe
from aim_ros.media.bag_errors import is_mixed
from aim_ros.media.bag_errors import NOT_OF_ROS
from aim_ros.media.bag_errors import NOT_THERE
from aim_ros.media.bag_files import BAG_FILES
from aim_ros.media.bag_files import files_of
from aim_ros.media.bag_files import missing_parts
from aim_ros.media.bag_files import PACKED
from aim_ros.media.bag_metadata import METADATA
from aim_ros.media.bag_metadata import unnamed_files
from aim_ros.media.bag_metadata import unpack_folder
from aim_ros.media.bag_topics import is_of_ros
from aim_ros.media.bag_topics import listed
from aim_ros.media.bag_topics import of_ros
from aim_ros.media.cut_off import CutOffMcap
from aim_ros.media.damaged_sqlite import DamagedSqlite
from aim_ros.media.damaged_sqlite import found_messages
from aim_ros.media.frames import lose
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import OnLoss
from aim_ros.media.unpacking import unpack_message
from aim_ros.media.unpacking import UnpackedFiles

try:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader
except ImportError:
    raise MediaError(
        "rosbag2 recordings need the Python package 'rosbags': pip install rosbags"
    ) from None

if TYPE_CHECKING:
    from aim_ros.media.mixed_mcap import MixedMcap

_Reader: TypeAlias = 'Reader | DamagedSqlite | MixedMcap'


class Message(NamedTuple):
    """
    A message of a recording.

    :param msgtype: its type, as in ``sensor_msgs/msg/Image``.
    :param recorded_ns: when it was taken down, nanoseconds.
    :param data: serialized.
    :param connection: its topic, by rosbags' interface.
    """

    msgtype: str
    recorded_ns: int
    data: bytes
    connection: Connection


class Recording:
    """
    A rosbag2 recording, open within a ``with``.

    Where ``metadata.yaml`` is missing or of no use, the files beside it are opened themselves,
    also those that the recorder compressed.

    :param place: the folder, or one of its files.
    :param unpacked: of who opens it more than once; else, what is compressed as a whole is
        unpacked for as long as it is open.
    :raises MediaError: nothing of it can be opened.
    """

    def __init__(self, place: Path, unpacked: UnpackedFiles | None = None):
        self.place = place
        self.note = ''
        """What is wrong or missing, for people; empty where nothing is."""
        self.unnamed = ''
        """Which files are left out as ``metadata.yaml`` does not name them; empty for none."""
        self._stack = ExitStack()
        self._unpacked = unpacked or self._stack.enter_context(closing(UnpackedFiles()))
        self._readers: list[_Reader] = []

    def __enter__(self) -> 'Recording':
        try:
            self._open()
        except OSError as error:
            raise MediaError(f'cannot read rosbag {self.place}: {error.strerror}') from None
        finally:
            if not self._readers:
                self._stack.close()
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    @property
    def topics(self) -> dict[str, int]:
        """The announced number of messages of each topic."""
        counts: dict[str, int] = {}
        for connection in self._connections():
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        return counts

    @property
    def start_ns(self) -> int:
        """When the first message was recorded, nanoseconds; 0 where there is none."""
        return min((reader.start_time for reader in self._readers if reader.message_count),
                   default=0)

    @property
    def duration_ns(self) -> int:
        """From the first message to the last, by the recording's clock, nanoseconds."""
        readers = [reader for reader in self._readers if reader.message_count]
        return (max(reader.end_time for reader in readers)
                - min(reader.start_time for reader in readers) if readers else 0)

    @property
    def listing(self) -> str:
        """The topics and their types, for people."""
        return listed(self._connections()) or 'none'

    @property
    def left_out(self) -> str:
        """What is said of topics whose messages are not ROS 2's; empty where all are."""
        others = [connection for reader in self._readers for connection in reader.connections
                  if connection.msgcount and not is_of_ros(connection)]
        return f'left out, as they are not of ROS 2: {listed(others)}' if others else ''

    def topics_of(self, *msgtypes: str) -> list[str]:
        """Return the topics that have messages of one of these types, in alphabetical order."""
        return sorted({connection.topic for connection in self._connections()
                       if connection.msgtype in msgtypes})

    def messages(self, topic: str, msgtypes: tuple[str, ...], on_loss: OnLoss | None = None
                 ) -> Iterator[Message]:
        """
        Yield the messages of a topic, in the order in which they were recorded.

        :param msgtypes: those of other types are left out.
        :param on_loss: called where a part of a file cannot be read, which is then left out.
        :raises MediaError: a part cannot be read, and there is no `on_loss`.
        """
        for reader in self._readers:
            connections = [connection for connection in of_ros(reader.connections)
                           if connection.topic == topic and connection.msgtype in msgtypes]
            # To rosbags, no connections are all of them.
            if connections:
                yield from self._messages(reader, connections, on_loss)

    def timeline(self, topics: Collection[str], on_loss: OnLoss | None = None
                 ) -> Iterator[Message]:
        """
        Yield the messages of several topics, in the order in which they were recorded.

        :param on_loss: called where a part of a file cannot be read, which is then left out.
        :raises MediaError: a part cannot be read, and there is no `on_loss`.
        """
        for reader in self._readers:
            connections = [connection for connection in of_ros(reader.connections)
                           if connection.topic in topics]
            if connections:
                yield from self._messages(reader, connections, on_loss)

    def _messages(self, reader: _Reader, connections: list[Connection],
                  on_loss: OnLoss | None) -> Iterator[Message]:
        start: int | None = None
        last, count = -1, 0
        while True:
            messages = reader.messages(connections, start=start)
            while True:
                try:
                    connection, last, data = next(messages)
                    count += 1
                except StopIteration:
                    return
                # The library lets errors of files, SQLite and its own asserts through.
                except Exception as error:
                    whole = self._unpacked.origin(reader.path)
                    lose(MediaError(f'cannot read all of rosbag {whole}: {describe(error)}'),
                         on_loss)
                    break
                yield Message(connection.msgtype, last, unpack_message(bytes(data)), connection)
            files = getattr(reader.storage, 'storages', [reader.storage])
            paths = [file.path for file in files if file.path.suffix == '.db3']
            if paths:
                rest = () if reader.compression_mode else found_messages(paths, connections)
                for connection, time_ns, data in islice(rest, count, None):
                    yield Message(connection.msgtype, time_ns, unpack_message(bytes(data)),
                                  connection)
                return
            # A file with an index goes on behind the part that is damaged.
            begins = (chunk.message_start_time
                      for file in files for chunk in getattr(file, 'chunks', ()))
            past = last if start is None else max(last, start)
            start = min((begin for begin in begins if begin > past), default=None)
            if start is None:
                return

    def _connections(self) -> list[Connection]:
        return of_ros(connection for reader in self._readers for connection in reader.connections)

    def _open(self) -> None:
        problems, files = [], [self.place]
        if not self.place.is_file():
            files = files_of(self.place)
            if (self.place / METADATA).is_file():
                problems.append(self._add(self.place))
                if self._readers:
                    self.unnamed = unnamed_files(files, self._readers[0])
                    return
            if not any(NOT_THERE in problem for problem in problems) and (
                    missing := missing_parts(files)):
                problems.append(f'missing, by the numbers of the others: {", ".join(missing)}')
        problems = list(filter(None, [*problems, *(self._add(file) for file in files)]))
        if not self._readers:
            problem = problems[0] if problems else 'it has no file with messages'
            uncured = NOT_OF_ROS, 'pip install', 'Permission denied', 'No space left', 'TMPDIR'
            hint = '' if any(text in problem for text in uncured) else (
                '; "ros2 bag reindex" makes metadata.yaml anew where the files are whole')
            raise MediaError(f'cannot read rosbag {self.place}: {problem}{hint}')
        self.note = '; '.join(problems)

    def _add(self, place: Path) -> str:
        """Open a folder or a file; return why it cannot be, or nothing."""
        whole = place
        try:
            if place.is_dir():
                place = unpack_folder(place, self._unpacked)
            elif place.suffix in PACKED:
                place = self._unpacked.get(place)
            for file in (place.iterdir() if place.is_dir() else [place]):
                if file.suffix in BAG_FILES:
                    check_length(file)
            reader = self._stack.enter_context(Reader(place))
            check_metadata(reader)
        except MediaError as error:
            return f'{whole.name}: {error}'
        except Exception as error:  # as above, and what is wrong in YAML
            reason, mixed = describe(error), is_mixed(error)
        else:
            self._readers.append(reader)
            return ''
        if place.is_dir():
            # Its files are opened one by one, and say more.
            return '' if mixed else reason
        try:
            reader = self._reader_of_damaged(place, reason, mixed)
        except MediaError as error:
            reason, reader = str(error), None
        # Else, the reason why it cannot be opened as it is says enough.
        except Exception:
            reader = None
        topics = [] if reader is None else reader.connections
        if any(topic.msgcount for topic in of_ros(topics)):
            self._readers.append(reader)
            reason = '' if mixed else reason
        elif mixed and topics:
            reason = f'{NOT_OF_ROS}: {listed(topics)}'
        what = '' if whole == self.place or not reason else f'{whole.name}: '
        return what + reason

    def _reader_of_damaged(self, file: Path, reason: str, mixed: bool) -> '_Reader | None':
        """Return a reader of what is whole of a file, or of ROS 2, if that is anything."""
        if file.suffix == '.db3':
            return self._stack.enter_context(closing(DamagedSqlite(file)))
        if file.suffix != '.mcap':
            return None
        if mixed:
            return _mixed(file)
        if reason.endswith(CUT_OFF):
            try:
                return self._stack.enter_context(Reader(CutOffMcap(file)))
            except Exception as error:
                return _mixed(CutOffMcap(file)) if is_mixed(error) else None
        return None


def _mixed(file: Path | CutOffMcap) -> _Reader:
    # Needs a library that other files do not.
    from aim_ros.media.mixed_mcap import MixedMcap

    return MixedMcap(file)
