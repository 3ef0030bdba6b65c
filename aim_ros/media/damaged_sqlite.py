"""A .db3 file that rosbags does not open, or not all of it: the messages that SQLite finds."""

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
import uuid

import apsw
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

_TABLES = ('schema', 'topics', 'message_definitions')
_WHERE = {'message_definitions': "WHERE encoding IN ('ros2msg', 'ros2idl')"}
"""rosbags takes no others, and needs none: the recorder's "unknown" is no definition."""

_HEADER = 100
_COUNT = slice(28, 32)  # of pages, in the header
_EACH = 1000
_DOUBLINGS = 40
_ROWS = 'SELECT id, topic_id, timestamp FROM messages NOT INDEXED WHERE id > ? ORDER BY id'


class DamagedSqlite:
    """
    Reads such a file in place of rosbags' reader, as far as `Recording` uses that.

    SQLite ends a query at the first page that makes no sense. The messages are found by their ids
    instead, which leads past such pages, without the index, and each is read by itself.

    :param path: of the file.
    :raises apsw.Error: not even its tables can be read.
    """

    compression_mode = None

    def __init__(self, path: Path):
        self.path = path
        self.storage = self
        self._pages = _WholePages(path)
        self._database = apsw.Connection(
            f'{path.absolute().as_uri()}?immutable=1', vfs=self._pages.name,
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            connections = self._read_topics()
            # By time, as rosbags and rosbag2 give them.
            self._rows = sorted(self._find_rows())
        except BaseException:
            self.close()
            raise
        self._topics = {connection.id: connection.topic for connection in connections}
        counts = Counter(topic_id for _, _, topic_id in self._rows)
        self.connections = [connection._replace(msgcount=counts[connection.id])
                            for connection in connections]
        """The topics, with the number of messages that were found."""

    @property
    def message_count(self) -> int:
        """How many messages were found."""
        return len(self._rows)

    @property
    def start_time(self) -> int:
        """When the first of them was recorded, nanoseconds."""
        return self._rows[0][0]

    @property
    def end_time(self) -> int:
        """The nanosecond after the last of them."""
        return self._rows[-1][0] + 1

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        self._pages.unregister()

    def messages(self, connections: Collection[Connection], start: int | None = None
                 ) -> Iterator[tuple[Connection, int, bytes]]:
        """
        Yield messages in the order of time; those that cannot be read are left out.

        :param connections: of these topics, of this file's reader or another.
        :param start: recorded at or after this nanosecond.
        """
        wanted = {connection.topic: connection for connection in connections}
        for time_ns, message_id, topic_id in self._rows:
            connection = wanted.get(self._topics.get(topic_id, ''))
            if connection is None or (start is not None and time_ns < start):
                continue
            try:
                (data,), = self._database.execute(
                    'SELECT data FROM messages WHERE id = ?', (message_id,))
            except apsw.Error:
                continue
            yield connection, time_ns, data

    def _read_topics(self) -> list[Connection]:
        """Return the topics, as rosbags reads them of a file that has these tables alone."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / 'topics.db3'
            copy = apsw.Connection(str(path))
            for name in _TABLES:
                # Older files have not all of them.
                for statement, in self._database.execute(
                        'SELECT sql FROM sqlite_master WHERE name = ?', (name,)).fetchall():
                    copy.execute(statement)
                    for row in self._database.execute(
                            f'SELECT * FROM {name} {_WHERE.get(name, "")}'):
                        copy.execute(
                            f'INSERT INTO {name} VALUES ({", ".join("?" * len(row))})', row)
            copy.execute('CREATE TABLE messages (id INTEGER PRIMARY KEY, topic_id INTEGER, '
                         'timestamp INTEGER, data BLOB)')
            copy.close()
            with Reader(path) as reader:
                return list(reader.connections)

    def _find_rows(self) -> Iterator[tuple[int, int, int]]:
        """Yield time, id and topic of each message that is found."""
        last: int | None = -1
        while last is not None:
            try:
                for message_id, topic_id, time_ns in self._database.execute(_ROWS, (last,)):
                    last = message_id
                    yield time_ns, message_id, topic_id
            except apsw.Error:
                last = self._behind(last)
            else:
                return

    def _behind(self, last: int) -> int | None:
        """Return an id behind the damage that begins after `last`; None where nothing is."""
        steps = chain(range(1, _EACH), (_EACH << count for count in range(_DOUBLINGS)))
        high = next((step for step in steps if self._is_readable(last + step)), None)
        if high is None:
            return None
        low = high // 2 if high > _EACH else high - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_readable(last + middle) else (middle, high)
        return last + high

    def _is_readable(self, message_id: int) -> bool:
        """Whether there is a message behind this id, and SQLite finds it."""
        try:
            return self._database.execute(f'{_ROWS} LIMIT 1', (message_id,)).fetchone() is not None
        except apsw.Error:
            return False


def found_messages(files: Iterable[Path], connections: Collection[Connection]
                   ) -> Iterator[tuple[Connection, int, bytes]]:
    """Yield the messages that are found in .db3 files of which one is damaged."""
    for file in files:
        try:
            reader = DamagedSqlite(file)
        except Exception:
            # That it is damaged was said before.
            continue
        with closing(reader):
            yield from reader.messages(connections)


class _WholePages(apsw.VFS):
    """
    Shows SQLite a file that ends with its last whole page, and says so in its header.

    SQLite takes for zeros what is missing of a page, and of pages that the header counts: the end
    of an image would be black, without an error. (SQLite's file format, section 1.3.)

    :param path: of the file.
    """

    def __init__(self, path: Path):
        self.name = f'aim_ros_{uuid.uuid4().hex}'
        with path.open('rb') as file:
            header = file.read(_HEADER)
        page = int.from_bytes(header[16:18], 'big')
        self.page = 65536 if page == 1 else max(page, 512)
        self.count = min(path.stat().st_size // self.page, int.from_bytes(header[_COUNT], 'big')
                         or path.stat().st_size // self.page)
        super().__init__(self.name, '')

    def xOpen(self, name, flags):
        if name is None:  # a temporary file
            return super().xOpen(name, flags)
        return _WholePagesFile(self, name, flags)


class _WholePagesFile(apsw.VFSFile):
    """The file, as `_WholePages` shows it."""

    def __init__(self, pages: _WholePages, name, flags):
        super().__init__('', name, flags)
        self._pages = pages

    def xFileSize(self) -> int:
        return self._pages.page * self._pages.count

    def xRead(self, amount: int, offset: int) -> bytes:
        data = bytearray(super().xRead(amount, offset))
        for place, value in enumerate(self._pages.count.to_bytes(4, 'big'), _COUNT.start - offset):
            if 0 <= place < len(data):
                data[place] = value
        return bytes(data)
