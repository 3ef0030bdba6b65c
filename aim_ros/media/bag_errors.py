"""Why a file of a recording cannot be read, in words for people."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence
import errno
from pathlib import Path
import re

try:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader
    from rosbags.rosbag2 import ReaderError
    from rosbags.rosbag2.metadata import ReaderMetadata
except ImportError:
    from aim_ros.media.frames import MediaError
    raise MediaError(
        "rosbag2 recordings need the Python package 'rosbags': pip install rosbags"
    ) from None

MCAP_MAGIC = b'\x89MCAP0\r\n'
CUT_OFF = 'its end is missing, as where the recorder was killed'
_MOMENT_NS = 1_000_000_000
"""Nanoseconds by which metadata and messages may differ."""

NOT_THERE = 'files are missing that metadata.yaml names'
NOT_OF_ROS = 'none of its messages are of ROS 2'


def check_length(file: Path) -> None:
    """
    Check that a file ends as its format says.

    MCAP's ends as it begins. SQLite's has the pages that its header counts; SQLite takes what is
    missing for zeros.

    :raises ReaderError: it is shorter; MCAP format specification, "Format description"; SQLite's
        file format, section 1.3.
    """
    with file.open('rb') as opened:
        header = opened.read(100)
        opened.seek(max(file.stat().st_size - len(MCAP_MAGIC), 0))
        end = opened.read()
    if header.startswith(MCAP_MAGIC) and end != MCAP_MAGIC:
        raise ReaderError(CUT_OFF)
    if len(header) < 100 or not header.startswith(b'SQLite format 3\0'):
        return
    page, pages, change, valid_for = (
        int.from_bytes(header[place:place + size], 'big')
        for place, size in ((16, 2), (28, 4), (24, 4), (92, 4)))
    # The number of pages is set anew with each change, but not by SQLite before 3.7.
    if change == valid_for and file.stat().st_size < pages * (65536 if page == 1 else page):
        raise ReaderError(CUT_OFF)


def describe(error: Exception) -> str:
    """Return an error of the library in one line, which does not ask users to report it."""
    text = ' '.join(str(error).split()) or type(error).__name__
    text = re.sub(r'[;,.]?\s*please report\b.*', '', text, flags=re.IGNORECASE).rstrip('.')
    too_short = isinstance(error, OSError) and error.errno == errno.EINVAL
    if too_short or 'end magic' in text:
        return CUT_OFF
    if "Storage plugin ''" in text:
        return 'metadata.yaml names no storage plugin'
    if missing := re.match(r'Some database files are missing: \[(.*)\]', text):
        names = ', '.join(Path(path).name for path in re.findall("'(.*?)'", missing[1]))
        return f'{NOT_THERE}: {names}'
    if text.startswith('Could not load YAML'):
        return 'metadata.yaml is no YAML'
    if text.startswith(('Invalid bag metadata', 'A metadata key is missing')):
        return 'metadata.yaml is not that of a recording'
    # What is neither meant for people nor the system's runs into bytes that make no sense.
    return text if isinstance(error, (ReaderError, OSError)) else f'it is damaged ({text})'


def is_mixed(error: Exception) -> bool:
    """
    Whether the library may refuse a file for what it holds besides messages of ROS 2.

    It looks up the kind of each schema among those that it knows, decodes it as text, and wants
    the profile "ros2"; foxglove's and mcap's own tools write others. rosbag2 itself notes the kind
    "unknown" where it did not find the definition of a type.
    """
    return (isinstance(error, UnicodeDecodeError)
            or (isinstance(error, KeyError) and isinstance(error.args[0], str))
            or any(text in str(error) for text in ('Profile is not ros2', 'Serialization format')))


def check_metadata(reader: Reader) -> None:
    """
    Check that ``metadata.yaml`` describes the topics and the time as the files beside it do.

    rosbags gives no message of one that differs in name, type or QoS, as after an edit, and takes
    its numbers of messages and its times from there, too.

    :raises ReaderError: it does not.
    """
    files = getattr(reader.storage, 'storages', ())
    _check_extent(reader, [file.metadata for file in files])
    counted, there = _counts(reader.connections), _counts(
        connection for file in files for connection in file.connections)
    for topic in sorted(there):
        if topic in counted and counted[topic] != there[topic]:
            raise ReaderError(f'metadata.yaml counts {counted[topic]} messages of {topic}, and '
                              f'there are {there[topic]}')
    for file in files:
        for its in file.connections:
            if its.msgcount and not any(_alike(ours, its) for ours in reader.connections):
                raise ReaderError(
                    f'metadata.yaml does not describe {its.topic} as {file.path.name} does')


def _check_extent(reader: Reader, files: Sequence[ReaderMetadata]) -> None:
    if not files:
        return
    count = sum(file.message_count for file in files)
    if reader.message_count != count:
        raise ReaderError(f'metadata.yaml counts {reader.message_count} messages, and there are '
                          f'{count}')
    start = min(file.start_time for file in files)
    end = max(file.end_time for file in files)
    if count and (reader.start_time - start > _MOMENT_NS or end - reader.end_time > _MOMENT_NS):
        raise ReaderError('metadata.yaml has other times than the messages')


def _counts(connections: Iterable[Connection]) -> Counter[str]:
    """Return the number of messages of each topic."""
    counts: Counter[str] = Counter()
    for connection in connections:
        counts[connection.topic] += connection.msgcount
    return counts


def _alike(ours: Connection, its: Connection) -> bool:
    """Whether rosbags takes two connections for one, see its `DirectoryReader.messages`."""
    return (ours.topic, ours.msgtype, ours.ext) == (its.topic, its.msgtype, its.ext) and (
        not ours.digest or not its.digest or ours.digest == its.digest)
