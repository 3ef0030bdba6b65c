"""
Connected components in one pass over a frame, compiled by Numba.

Each row falls into stretches in which neither decision changes; those that count for a group are
its runs, and runs that touch, in the row or over corners in the row above, join their components.
The image itself is read once, in whole vectors; all that is asked of a component adds up over its
runs afterwards. The compiled code holds no lock of Python.
"""

from functools import lru_cache
import math

import numpy as np

from aim_ros.decoding.compilation import compiled
from aim_ros.hazards.components import ClassGroups
from aim_ros.hazards.components import Components
from aim_ros.hazards.components import MAX_PARTS
from aim_ros.hazards.components import Scores

_RUN = np.dtype([
    ('row', np.int32), ('start', np.int32), ('end', np.int32),
    ('group', np.int32), ('part', np.int32), ('turned', np.bool_),
    ('next', np.int32),  # the next run of its group in its row, or -1
    ('parent', np.int32),  # an earlier run of its component, or itself
    ('inner', np.int32),  # edges of pixels within it, or shared with earlier runs of its component
], align=True)

_TOTAL = np.dtype([
    ('left', np.int32), ('top', np.int32), ('right', np.int32), ('bottom', np.int32),
    ('area', np.int32), ('turned', np.int32), ('inner', np.int32),
    ('probability', np.float64), ('margin', np.float64), ('parts', np.int32, (MAX_PARTS,)),
], align=True)


def find_components(
    base: np.ndarray, other: np.ndarray, groups: ClassGroups, scores: Scores, min_area: int = 1,
) -> Components:
    """Find the components of a frame; see `component_search.find_components`."""
    capacity = 32 * base.shape[0]
    while True:
        runs = np.empty(capacity, _RUN)
        count = _trace(base, other, *groups, runs)
        if count <= capacity:
            break
        capacity = 2 * count
    runs = runs[:count]
    totals = np.zeros(count, _TOTAL)
    cells = _cells(base.shape, scores.probability.shape[1:])
    _add_up(runs, totals, cells, groups.group_of_class, *scores)
    first = np.flatnonzero((runs['parent'] == np.arange(count)) & (totals['area'] >= min_area))
    first = first[np.argsort(runs['group'][first], kind='stable')]
    total = totals[first]
    left, top, area = total['left'], total['top'], total['area']
    return Components(
        runs['group'][first], np.stack(
            (left, top, total['right'] - left, total['bottom'] - top), 1),
        area, total['parts'], 4 * area - 2 * total['inner'], total['turned'],
        total['probability'] / area, total['margin'] / area)


