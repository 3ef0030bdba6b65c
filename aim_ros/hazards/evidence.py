"""How much evidence a region is of a road user."""

from collections.abc import Sequence
import itertools

import numpy as np

from aim_ros.hazards.boxes import edges
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import are_mostly_people
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import marked
from aim_ros.hazards.regions import parts_of
from aim_ros.hazards.regions import Region

_DOUBTFUL, _SURE = 0.45, 0.65
"""Mean probability of the group at which a region counts for nothing, and for all its time. Of the
regions upon the ground that show people 95 in 100 have 0.62 or more, most others less."""

_DOUBTFUL_AFLOAT, _SURE_AFLOAT = 0.65, 0.85
"""The same for a rider without anything to ride, upon a vehicle: most of these are reflections in
its panes, and parts of vehicles behind it."""

_TILT = 0.03
"""By how much slope and pitch together may differ from flat ground and the mount, radians: a car
pitches by about a degree when it brakes, and roads bend by as much within tens of metres."""

_LOWEST, _TALLEST = 0.7, 2.5
"""Metres: nobody who stands or rides is lower or taller, nor does a child of 1.0 m look lower of
whom the upper half is seen, by a camera 1.65 m above the road."""

_UNLIKELY = 1 / 3
"""For this share of its time counts what is unlikely: it has to be seen for thrice as long."""

_URGENT = 0.75
"""Mean probability of strong evidence, on which something near is raised at once."""

_URGENT_AREAS = 3.0
"""Strong evidence has this many times the smallest area."""


def sureness(regions: Sequence[Region]) -> np.ndarray:
    """Return the share of its time for which the sight of each region counts, 0..1, (n,)."""
    floats = np.array([region.floats for region in regions], bool)
    return shares_counted(regions, np.where(floats, _DOUBTFUL_AFLOAT, _DOUBTFUL),
                          np.where(floats, _SURE_AFLOAT, _SURE))


def shares_counted(regions: Sequence[Region], doubtful: np.ndarray | float,
                   sure: np.ndarray | float) -> np.ndarray:
    """
    Return the share of its time for which each region counts, 0..1, (n,).

    :param doubtful: the mean probability of its group at which it counts for nothing; one for all,
        or one for each, (n,).
    :param sure: that at which it counts for all its time, unless it is `unlikely`.
    """
    confidence = np.array([region.confidence for region in regions], float)
    share = np.minimum(np.maximum((confidence - doubtful) / (sure - doubtful), 0.0), 1.0)
    return np.where([region.unlikely for region in regions], _UNLIKELY * share, share)


def doubt(regions: Sequence[Region], camera: GroundCamera | None, size: tuple[int, int]
          ) -> Sequence[Region]:
    """
    Return regions, those marked that are too low or too tall for people where they stand.

    Edges of shadows on the road ahead are low, statues and posts above the horizon tall. That
    takes no more than a camera's calibration, and holds for every network and road; what only
    slows down an alert leaves room for somebody who fell.

    :param camera: None marks nothing.
    :param size: (height, width) of the image; of what its upper or lower edge cuts nothing is
        known.
    """
    if camera is None or not regions:
        return regions
    boxes = boxes_of(regions)
    least, most = camera.heights(boxes, _TILT)
    _, top, _, bottom = edges(boxes)
    unlikely = ((most < _LOWEST) | (least > _TALLEST)) & (top > 0) & (bottom < size[0])
    if not unlikely.any():
        return regions
    rows = [row for row in unlikely.nonzero()[0].tolist() if regions[row].group == VULNERABLE]
    people = are_mostly_people(parts_of([regions[row] for row in rows]))
    return marked(regions, itertools.compress(rows, people.tolist()), unlikely=True)


def are_strong(regions: Sequence[Region], which: np.ndarray, min_area: int) -> np.ndarray:
    """
    Return of which a single sight is enough to raise what is near and in the corridor, bool (n,).

    :param which: those that are near and in the corridor, bool (n,).
    """
    strong = np.zeros(len(regions), bool)
    for i in np.flatnonzero(which):
        strong[i] = (regions[i].confidence >= _URGENT
                     and regions[i].area >= _URGENT_AREAS * min_area)
    return strong


def is_enough(seconds: np.ndarray, needed: np.ndarray | float) -> np.ndarray:
    """Return whether seconds of evidence are as many as needed, in whole nanoseconds, (n,)."""
    # Sums of seconds are not exact.
    return np.rint(seconds * 1e9) >= np.rint(needed * 1e9)
