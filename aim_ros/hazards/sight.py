"""What a frame shows, as one decision has it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aim_ros.hazards.colours import Picture
from aim_ros.hazards.components import Scores
from aim_ros.hazards.groups import rides_nothing
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import find_regions
from aim_ros.hazards.regions import MAX_GAP
from aim_ros.hazards.regions import Region
from aim_ros.hazards.splitting import split_people


@dataclass(frozen=True)
class Sight:
    """
    What a frame shows.

    :param regions: the regions of the alert classes.
    :param pixels: for the exact boxes of regions that several tracks share; None does without.
    """

    regions: Sequence[Region]
    pixels: Pixels | None = None


def perceive(
    base: np.ndarray,
    other: np.ndarray,
    scores: Scores,
    classes: RoadUserClasses,
    class_ids: tuple[int, ...],
    min_area: int,
    max_gap: float = MAX_GAP,
    picture: Picture | None = None,
) -> Sight:
    """
    Return what two decisions show; the other parameters are those of `find_regions`.

    :param picture: the image that was decided about, by which people are told apart; None does
        without.
    """
    pixels = Pixels(base, other, classes, class_ids, picture)
    regions = find_regions(base, other, scores, classes, class_ids, min_area, max_gap)
    return Sight([
        region._replace(floats=True) if _floats(region, pixels) else region
        for region in split_people(regions, pixels)], pixels)


def _floats(region: Region, pixels: Pixels) -> bool:
    """Whether a region is a rider without anything to ride, upon a vehicle."""
    return (region.group == VULNERABLE and rides_nothing(region.parts)
            and pixels.stands_on_vehicle(region.box))
