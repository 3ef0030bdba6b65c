"""Where drivable ground ends in each column of an image, on flat ground."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.segmentation.labels import LabelSet

_CLEARANCE = 0.35
"""Metres that a vehicle's body is above the ground at most, between its wheels."""

_IDS = 2**16


@dataclass(frozen=True)
class Surfaces:
    """
    Which classes of a model are ground to drive on, and how others stand on it.

    :param drivable: ids of the classes that one can drive on.
    :param upright: ids of those whose parts hang over the ground: people and two-wheelers.
    :param wheeled: ids of those with wheels at their corners and a body above the ground.
    """

    drivable: tuple[int, ...]
    upright: tuple[int, ...] = ()
    wheeled: tuple[int, ...] = ()

    @classmethod
    def of(cls, labels: LabelSet, drivable: tuple[int, ...]) -> 'Surfaces':
        """Sort the classes of a label set, where the drivable ones are known."""
        upright = {*labels.role('people'), *labels.role('two_wheelers')}
        return cls(drivable, tuple(sorted(upright)), labels.role('vehicles'))


@dataclass(frozen=True)
class FreeSpace:
    """
    Free ground in front of one camera, in its ground frame: x forward, y to the left.

    :param columns: of the image in which free ground is seen to end, (N,), ascending.
    :param x: how far ahead it ends there, metres, float64 (N,).
    :param y: likewise to the left.
    :param class_ids: of what ends it, (N,), of the mask's type.
    :param nearest: how far ahead the ground comes into the picture, metres; what is nearer is not
        seen, and what ends free ground there may be nearer.
    :param limits: for each column of the image how far ahead the ground is seen to be free,
        metres, (width,); `max_range` where it does not end before.
    :param max_range: metres ahead beyond which nothing is looked for.
    """

    columns: np.ndarray
    x: np.ndarray
    y: np.ndarray
    class_ids: np.ndarray
    nearest: float
    limits: np.ndarray
    max_range: float


def find_free_space(mask: np.ndarray, ground: GroundCamera, surfaces: Surfaces,
                    max_range: float) -> FreeSpace:
    """
    Find the nearest point of each column at which drivable ground ends.

    The ground is followed from the image's lower edge up to the first pixel of another class.
    That pixel stands on the ground where it is one of a kerb or a wall. A person stands at the
    foot, whatever hangs over the ground beside it: a region of people and two-wheelers is as far
    away as its lowest pixel. A vehicle stands on its wheels, between which the ground is seen
    farther than its body is: the ends of its columns are brought to their concave hull in the
    image, which for a convex footprint is its near outline.

    :param mask: class ids, (height, width), uint8 or uint16.
    :param max_range: metres ahead, > 0.
    """
    height, width = mask.shape
    edges = np.arange(height + 1, dtype=np.float64)
    distances, _ = ground.on_ground(np.float64(ground.cx), edges)
    # Rows of which the lower edge is farther away are of no use.
    first = int(np.searchsorted(-distances[1:], -max_range))
    nearest = float(distances[-1])
    if first >= height:
        return _nothing(mask, nearest, max_range)
    seen = mask[first:]
    blocked = ~_table(surfaces.drivable)[seen]
    ends = blocked.any(axis=0)
    rows = len(seen) - 1 - blocked[::-1].argmax(axis=0)
    class_ids = seen[rows, np.arange(width)]
    lower = rows + 1.0
    _bring_to_foot(lower, class_ids, ends, seen, surfaces.upright)
    _bring_to_hull(lower, class_ids, ends, distances[first:], surfaces.wheeled, ground.height)

    columns = np.flatnonzero(ends)
    x, y = ground.on_ground(columns, lower[columns] + first)
    limits = np.full(width, max_range)
    limits[columns] = x
    return FreeSpace(columns, x, y, class_ids[columns], nearest, limits, max_range)


def _nothing(mask: np.ndarray, nearest: float, max_range: float) -> FreeSpace:
    none = np.empty(0)
    # No ground is seen in range, so none is free.
    return FreeSpace(none.astype(int), none, none, none.astype(mask.dtype), nearest,
                     np.zeros(mask.shape[1]), max_range)


def _table(class_ids: tuple[int, ...]) -> np.ndarray:
    """Return which ids are among `class_ids`, for all that a mask may hold."""
    table = np.zeros(_IDS, bool)
    table[list(class_ids)] = True
    return table


def _bring_to_foot(lower: np.ndarray, class_ids: np.ndarray, ends: np.ndarray, seen: np.ndarray,
                   upright: tuple[int, ...]) -> None:
    """Bring the ends at people and two-wheelers to the lower edge of their region, in place."""
    table = _table(upright)
    columns = np.flatnonzero(ends & table[class_ids])
    if not columns.size:
        return
    _, regions, statistics, _ = cv2.connectedComponentsWithStats(
        table[seen].view(np.uint8), connectivity=8)
    region = regions[lower[columns].astype(int) - 1, columns]
    lower[columns] = statistics[region, cv2.CC_STAT_TOP] + statistics[region, cv2.CC_STAT_HEIGHT]


def _bring_to_hull(lower: np.ndarray, class_ids: np.ndarray, ends: np.ndarray,
                   distances: np.ndarray, wheeled: tuple[int, ...], height: float) -> None:
    """Bring the ends at each vehicle to their hull, in place."""
    # From a wheel to the body beside it the ground is seen this much farther at most.
    step = height / max(height - _CLEARANCE, height / 2)
    away = distances[lower.astype(int)]
    for start, stop in _runs(ends & _table(wheeled)[class_ids], away, step):
        lower[start:stop] = _concave_hull(lower[start:stop])


def _runs(inside: np.ndarray, away: np.ndarray, step: float) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of neighbours that are inside and of which none is `step` times away."""
    columns = np.flatnonzero(inside)
    if not columns.size:
        return
    before, after = away[columns[:-1]], away[columns[1:]]
    apart = (np.diff(columns) > 1) | (np.maximum(before, after) > step * np.minimum(before, after))
    cuts = np.flatnonzero(apart) + 1
    for part in np.split(columns, cuts):
        yield int(part[0]), int(part[-1]) + 1


def _concave_hull(values: np.ndarray) -> np.ndarray:
    """Return the least concave function that is nowhere below evenly spaced values, (n,)."""
    hull: list[int] = []
    for index in range(len(values)):
        while len(hull) > 1 and _is_below(values, hull[-2], hull[-1], index):
            hull.pop()
        hull.append(index)
    return np.interp(np.arange(len(values)), hull, values[hull])


def _is_below(values: np.ndarray, left: int, middle: int, right: int) -> bool:
    """Whether the middle of three values does not rise above the line between the others."""
    return ((values[middle] - values[left]) * (right - left)
            <= (values[right] - values[left]) * (middle - left))
