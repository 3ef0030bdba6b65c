"""People side by side whose pixels touch: one region for each head."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.kernels import compiled_at_first_call
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import Region

_MIN_WIDTH = 0.6
"""Narrower regions, in shares of their height, are one person."""

MIN_PIXELS = 24
"""Regions that are less high show no heads."""

_MIN_PART = 0.2
"""What is split off has this share of the pixels at least."""


class Detail(NamedTuple):
    """
    How much a head has to stand out to count as one; all in shares of the height.

    :param smoothing: the columns over which the outline is smoothed.
    :param height: at which a head is, of the tallest one, at least.
    :param depth: by which the outline falls between two heads at least.
    :param apart: by which heads are apart at least.
    """

    smoothing: float
    height: float
    depth: float
    apart: float


STRANGERS = Detail(smoothing=0.06, height=0.55, depth=0.15, apart=0.3)
"""For people of whom nothing else is known: arms and bags are no heads."""


def split_people(regions: Sequence[Region], pixels: Pixels) -> list[Region]:
    """Return the regions, those of several people side by side split between their heads."""
    result: list[Region] = []
    for region in regions:
        _, _, width, height = region.box
        wide = height >= MIN_PIXELS and width >= _MIN_WIDTH * height
        result += _split(region, pixels) if wide and region.group == VULNERABLE else [region]
    return result


def _split(region: Region, pixels: Pixels) -> list[Region]:
    x, y, _, height = region.box
    cuts = valleys(pixels.bodies(region.group, region.box))
    if not cuts:
        return [region]
    ends = [x, *(x + cut for cut in cuts), x + region.box[2]]
    parts = []
    for start, end in pairwise(ends):
        seen = pixels.look(region.group, (start, y, end - start, height))
        if seen is None or seen[1] < _MIN_PART * region.area / (len(cuts) + 1):
            return [region]
        box, area, by_part = seen
        share = area / region.area
        parts.append(region._replace(
            box=box, area=area, parts=by_part, perimeter=round(region.perimeter * share)))
    return parts


def valleys(bodies: np.ndarray) -> list[int]:
    """
    Return the columns between the heads of people who stand side by side.

    :param bodies: which pixels are people, bool (h, w).
    """
    heads, outline = find_heads(bodies, STRANGERS)
    cuts = []
    for one, other in pairwise(heads):
        between = outline[one:other]
        cuts.append(one + round(float(np.flatnonzero(between == between.min()).mean())))
    return cuts


def find_heads(bodies: np.ndarray, detail: Detail) -> tuple[list[int], np.ndarray]:
    """
    Return the columns of heads, and how far up people reach in each column.

    :param bodies: which pixels are people, bool (h, w).
    :return: the columns, from left to right, and the smoothed outline, rows from below, (w,).
    """
    height = len(bodies)
    outline = smoothed(np.where(bodies.any(0), height - bodies.argmax(0), 0),
                       max(1, round(detail.smoothing * height)))
    tallest = outline.max(initial=0.0)
    if tallest == 0:
        return [], outline
    framed = np.zeros(len(outline) + 2)
    framed[1:-1] = outline
    heads = peaks(framed, height=detail.height * tallest, prominence=detail.depth * tallest,
                  distance=max(1, round(detail.apart * tallest)))
    return [head - 1 for head in heads], outline


@compiled_at_first_call
def smoothed(values: np.ndarray, size: int) -> np.ndarray:
    """
    Return the means of whole numbers over windows, with 0 beyond the ends.

    As `scipy.ndimage.uniform_filter1d` gives them, whose import takes longer than a frame.

    :param values: int (n,), n >= 1.
    :param size: of the window, >= 1; an even one has one more before the middle than behind it.
    """
    means, total, count = np.empty(len(values)), 0, len(values)
    after = (size - 1) // 2
    for i in range(min(after, count)):
        total += values[i]
    for i in range(count):
        if i + after < count:
            total += values[i + after]
        if i + after >= size:
            total -= values[i + after - size]
        means[i] = total / size
    return means


def peaks(values: np.ndarray, *, height: float, prominence: float, distance: int) -> list[int]:
    """
    Return where a curve has peaks, as `scipy.signal.find_peaks` does.

    Importing that takes a third of a second, as long as the network takes to compile.

    :param values: float64 (n,). Of a flat peak, the middle counts.
    :param height: of a peak at least.
    :param prominence: by how much the curve falls on both sides at least, before it is higher.
    :param distance: between two peaks at least; the higher one stays.
    """
    return _peaks(values, float(height), float(prominence), distance).tolist()


@compiled_at_first_call
def _peaks(values: np.ndarray, height: float, prominence: float, distance: int) -> np.ndarray:
    """Return what `peaks` does, int (peaks,)."""
    found, count, i = np.empty(len(values), np.int64), 0, 1
    while i < len(values) - 1:
        end = i
        while end < len(values) - 1 and values[end + 1] == values[i]:
            end += 1
        if end < len(values) - 1 and values[i] >= height and (
                values[i] > max(values[i - 1], values[end + 1])):
            found[count] = (i + end) // 2
            count += 1
        i = end + 1
    found = found[:count]
    # From the highest on, of those that are as high from the last on.
    waits, stays = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    for _ in range(count):
        top = -1
        for k in range(count):
            if waits[k] and (top < 0 or values[found[k]] >= values[found[top]]):
                top = k
        waits[top] = False
        stays[top] = True
        for k in range(count):
            if k != top and stays[k] and abs(found[k] - found[top]) < distance:
                stays[top] = False
    for k in range(count):
        # By how much the curve falls on both sides before it is higher, or ends.
        base = -np.inf
        for step in (-1, 1):
            lowest, place = values[found[k]], found[k]
            while 0 <= place < len(values) and values[place] <= values[found[k]]:
                lowest = min(lowest, values[place])
                place += step
            base = max(base, lowest)
        stays[k] = stays[k] and values[found[k]] - base >= prominence
    return found[stays]


def prepare() -> None:
    """Compile what is compiled, so that the first road user finds it in place."""
    find_heads(np.ones((24, 24), bool), STRANGERS)
