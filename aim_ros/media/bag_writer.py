"""Writes rosbag2 recordings that are whole or not there at all, without ROS."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from contextlib import suppress
from pathlib import Path
import shutil
import sqlite3
from typing import Any

from aim_ros.media.bag_types import serialize
from aim_ros.media.bag_types import TYPES
from aim_ros.media.frames import MediaError

try:
    from rosbags.interfaces import Connection
    from rosbags.interfaces import Qos
    from rosbags.interfaces import QosDurability
    from rosbags.interfaces import QosHistory
    from rosbags.interfaces import QosLiveliness
    from rosbags.interfaces import QosReliability
    from rosbags.interfaces import QosTime
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer
except ImportError:
    raise MediaError(
        "rosbag2 recordings need the Python package 'rosbags': pip install rosbags"
    ) from None

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
PARTIAL = '.partial'
"""The folder, beside a recording, in which it is while it is being written."""

_FOREVER = QosTime(9223372036, 854775807)


def qos(*, depth: int = 10, latched: bool = False, deadline_s: int | None = None,
        lease_s: int | None = None) -> Qos:
    """
    Return a QoS profile that is reliable and keeps the last messages, as it is recorded.

    :param depth: how many messages.
    :param latched: whether they are kept for those who come later.
    :param deadline_s: seconds between two messages that are promised; None for no promise.
    :param lease_s: seconds within which the publisher shows that it is alive; likewise.
    """
    return Qos(
        QosHistory.KEEP_LAST, depth, QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOREVER if deadline_s is None else QosTime(deadline_s, 0), _FOREVER,
        QosLiveliness.AUTOMATIC, _FOREVER if lease_s is None else QosTime(lease_s, 0),
        False)


class BagWriter:
    """
    Writes a new rosbag2 folder, within a ``with``; it gets its name when it is whole.

    Until then it is in a folder `PARTIAL` beside, which is removed after an error, and by the
    next who writes a recording of that name, if the process was killed. The same messages in the
    same order give the same bytes.

    :param path: of the folder.
    :param storage: ``mcap`` or ``sqlite3``.
    :raises MediaError: `path` exists, or the storage is unknown; likewise, by all that writes,
        where it cannot be written, as on a full disk.
    """

    def __init__(self, path: Path | str, storage: str = 'mcap'):
        if storage not in STORAGES:
            raise MediaError(f'unknown storage {storage!r}; storages: {", ".join(STORAGES)}')
        self.path = Path(path)
        self.partial = self.path.parent / PARTIAL / self.path.name
        """Where it is while it is being written: what else belongs to it may be put there."""
        if self.path.exists():
            raise MediaError(f'{path} exists already; choose a name that is free')
        self._storage = STORAGES[storage]
        self._topics: dict[str, Connection] = {}
        self._stack = ExitStack()

    def __enter__(self) -> 'BagWriter':
        with self._writing():
            if self.partial.exists():
                shutil.rmtree(self.partial)
            self._bag = self._stack.enter_context(
                Writer(self.partial, version=9, storage_plugin=self._storage))
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            with self._writing():
                self._stack.__exit__(kind, error, traceback)
                if kind is None:
                    self.partial.rename(self.path)
        finally:
            shutil.rmtree(self.partial, ignore_errors=True)
            with suppress(OSError):  # others write theirs there
                self.partial.parent.rmdir()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say of which recording it is that a file cannot be written: the system does not."""
        try:
            yield
        except OSError as error:
            raise MediaError(f'cannot write {self.path}: {error.strerror or error}') from None
        except sqlite3.Error as error:
            raise MediaError(f'cannot write {self.path}: {error}') from None

    def _connect(self, topic: str, kind: str, **definition: Any) -> Connection:
        with self._writing():
            return self._bag.add_connection(topic, kind, **definition)

    def _append(self, connection: Connection, time_ns: int, data: bytes | memoryview) -> None:
        with self._writing():
            self._bag.write(connection, time_ns, data)

    def note(self, key: str, value: str) -> None:
        """Add to the metadata what is to be known of the recording."""
        self._bag.set_custom_data(key, value)

    def write(self, topic: str, time_ns: int, message: Any, qos: Qos = qos()) -> None:  # noqa: B008
        """
        Append a message.

        :param topic: made when its first message comes.
        :param time_ns: when it was recorded, nanoseconds.
        :param qos: what the topic's publisher offers.
        """
        if topic not in self._topics:
            self._topics[topic] = self._connect(
                topic, message.__msgtype__, typestore=TYPES, offered_qos_profiles=[qos])
        self._append(self._topics[topic], time_ns, serialize(message))

    def announce(self, topic: str, msgtype: str, qos: Qos = qos()) -> None:  # noqa: B008
        """Make a topic that may get no message."""
        self._topics[topic] = self._connect(
            topic, msgtype, typestore=TYPES, offered_qos_profiles=[qos])

    def copy(self, connection: Connection, time_ns: int, data: bytes) -> None:
        """
        Append a message of another recording, as it is.

        :param connection: its topic there.
        :raises MediaError: that recording does not define the message's type.
        """
        if connection.topic not in self._topics:
            self._topics[connection.topic] = self._add(connection)
        self._append(self._topics[connection.topic], time_ns, data)

    def _add(self, connection: Connection) -> Connection:
        """Make a topic as it is in another recording."""
        profiles = connection.ext.offered_qos_profiles
        if connection.msgdef.data and connection.digest:
            return self._connect(
                connection.topic, connection.msgtype, msgdef=connection.msgdef.data,
                rihs01=connection.digest, offered_qos_profiles=profiles)
        if connection.msgtype in TYPES.types:
            return self._connect(
                connection.topic, connection.msgtype, typestore=TYPES,
                offered_qos_profiles=profiles)
        raise MediaError(f'topic {connection.topic} cannot be copied: the recording does not '
                         f'define {connection.msgtype}')
