"""What a frame shows, as one decision has it."""

from collections.abc import Sequence
from dataclasses import dataclass
import itertools

import numpy as np

from aim_ros.hazards.colours import Picture
from aim_ros.hazards.components import Scores
from aim_ros.hazards.groups import ride_nothing
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import find_regions
from aim_ros.hazards.regions import marked
from aim_ros.hazards.regions import MAX_GAP
from aim_ros.hazards.regions import parts_of
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
    regions = split_people(
        find_regions(base, other, scores, classes, class_ids, min_area, max_gap), pixels)
    return Sight(_afloat(regions, pixels), pixels)


def _afloat(regions: Sequence[Region], pixels: Pixels) -> Sequence[Region]:
    """Return regions, those marked that are riders without anything to ride, upon a vehicle."""
    alone = [row for row in ride_nothing(parts_of(regions)).nonzero()[0].tolist()
             if regions[row].group == VULNERABLE]
    if not alone:
        return regions
    on_vehicles = pixels.stand_on_vehicles(boxes_of([regions[row] for row in alone]))
    return marked(regions, itertools.compress(alone, on_vehicles.tolist()), floats=True)
