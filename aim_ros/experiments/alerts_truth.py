"""Road users as they are: from a file of labelled tracks, or from the rendered street."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import csv
from dataclasses import dataclass
import io
import math
from pathlib import Path

import numpy as np

from aim_ros.experiments.errors import ExperimentError
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import pairwise_shared
from aim_ros.media.street import Street
from aim_ros.plain_data import read_text

FBox = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

MIN_HEIGHT = 40.0
"""Pixels from which on a road user has to be raised."""

_MIN_SHARE = 0.5
"""It has to be raised while this share of it is not hidden, where that is known."""

_KINDS = {'pedestrian': 'pedestrian', 'person_sitting': 'pedestrian', 'cyclist': 'cyclist',
          'person': 'pedestrian', 'bicycle': 'bicycle'}
_SCORED = ('pedestrian', 'cyclist')
_MAX_FRAMES = 1_000_000
"""The numbers of a file that leaves out more are a mistake: that is a day of driving at 10 Hz."""

# What a row raises that has not the columns, or other values in them.
_MALFORMED = KeyError, ValueError, TypeError, AttributeError


@dataclass(frozen=True)
class RoadUser:
    """
    A road user in one frame.

    :param track_id: its own in all frames.
    :param kind: pedestrian, cyclist or bicycle.
    :param box: what is visible of it, in pixels.
    :param required: whether it has to be raised: tall enough, whole, not hidden, and of a kind
        that is scored. Alerts of others are neither right nor false.
    :param distance_m: forward, metres; NaN where it is unknown.
    :param exact: whether box and distance are exact.
    """

    track_id: int
    kind: str
    box: FBox
    required: bool
    distance_m: float = math.nan
    exact: bool = False


@dataclass(frozen=True)
class Truth:
    """
    The road users of a source.

    :param users: by frame.
    :param scored: the frames that are labelled; None for all.
    :param ignored: boxes, by frame, in which alerts are neither right nor false.
    :param unlabelled: kinds that the labels do not know: alerts of these are not false.
    """

    users: Mapping[int, Sequence[RoadUser]]
    scored: frozenset[int] | None
    ignored: Mapping[int, Sequence[FBox]]
    unlabelled: frozenset[str] = frozenset()

    def is_ignored(self, index: int, box: FBox) -> bool:
        """Whether most of a box lies in a region where labels are missing."""
        ignored = self.ignored.get(index, ())
        if not ignored:
            return False
        shared = pairwise_shared(as_array([box]), as_array(ignored))
        return bool(shared.max() >= 0.5 * box[2] * box[3])


def read_tracks(path: Path) -> Truth:
    """
    Read a file of labelled tracks, with the columns of KITTI's tracking labels.

    ``labelled_frames.txt`` and ``ignore.csv`` beside it, if they are there, say which frames are
    labelled, and where labels are missing.

    :raises ExperimentError: the file is missing or malformed.
    """
    users: dict[int, list[RoadUser]] = {}
    ignored: dict[int, list[FBox]] = {}
    for row in _rows(path):
        try:
            frame, box = int(row['frame']), _box(row)
            kind = _KINDS.get(row['type'].lower())
            if row['type'] == 'DontCare':
                ignored.setdefault(frame, []).append(box)
            if kind is None:
                continue
            whole = row['truncated'] not in ('1', '2')
            users.setdefault(frame, []).append(RoadUser(
                int(row['track_id']), kind, box,
                whole and kind in _SCORED and box[3] >= MIN_HEIGHT,
                float(row['distance_m'] or 'nan')))
        except _MALFORMED as error:
            raise ExperimentError(
                f'{path}: expected the columns frame, track_id, type, x1, y1, x2, y2, truncated '
                f'and distance_m, got {row} ({error})') from error
    labelled, missing = path.parent / 'labelled_frames.txt', path.parent / 'ignore.csv'
    scored = _read_frames(labelled) if labelled.is_file() else None
    for frame, box in _read_ignored(missing) if missing.is_file() else ():
        ignored.setdefault(frame, []).append(box)
    # KITTI labels bicycles and motorcycles only while somebody rides them.
    return Truth(users, scored, ignored, frozenset({'bicycle', 'motorcycle'}))


def _read_frames(path: Path) -> frozenset[int]:
    try:
        return frozenset(map(int, read_text(path).split()))
    except ValueError as error:
        raise ExperimentError(f'{path}: expected numbers of frames ({error})') from error


def _read_ignored(path: Path) -> Iterator[tuple[int, FBox]]:
    """Yield frames, and in each a box where labels are missing."""
    count = 0
    for row in _rows(path):
        try:
            first, last, box = int(row['frame_first']), int(row['frame_last']), _box(row)
        except _MALFORMED as error:
            raise ExperimentError(
                f'{path}: expected the columns frame_first, frame_last, x1, y1, x2 and y2, '
                f'got {row} ({error})') from error
        count += max(last - first + 1, 0)
        if count > _MAX_FRAMES:
            raise ExperimentError(f'{path}: expected {_MAX_FRAMES} frames at most, got {count} '
                                  f'up to {row}')
        for frame in range(first, last + 1):
            yield frame, box


def street_truth(street: Street) -> Truth:
    """Return the exact road users of a rendered street."""
    users = {}
    for index in range(len(street)):
        users[index] = tuple(
            RoadUser(thing.track_id, _KINDS[thing.kind], thing.visible,
                     thing.kind != 'bicycle' and not thing.truncated
                     and thing.share >= _MIN_SHARE and thing.visible[3] >= MIN_HEIGHT,
                     thing.distance, exact=True)
            for thing in street.truth(index, ('person', 'cyclist', 'bicycle')))
    return Truth(users, None, {})


def contact_times(truth: Truth, seconds: np.ndarray) -> dict[tuple[int, int], float]:
    """
    Return the exact time to contact by (frame, road user), where distances are exact.

    :param seconds: the time of each frame.
    """
    places: dict[int, dict[int, float]] = {}
    for frame, users in truth.users.items():
        for user in users:
            if user.exact:
                places.setdefault(user.track_id, {})[frame] = user.distance_m
    times = {}
    for track_id, by_frame in places.items():
        for frame, distance in by_frame.items():
            before, after = by_frame.get(frame - 1), by_frame.get(frame + 1)
            if before is None or after is None:
                continue
            closing = (before - after) / (seconds[frame + 1] - seconds[frame - 1])
            times[frame, track_id] = distance / closing if closing > 0 else math.inf
    return times


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(read_text(path))))
    except OSError as error:
        raise ExperimentError(f'{path} cannot be read: {error.strerror}') from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ExperimentError(f'{path} is no table: {error}') from error


def _box(row: Mapping[str, str]) -> FBox:
    x1, y1, x2, y2 = (float(row[key]) for key in ('x1', 'y1', 'x2', 'y2'))
    return x1, y1, x2 - x1, y2 - y1
