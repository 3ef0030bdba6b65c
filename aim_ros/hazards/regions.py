"""Decisions -> regions: the pixels of one road user in one frame, as far as one frame can tell."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import edges
from aim_ros.hazards.boxes import resized
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.component_search import find_components
from aim_ros.hazards.components import Components
from aim_ros.hazards.components import MAX_PARTS
from aim_ros.hazards.components import Scores
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.kernels import compiled_at_first_call
from aim_ros.hazards.pairs import connected
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.posts import find_halves

MAX_GAP = 0.3
"""Fragments one above the other are one region if the gap is at most this share of the taller."""

_MIN_OVERLAP = 0.5
"""They lie one above the other if this share of the narrower one's width does."""

_ROUNDS = 3
"""Fragments that came together may be near to others, and these to others again."""

WEAK_SHARE = 0.4
"""Regions of at least this share of `min_area` keep a track alive, though they start none."""

_FRAGMENT_SHARE = 0.1
"""Components of at least this share of `min_area` are fragments of a region."""


class Region(NamedTuple):
    """
    What one frame shows of a road user.

    :param group: the name of its group of classes, see `RoadUserClasses`.
    :param box: its bounding box.
    :param area: its pixels.
    :param parts: its pixels by part of the group.
    :param confidence: mean probability of the group over it, unmodulated, 0..1.
    :param margin: mean margin of the group over all other classes, unmodulated, in logits.
    :param perimeter: edges of its pixels that border on other pixels.
    :param modulated_share: share of its pixels that only the modulation turned, 0..1.
    :param floats: whether it is a rider without anything to ride, upon a vehicle.
    :param unlikely: whether nobody is as low or as tall as it would be where it stands.
    """

    group: str
    box: Box
    area: int
    parts: tuple[int, ...]
    confidence: float = 1.0
    margin: float = 0.0
    perimeter: int = 0
    modulated_share: float = 0.0
    floats: bool = False
    unlikely: bool = False

    def resized(self, scale: Scale) -> 'Region':
        """Return how the region looks after its image was resized."""
        return self._replace(
            box=resized(self.box, scale),
            area=max(round(self.area * scale[0] * scale[1]), 1),
            perimeter=round(self.perimeter * sum(scale) / 2))


def boxes_of(regions: Sequence[Region]) -> np.ndarray:
    """Return the boxes of regions, float64 (n, 4)."""
    return as_array([region.box for region in regions])


def parts_of(regions: Sequence[Region]) -> np.ndarray:
    """Return the pixels of regions by part, float64 (n, `MAX_PARTS`)."""
    return as_array([region.parts for region in regions], MAX_PARTS)


def marked(regions: Sequence[Region], rows: Iterable[int], **values: bool) -> list[Region]:
    """Return regions, those of some rows with other values of some fields."""
    result = list(regions)
    for row in rows:
        result[row] = result[row]._replace(**values)
    return result


def find_regions(
    base: np.ndarray,
    other: np.ndarray,
    scores: Scores,
    classes: RoadUserClasses,
    class_ids: tuple[int, ...],
    min_area: int,
    max_gap: float = MAX_GAP,
) -> list[Region]:
    """
    Find the regions of the groups that some classes belong to.

    Pixels of a group that touch, fragments one above the other with a small gap, and what is seen
    of a person on either side of a post are one region.

    :param base: (H, W) class ids of the unmodulated decision.
    :param other: (H, W) class ids of the modulated decision; `base` itself if there is none.
    :param scores: of the groups in the order of ``classes.groups_of(class_ids)``.
    :param class_ids: the classes that count.
    :param min_area: smallest region, in pixels, that starts a track; down to `WEAK_SHARE` of it
        regions are returned.
    :param max_gap: largest gap between fragments one above the other, as a share of the taller.
    :return: by group and then as they lie in the image.
    """
    if not class_ids:
        return []
    found = find_components(
        base, other, classes.search(class_ids), scores, max(1, int(_FRAGMENT_SHARE * min_area)))
    found = merge_fragments(found, max_gap)
    names = classes.groups_of(class_ids)
    if VULNERABLE in names:
        one, other = find_halves(found, names.index(VULNERABLE), base, classes.is_post)
        if len(one):
            found = _sum_up(found, one, other)
    found = found.of(found.area >= WEAK_SHARE * min_area)
    return [
        Region(names[group], tuple(box), area, tuple(parts), probability, margin, perimeter,
               turned / area)
        for group, box, area, parts, perimeter, turned, probability, margin in zip(
            *(values.tolist() for values in found), strict=True)]


