"""
Connected components in one pass over a frame, compiled by Numba.

Each row falls into stretches in which neither decision changes; those that count for a class make
up its runs, and runs that touch those of the row above join their components. All that is asked
of a component adds up over its runs, so the image itself is read once, in whole vectors.

The compiled code holds no lock of Python.
"""

import math

import numpy as np

from aim_ros.decoding.compilation import compiled
from aim_ros.hazards.components import Components
from aim_ros.hazards.components import Softmax

_START, _END, _NEXT, _PARENT = range(4)
"""A run: its columns, the next run of its class in its row (or -1), its parent's index."""

_CLASS, _LEFT, _TOP, _RIGHT, _BOTTOM, _AREA, _TURNED = range(4, 11)
"""What the first run of a component, which is its own parent, says about the component."""


def find_components(
    base: np.ndarray,
    focused: np.ndarray,
    class_ids: tuple[int, ...],
    probability: np.ndarray | Softmax,
    min_area: int,
) -> Components:
    """Find the components of a frame; see `components.find_components`."""
    logits, scale = np.empty((0, 0, 0), np.float32), 1.0
    if isinstance(probability, Softmax):
        logits, scale = np.ascontiguousarray(probability.logits), 1 / probability.temperature
        probability = np.full((len(class_ids), *logits.shape[1:]), np.nan, np.float32)
    height, width = base.shape
    _, grid_height, grid_width = probability.shape
    index_of = np.full(np.iinfo(base.dtype).max + 1, -1, np.int32)
    index_of[list(class_ids)] = np.arange(len(class_ids))
    rows = np.arange(height) * grid_height // height
    cells = np.arange(width) * grid_width // width
    cell_ends = -(-np.arange(1, grid_width + 1) * width // grid_width)
    capacity = 128 * height
    while True:
        runs, sums = np.empty((capacity, 11), np.int32), np.empty(capacity)
        count = _trace(base, focused, np.array(class_ids, np.int64), index_of, probability, logits,
                       scale, rows, cells, cell_ends, runs, sums)
        if count <= capacity:
            break
        capacity *= 2

    runs, sums = runs[:count], sums[:count]
    first = np.flatnonzero((runs[:, _PARENT] == np.arange(count)) & (runs[:, _AREA] >= min_area))
    first = first[np.argsort(runs[first, _CLASS], kind='stable')]
    runs, area = runs[first], runs[first, _AREA]
    box = np.stack((runs[:, _LEFT], runs[:, _TOP], runs[:, _RIGHT] - runs[:, _LEFT],
                    runs[:, _BOTTOM] - runs[:, _TOP]), 1)
    return Components(runs[:, _CLASS], box, area, sums[first] / area, runs[:, _TURNED] / area)


@compiled
def _root(runs, run):
    """Return the run that stands for a run's component, and shorten the way there."""
    while runs[run, _PARENT] != run:
        runs[run, _PARENT] = runs[runs[run, _PARENT], _PARENT]
        run = runs[run, _PARENT]
    return run


@compiled
def _unite(runs, sums, one, other):
    """Make one component of two; the earlier of their first runs stands for both."""
    one, other = _root(runs, one), _root(runs, other)
    if one == other:
        return
    if other < one:
        one, other = other, one
    runs[other, _PARENT] = one
    runs[one, _LEFT] = min(runs[one, _LEFT], runs[other, _LEFT])
    runs[one, _TOP] = min(runs[one, _TOP], runs[other, _TOP])
    runs[one, _RIGHT] = max(runs[one, _RIGHT], runs[other, _RIGHT])
    runs[one, _BOTTOM] = max(runs[one, _BOTTOM], runs[other, _BOTTOM])
    runs[one, _AREA] += runs[other, _AREA]
    runs[one, _TURNED] += runs[other, _TURNED]
    sums[one] += sums[other]


@compiled
def _join(runs, sums, above, run):
    """Unite a row's list of runs with those of the row above that they touch, over corners too."""
    while run >= 0:
        while above >= 0 and runs[above, _END] < runs[run, _START]:
            above = runs[above, _NEXT]
        touched = above
        while touched >= 0 and runs[touched, _START] <= runs[run, _END]:
            _unite(runs, sums, touched, run)
            touched = runs[touched, _NEXT]
        run = runs[run, _NEXT]


@compiled
def _soften(probability, ids, logits, scale, row, column):
    """Compute the probabilities of one cell."""
    top = logits[0, row, column]
    for c in range(1, len(logits)):
        top = max(top, logits[c, row, column])
    total = 0.0
    for c in range(len(logits)):
        total += math.exp((logits[c, row, column] - top) * scale)
    for k in range(len(ids)):
        probability[k, row, column] = math.exp(
            (logits[ids[k], row, column] - top) * scale) / total


@compiled
def _add(
    runs, sums, count, first, tails, k, y, start, end, turned,
    probability, ids, logits, scale, row, cells, cell_ends,
):
    """
    Add pixels of a row to a class: to its last run there if they touch it, else as a new run.

    :return: the number of runs now.
    """
    run = tails[k]
    if run < 0 or runs[run, _END] != start:
        if run < 0:
            first[k] = count
        else:
            runs[run, _NEXT] = count
        run = tails[k] = count
        runs[run, _NEXT], runs[run, _PARENT], runs[run, _CLASS] = -1, run, k
        runs[run, _START] = runs[run, _LEFT] = start
        runs[run, _TOP], runs[run, _BOTTOM] = y, y + 1
        runs[run, _AREA], runs[run, _TURNED], sums[run] = 0, 0, 0.0
        count += 1
    runs[run, _END] = runs[run, _RIGHT] = end
    runs[run, _AREA] += end - start
    if turned:
        runs[run, _TURNED] += end - start
    cell = cells[start]
    while start < end:
        stop = min(cell_ends[cell], end)
        if math.isnan(probability[k, row, cell]) and len(logits):
            _soften(probability, ids, logits, scale, row, cell)
        sums[run] += probability[k, row, cell] * (stop - start)
        start = stop
        cell += 1
    return count


@compiled
def _trace(
    base, focused, ids, index_of, probability, logits, scale, rows, cells, cell_ends, runs, sums,
):
    """
    Find the runs and unite them to components.

    :param ids: the classes.
    :param index_of: a class id's index among them, or -1.
    :param probability: of the classes; what is NaN is computed from the logits when it is needed.
    :param rows: the grid's row for each row of pixels.
    :param cells: the grid's column for each column of pixels.
    :param cell_ends: the end of each of the grid's columns in pixels.
    :return: the number of runs, or more than `runs` has room for if that is too small.
    """
    height, width = base.shape
    heads = np.full((2, len(ids)), -1, np.int64)
    tails = np.empty(len(ids), np.int64)
    changes = np.zeros((width + 8) // 8 * 8, np.uint8)
    words = changes.view(np.uint64)
    count = 0
    for y in range(height):
        here, there = base[y], focused[y]
        for x in range(1, width):
            changes[x] = (here[x] != here[x - 1]) | (there[x] != there[x - 1])
        changes[width] = 1
        above, first = heads[(y + 1) & 1], heads[y & 1]
        first[:] = tails[:] = -1
        start = 0
        for word in range(len(words)):
            if words[word] == 0:
                continue
            for end in range(8 * word, 8 * word + 8):
                if changes[end] == 0:
                    continue
                if count + 2 > len(runs):
                    return count + 2
                k, other = index_of[here[start]], index_of[there[start]]
                if k >= 0:
                    count = _add(runs, sums, count, first, tails, k, y, start, end, False,
                                 probability, ids, logits, scale, rows[y], cells, cell_ends)
                if other >= 0 and other != k:
                    count = _add(runs, sums, count, first, tails, other, y, start, end, True,
                                 probability, ids, logits, scale, rows[y], cells, cell_ends)
                start = end
        for k in range(len(ids)):
            _join(runs, sums, above[k], first[k])
    return count
