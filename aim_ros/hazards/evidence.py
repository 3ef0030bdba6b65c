"""How much evidence a region is of a road user."""

from collections.abc import Sequence

import numpy as np

from aim_ros.hazards.regions import Region

_DOUBTFUL, _SURE = 0.4, 0.6
"""Mean probability of the group at which a region counts for nothing, and for all its time."""

_DOUBTFUL_AFLOAT, _SURE_AFLOAT = 0.65, 0.85
"""The same for a rider without anything to ride, upon a vehicle: most of these are reflections in
its panes, and parts of vehicles behind it."""

_URGENT = 0.75
"""Mean probability of strong evidence, on which something near is raised at once."""

_URGENT_AREAS = 3.0
"""Strong evidence has this many times the smallest area."""


def sureness(region: Region) -> float:
    """Return the share of its time for which the sight of a region counts, 0..1."""
    doubtful, sure = (_DOUBTFUL_AFLOAT, _SURE_AFLOAT) if region.floats else (_DOUBTFUL, _SURE)
    return min(max((region.confidence - doubtful) / (sure - doubtful), 0.0), 1.0)


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
