"""How much evidence a region is of a road user."""

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


def is_strong(region: Region, min_area: int) -> bool:
    """Whether a single sight of a region is enough to raise what is near and in the corridor."""
    return region.confidence >= _URGENT and region.area >= _URGENT_AREAS * min_area