def merge_fragments(found: Components, max_gap: float) -> Components:
    """Make one component of those of a group that lie one above the other with a small gap."""
    for _ in range(_ROUNDS):
        one, other = _above_each_other(found, max_gap)
        if not len(one):
            break
        found = _sum_up(found, one, other)
    return found


def _above_each_other(found: Components, max_gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of fragments that belong together, by their indices."""
    # Each with the largest gap that it allows above and below it: what is near enough meets.
    reach = np.ceil(max_gap * found.box[:, 3]).astype(found.box.dtype)
    tall = found.box + np.stack((0 * reach, -reach, 0 * reach, 2 * reach), 1)
    one, other = neighbours(tall, tall)
    one, other = one[one < other], other[one < other]
    left, top, right, bottom = edges(found.box)
    width, height = found.box[:, 2], found.box[:, 3]
    across = np.minimum(right[one], right[other]) - np.maximum(left[one], left[other])
    gap = np.maximum(top[one], top[other]) - np.minimum(bottom[one], bottom[other])
    near = ((found.group[one] == found.group[other])
            & (across >= _MIN_OVERLAP * np.minimum(width[one], width[other]))
            & (gap <= max_gap * np.maximum(height[one], height[other])))
    return one[near], other[near]


def _sum_up(found: Components, one: np.ndarray, other: np.ndarray) -> Components:
    """
    Return one component for all that pairs connect, in the order of their first fragments.

    :param one: the indices of one fragment of each pair, and `other` those of the other.
    """
    # Of one type, so that only one kernel is compiled.
    one, other = (np.ascontiguousarray(indices, np.intp) for indices in (one, other))
    label = connected(len(found.area), one, other)
    whole = (np.ascontiguousarray(values, np.int64) for values in (
        found.group, found.box, found.area, found.parts, found.perimeter, found.turned))
    means = (np.ascontiguousarray(values, np.float64) for values in (
        found.probability, found.margin))
    return Components(*_totals(label, int(label.max()) + 1, *whole, *means))


@compiled_at_first_call
def _totals(label: np.ndarray, count: int, group: np.ndarray, box: np.ndarray, area: np.ndarray,
            parts: np.ndarray, perimeter: np.ndarray, turned: np.ndarray, probability: np.ndarray,
            margin: np.ndarray) -> tuple[np.ndarray, ...]:
    """
    Return what `_sum_up` does, as the values of `Components`.

    :param label: to which of the result each component belongs, int (n,).
    :param count: how many these are; for the other parameters see `Components`.
    """
    groups, areas = np.zeros(count, np.int64), np.zeros(count, np.int64)
    perimeters, turns = np.zeros(count, np.int64), np.zeros(count, np.int64)
    boxes, by_part = np.zeros((count, 4), np.int64), np.zeros((count, MAX_PARTS), np.int64)
    probabilities, margins = np.zeros(count), np.zeros(count)
    for k in range(len(label)):
        i = label[k]
        left, top = box[k, 0], box[k, 1]
        right, bottom = left + box[k, 2], top + box[k, 3]
        if areas[i]:
            left, top = min(left, boxes[i, 0]), min(top, boxes[i, 1])
            right = max(right, boxes[i, 0] + boxes[i, 2])
            bottom = max(bottom, boxes[i, 1] + boxes[i, 3])
        boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = left, top, right - left, bottom - top
        groups[i] = group[k]
        areas[i] += area[k]
        perimeters[i] += perimeter[k]
        turns[i] += turned[k]
        for part in range(MAX_PARTS):
            by_part[i, part] += parts[k, part]
        probabilities[i] += area[k] * probability[k]
        margins[i] += area[k] * margin[k]
    return (groups, boxes, areas, by_part, perimeters, turns, probabilities / areas,
            margins / areas)


def prepare() -> None:
    """Compile what is compiled, so that the first road user finds it in place."""
    one = np.ones(1, np.intp)
    pixel = Components(one, np.ones((1, 4)), one, np.ones((1, MAX_PARTS)), one, one, one, one)
    _sum_up(pixel, 0 * one, 0 * one)
