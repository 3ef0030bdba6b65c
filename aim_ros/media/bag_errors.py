"""Why a file of a recording cannot be read, in words for people."""

import errno
from pathlib import Path
import re

try:
    from rosbags.rosbag2 import ReaderError
except ImportError:
    from aim_ros.media.frames import MediaError
    raise MediaError(
        "rosbag2 recordings need the Python package 'rosbags': pip install rosbags"
    ) from None

CUT_OFF = 'its end is missing, as where the recorder was killed'
_OTHER_SCHEMA = ('one of its topics has a schema of kind {}, and rosbags reads a file with those '
                 'of ROS alone: take the others out, for instance by "mcap filter"')
OTHER_PROFILE = 'its header has another profile than ros2: no recorder of ROS 2 wrote it'


def check_length(file: Path) -> None:
    """
    Check that an SQLite file has all its pages: SQLite takes what is missing for zeros.

    :raises ReaderError: it is shorter than its header says; SQLite's file format, section 1.3.
    """
    with file.open('rb') as opened:
        header = opened.read(100)
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
    if 'Profile is not ros2' in text:
        return OTHER_PROFILE
    if isinstance(error, KeyError) and isinstance(error.args[0], str):
        return _OTHER_SCHEMA.format(error)
    if "Storage plugin ''" in text:
        return 'metadata.yaml names no storage plugin'
    # What is neither meant for people nor the system's runs into bytes that make no sense.
    return text if isinstance(error, (ReaderError, OSError)) else f'it is damaged ({text})'