@lru_cache(maxsize=16)
def _cells(size: tuple[int, int], grid: tuple[int, int]
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return where the pixels of an image lie on the grid of the logits.

    :return: the cell row of each pixel row, the cell of each column, and the cells' ends.
    """
    (height, width), (rows, columns) = size, grid
    return (np.arange(height) * rows // height, np.arange(width) * columns // width,
            -(-np.arange(1, columns + 1) * width // columns))


@compiled
def _root(runs, run):
    """Return the run that stands for a run's component, and shorten the way there."""
    while runs[run].parent != run:
        runs[run].parent = runs[runs[run].parent].parent
        run = runs[run].parent
    return run


@compiled
def _unite(runs, one, other):
    """Make one component of two; the earlier of their first runs stands for both."""
    one, other = _root(runs, one), _root(runs, other)
    if other < one:
        runs[one].parent = other
    else:
        runs[other].parent = one


@compiled
def _join(runs, above, run):
    """Unite a row's list of runs with those of the row above that they touch, over corners too."""
    while run >= 0:
        start, end = runs[run].start, runs[run].end
        while above >= 0 and runs[above].end < start:
            above = runs[above].next
        touched = above
        while touched >= 0 and runs[touched].start <= end:
            _unite(runs, touched, run)
            shared = min(end, runs[touched].end) - max(start, runs[touched].start)
            runs[run].inner += max(shared, 0)
            touched = runs[touched].next
        run = runs[run].next


@compiled
def _append(runs, count, first, last, row, start, end, group, part, turned):
    """Add a run to the list of its group in its row; return the number of runs now."""
    one = runs[count]
    one.row, one.start, one.end = row, start, end
    one.group, one.part, one.turned = group, part, turned
    one.next, one.parent, one.inner = -1, count, end - start - 1
    if last[group] < 0:
        first[group] = count
    else:
        before = last[group]
        runs[before].next = count
        if runs[before].end == start:
            _unite(runs, before, count)
            one.inner += 1
    last[group] = count
    return count + 1


@compiled
def _trace(base, other, group_of, part_of, groups, runs):
    """
    Find the runs of both decisions and unite them to components.

    :return: the number of runs, or more than `runs` has room for if that is too small.
    """
    height, width = base.shape
    heads = np.full((2, groups), -1, np.int64)
    last = np.empty(groups, np.int64)
    changes = np.zeros((width + 8) // 8 * 8, np.uint8)
    words = changes.view(np.uint64)
    count = 0
    for row in range(height):
        here, there = base[row], other[row]
        for x in range(1, width):
            changes[x] = (here[x] != here[x - 1]) | (there[x] != there[x - 1])
        changes[width] = 1
        above, first = heads[(row + 1) & 1], heads[row & 1]
        first[:] = last[:] = -1
        start = 0
        for word in range(len(words)):
            if words[word] == 0:
                continue
            for end in range(8 * word, 8 * word + 8):
                if changes[end] == 0:
                    continue
                if count + 2 > len(runs):
                    return count + 2 + (height - row) * 16
                one, two = group_of[here[start]], group_of[there[start]]
                if one >= 0:
                    count = _append(runs, count, first, last, row, start, end, one,
                                    part_of[here[start]], False)
                if two >= 0 and two != one:
                    count = _append(runs, count, first, last, row, start, end, two,
                                    part_of[there[start]], True)
                start = end
        for group in range(groups):
            _join(runs, above[group], first[group])
    return count


@compiled
def _score(probability, margin, logits, scale, group_of, row, column):
    """Compute the scores of all groups in one cell."""
    groups, classes = len(probability), len(logits)
    top = logits[0, row, column]
    for c in range(1, classes):
        top = max(top, logits[c, row, column])
    sums, best = np.zeros(groups), np.full(groups, -np.inf)
    total, low = 0.0, np.inf
    for c in range(classes):
        value = (logits[c, row, column] - top) * scale
        weight = math.exp(value)
        total += weight
        low = min(low, value)
        group = group_of[c]
        if group >= 0:
            sums[group] += weight
            best[group] = max(best[group], value)
    for group in range(groups):
        rest = low
        for c in range(classes):
            if group_of[c] != group:
                rest = max(rest, (logits[c, row, column] - top) * scale)
        probability[group, row, column] = sums[group] / total
        margin[group, row, column] = best[group] - rest


@compiled
def _add_up(runs, totals, grid, group_of, probability, margin, logits, temperature):
    """Add the runs up to what their components are."""
    rows, cells, cell_ends = grid
    for run in range(len(runs)):
        one = runs[run]
        total = totals[_root(runs, run)]
        if total.area == 0:
            total.left, total.top = one.start, one.row
        length = one.end - one.start
        total.left = min(total.left, one.start)
        total.right = max(total.right, one.end)
        total.bottom = max(total.bottom, one.row + 1)
        total.area += length
        total.inner += one.inner
        total.parts[one.part] += length
        if one.turned:
            total.turned += length
        row, start, cell = rows[one.row], one.start, cells[one.start]
        while start < one.end:
            stop = min(cell_ends[cell], one.end)
            if len(logits) and math.isnan(probability[one.group, row, cell]):
                _score(probability, margin, logits, 1 / temperature, group_of, row, cell)
            total.probability += probability[one.group, row, cell] * (stop - start)
            total.margin += margin[one.group, row, cell] * (stop - start)
            start = stop
            cell += 1
