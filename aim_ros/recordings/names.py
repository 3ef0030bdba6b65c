"""What recordings are called: the names of their results."""

from collections.abc import Sequence
import os
from pathlib import Path

from aim_ros.media.bag_files import BAG_FILES
from aim_ros.media.bag_files import is_bag_file
from aim_ros.media.bag_files import PACKED
from aim_ros.media.bag_files import unpacked_name
from aim_ros.media.bag_writer import PARTIAL
from aim_ros.media.sources import ROS_1_ADVICE
from aim_ros.recordings.errors import RecordingError

_TAKEN = (['alerts'], [PARTIAL])
"""Names that the folder of the results has for something else."""


def drives(places: Sequence[Path]) -> dict[str, Path]:
    """
    Return recordings by their names, which differ: with the folders above where they do not.

    :param places: rosbag2 folders, their files, or folders of such.
    :raises RecordingError: a place is none of these, or is given twice.
    """
    bags = [bag for place in places for bag in _bags_in(place)]
    for bag in bags:
        if sum(bag.samefile(other) for other in bags) > 1:
            raise RecordingError(f'{bag} is given twice')
    names: dict[str, Path] = {}
    for bag in bags:
        parts = _parts(bag)
        others = [_parts(other) for other in bags if other is not bag]
        depth = 1
        while depth < len(parts) and (
                parts[-depth:] in _TAKEN or
                any(other[-depth:] == parts[-depth:] for other in others)):
            depth += 1
        names['_'.join(parts[-depth:])] = bag
    if len(names) < len(bags):
        raise RecordingError('two recordings would have results of the same name; process them '
                             'into different --out folders')
    return names


def _parts(bag: Path) -> list[str]:
    # Of a name that is not UTF-8, as on old disks, neither tables nor metadata.yaml take the rest.
    whole = Path(os.fsencode(bag.absolute()).decode(errors='replace'))
    if bag.is_file():
        whole = whole.with_name(unpacked_name(whole)).with_suffix('')
    return [part for part in whole.parts if part.strip('/')]


def _bags_in(place: Path) -> list[Path]:
    if place.suffix == '.bag' and place.is_file():
        raise RecordingError(f'{place} is a ROS 1 bag: {ROS_1_ADVICE}')
    if place.is_file():
        if not is_bag_file(place):
            raise RecordingError(f'{place} is no recording: files end in {" or ".join(BAG_FILES)},'
                                 f' or either with {PACKED[0]} behind it')
        return [place]
    if not place.is_dir():
        raise RecordingError(f'{place} does not exist; give rosbag2 folders, or .mcap or .db3 '
                             'files')
    if (place / 'metadata.yaml').is_file() or _has_messages(place):
        return [place]
    inside = sorted(folder for folder in place.iterdir() if folder.is_dir() and (
        (folder / 'metadata.yaml').is_file() or _has_messages(folder)))
    if not inside:
        raise RecordingError(f'{place} is no recording, and holds none: there is neither a '
                             'metadata.yaml nor a .mcap or .db3 file')
    return inside


def _has_messages(folder: Path) -> bool:
    return any(is_bag_file(file) for file in folder.iterdir())
