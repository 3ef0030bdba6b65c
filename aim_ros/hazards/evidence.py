"""How much evidence a region is of a road user."""

from aim_ros.hazards.regions import Region

_DOUBTFUL, _SURE = 0.4, 0.6
"""Mean probability of the group at which a region counts for nothing, and for all its time."""

_URGENT = 0.75
"""Mean probability of strong evidence, on which something near is raised at once."""

_URGENT_AREAS = 3.0
"""Strong evidence has this many times the smallest area."""


def sureness(region: Region) -> float:
    """Return the share of its time for which the sight of a region counts, 0..1."""
    return min(max((region.confidence - _DOUBTFUL) / (_SURE - _DOUBTFUL), 0.0), 1.0)


def is_strong(region: Region, min_area: int) -> bool:
    """Whether a single sight of a region is enough to raise what is near and in the corridor."""
    return region.confidence >= _URGENT and region.area >= _URGENT_AREAS * min_area
