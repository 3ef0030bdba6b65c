"""Opens whatever a path names as a source of frames."""

from collections.abc import Mapping
import os
from pathlib import Path
from typing import Any

from aim_ros.media.bag_files import is_bag_file
from aim_ros.media.folder import image_files
from aim_ros.media.folder import open_folder
from aim_ros.media.frames import FrameSource
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import parse_options
from aim_ros.media.kitti import is_drive
from aim_ros.media.kitti import open_drive

_STREET = 'street'
_VIDEOS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mts', '.ts', '.webm')
ROS_1_ADVICE = 'make a rosbag2 folder of it by "rosbags-convert"'
_LOOKED_FOR = (
    "a source is 'street', a KITTI raw drive (a folder with image_02/data), a rosbag2 folder "
    '(with metadata.yaml), a .mcap or .db3 file, or a folder of images'
)


def open_source(path: str, **options: Any) -> FrameSource:
    """
    Open what `path` names.

    - ``street``, or with options ``street:seed=7,frames=120``: the rendered street
      (seed, frames, size as ``375x1242``, rate);
    - a rosbag2 folder, or one of its files (topic);
    - a KITTI raw drive, with ``image_02/data`` in it, or a date folder with one drive (camera);
    - a folder of images (rate).

    :param options: those in brackets above; values may be strings.
    :raises MediaError: there is nothing to play; the text says what was looked for.
    """
    if path == _STREET or path.startswith(f'{_STREET}:'):
        # Imported when it is asked for, as it takes a while.
        from aim_ros.media.street import open_street

        return open_street({**parse_options(path.partition(':')[2]), **options})

    try:
        return _open(path, options)
    except OSError as error:
        raise MediaError(f'cannot read source {path!r}: {error.strerror}') from None


def _open(path: str, options: Mapping[str, Any]) -> FrameSource:
    place = Path(os.path.expanduser(path))
    if _is_bag(place):
        # Needs a library that the others do not.
        from aim_ros.media.rosbag import open_bag

        return open_bag(place, options)
    if not place.is_dir():
        raise MediaError(f'source {path!r} {_why_not(place)}; {_LOOKED_FOR}')
    if is_drive(place):
        return open_drive(place, options)
    if image_files(place):
        return open_folder(place, options)
    if any(file.suffix == '.bag' for file in place.iterdir()):
        raise MediaError(f'source {path!r} holds a ROS 1 bag: {ROS_1_ADVICE}')
    raise MediaError(f'source {path!r} holds nothing to play; {_LOOKED_FOR}')


def _is_bag(place: Path) -> bool:
    if not place.is_dir():
        return is_bag_file(place)
    if any(is_bag_file(file) for file in place.iterdir()):
        return True
    # Beside images, it may be about anything.
    return (place / 'metadata.yaml').is_file() and not image_files(place) and not is_drive(place)


def _why_not(place: Path) -> str:
    if not place.exists():
        return 'does not exist'
    if place.suffix == '.bag':
        return f'is a ROS 1 bag: {ROS_1_ADVICE}'
    if place.suffix.lower() in _VIDEOS:
        return ('is a video: make a folder of its images, for instance by "ffmpeg -i VIDEO '
                'FOLDER/%06d.jpg", which turns those of a phone upright')
    return 'is a file, not a folder'
