"""``metadata.yaml`` of recordings: which files it names, and which of these are compressed."""

from collections.abc import Iterable
from pathlib import Path
from pathlib import PurePath
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.rosbag2 import ReaderError
import yaml

from aim_ros.media.bag_files import PACKED
from aim_ros.media.bag_files import unpacked_name
from aim_ros.media.unpacking import UnpackedFiles
from aim_ros.plain_data import load_yaml

METADATA = 'metadata.yaml'
_INFORMATION = 'rosbag2_bagfile_information'


def unpack_folder(folder: Path, unpacked: UnpackedFiles) -> Path:
    """
    Unpack what a recording's ``metadata.yaml`` names where that is compressed as a whole.

    rosbags would unpack it, too, but anew each time that it is opened.

    :return: where the files are then, with a ``metadata.yaml`` of plain ones; `folder` itself
        where nothing is compressed, or rosbags will say what is wrong.
    :raises ReaderError: it is no YAML, or rosbags would go astray with what it says.
    :raises MediaError: there is no room.
    """
    content, files = _packed(folder)
    if not files:
        return folder
    information = content[_INFORMATION]
    information['relative_file_paths'] = [unpacked.get(file).name for file in files]
    information['compression_mode'] = information['compression_format'] = ''
    (unpacked.folder / METADATA).write_text(
        yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding='utf-8')
    unpacked.note(unpacked.folder, folder)
    return unpacked.folder


def _packed(folder: Path) -> tuple[Any, list[Path]]:
    """Return what ``metadata.yaml`` says, and the files that it names if all are compressed."""
    try:
        content = load_yaml(folder / METADATA)
    except ValueError as error:
        raise ReaderError(f'{METADATA} {error}') from None
    try:
        information = content[_INFORMATION]
        # As rosbags reads it; "FILE" in older versions.
        if information['compression_mode'].lower() != 'file':
            return content, []
        files = [folder / PurePath(name).name for name in information['relative_file_paths']]
    # rosbags reads it again, and says what is wrong with it.
    except (AttributeError, LookupError, TypeError, ValueError):
        return None, []
    return content, files if all(
        file.suffix in PACKED and file.is_file() for file in files) else []


def unnamed_files(files: Iterable[Path], reader: Reader) -> str:
    """
    Return which files of a folder are left out as its metadata does not name them.

    :param files: all of the folder.
    :param reader: of the folder.
    :return: for people; empty where there are none.
    """
    named = {file.path.name for file in reader.storage.storages}
    names = ', '.join(file.name for file in files if unpacked_name(file) not in named)
    return names and (f'left out, as {METADATA} does not name them: {names}; "ros2 bag reindex" '
                      'makes it anew, of all files')
