"""Which region shows which track: optimal assignment, by place and size."""

from collections.abc import Callable
from collections.abc import Sequence
from functools import cache
import math

import numpy as np

from aim_ros.hazards.kernels import compiled_at_first_call
from aim_ros.hazards.pairs import connected
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import Region
from aim_ros.hazards.table import objects
from aim_ros.hazards.table import side_by_side
from aim_ros.hazards.tracks import Tracks

_NEVER = 1e6
_MIN_IOU = 0.1
_ACROSS, _DOWN, _SIZE = 0.6, 0.5, 0.8
"""How far a region may lie from a prediction that it does not overlap, in shares of the height,
and how much its height may differ, as a logarithm; all wider the longer the track was unseen."""

_BONUS = 0.2
"""By how much a raised track is preferred to one that is not."""


@cache
def solver() -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """
    Return `scipy.optimize.linear_sum_assignment`.

    Importing that takes a quarter of a second, so the first frame should find it called before.
    """
    from scipy.optimize import linear_sum_assignment
    return linear_sum_assignment


def assign(tracks: Tracks, rows: np.ndarray, regions: Sequence[Region], now_ns: int,
           ) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair tracks with regions of their group.

    :param tracks: with their motions taken to this frame.
    :param rows: of the tracks that wait for a region.
    :return: rows of tracks, ascending, and the indices of their regions, each at most once.
    """
    if not len(rows) or not len(regions):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    t, r, cost = _candidates(tracks, rows, regions, now_ns)
    # Pairs that depend on each other, directly or over others, are of one set.
    label = connected(len(rows) + len(regions), t, len(rows) + r)[t]
    best = _best_of_stars(label, t, r, cost)
    stars = best[best >= 0]
    pairs = [(t[stars], r[stars])]
    for part in _parts(label, (best[label] < 0).nonzero()[0]):
        pairs.append(_solve(t[part], r[part], cost[part]))
    paired, shown = (np.concatenate(indices) for indices in zip(*pairs, strict=True))
    order = paired.argsort()
    return rows[paired[order]], shown[order]


@compiled_at_first_call
def _best_of_stars(label: np.ndarray, t: np.ndarray, r: np.ndarray, cost: np.ndarray
                   ) -> np.ndarray:
    """
    Return which pair of each set costs least, where one track, or one region, is in all of them.

    :param label: the number of the set of each pair, (n,), and `t`, `r` and `cost` its track,
        region and cost.
    :return: the index of a pair for each set; -1 where it takes an assignment to tell, or no pair
        has the number.
    """
    sets = label.max() + 1 if len(label) else 0
    best = np.full(sets, -1)
    one_track, one_region = np.ones(sets, np.bool_), np.ones(sets, np.bool_)
    for k in range(len(label)):
        i = label[k]
        j = best[i]
        if j < 0:
            best[i] = k
            continue
        one_track[i] &= t[k] == t[j]
        one_region[i] &= r[k] == r[j]
        if cost[k] < cost[j]:
            best[i] = k
    for i in range(sets):
        if not (one_track[i] or one_region[i]):
            best[i] = -1
    return best


def _parts(label: np.ndarray, indices: np.ndarray) -> list[np.ndarray]:
    """Return some indices, those of one label at a time."""
    if not len(indices):
        return []
    order = indices[np.argsort(label[indices], kind='stable')]
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _solve(t: np.ndarray, r: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of one set whose costs are least in sum."""
    # Faster for the few than `np.unique`.
    rows, columns = (np.array(sorted(set(indices.tolist()))) for indices in (t, r))
    table = np.full((len(rows), len(columns)), _NEVER)
    table[rows.searchsorted(t), columns.searchsorted(r)] = cost
    i, j = solver()(table)
    possible = table[i, j] < _NEVER
    return rows[i[possible]], columns[j[possible]]


def _candidates(tracks: Tracks, rows: np.ndarray, regions: Sequence[Region], now_ns: int
                ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs that are possible: indices of rows and regions, and what they cost."""
    ours, theirs = tracks.motion.box[rows], boxes_of(regions)
    t, r = neighbours(_widened(ours), _widened(theirs))
    groups = objects([region.group for region in regions])
    unseen = (now_ns - tracks.last_ns[rows]) / 1e9
    possible, cost = _costs(ours, theirs, t, r, unseen, tracks.raised[rows])
    possible &= tracks.group[rows[t]] == groups[r]
    return t[possible], r[possible], cost[possible]


@compiled_at_first_call
def _costs(ours: np.ndarray, theirs: np.ndarray, t: np.ndarray, r: np.ndarray,
           unseen: np.ndarray, raised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return which pairs are possible, bool (pairs,), and what each costs, (pairs,).

    :param ours: where tracks are expected, (n, 4), and `theirs` the boxes of regions, (m, 4).
    :param t: the track of each pair, and `r` its region.
    :param unseen: seconds since each track was seen, (n,).
    :param raised: of which there are alerts, bool (n,).
    """
    possible, cost = np.empty(len(t), np.bool_), np.empty(len(t))
    for k in range(len(t)):
        a, b = ours[t[k]], theirs[r[k]]
        height = (a[3] + b[3]) / 2
        common = max(min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]), 0.0) * max(
            min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]), 0.0)
        iou = common / (a[2] * a[3] + b[2] * b[3] - common)
        across = abs(a[0] + a[2] / 2 - b[0] - b[2] / 2) / height
        down = abs(a[1] + a[3] / 2 - b[1] - b[3] / 2) / height
        size = abs(math.log(a[3] / b[3]))
        wider = 1 + min(unseen[t[k]], 1.0)
        possible[k] = iou >= _MIN_IOU or (
            across <= _ACROSS * wider and down <= _DOWN * wider and size <= _SIZE * wider)
        cost[k] = 1 - iou + 0.3 * (across + down) + 0.2 * size - (
            _BONUS if raised[t[k]] else 0.0)
    return possible, cost


def _widened(boxes: np.ndarray) -> np.ndarray:
    """Return boxes that meet all boxes, widened too, to which they may belong."""
    # A pixel more, so that rounding leaves none out.
    half = np.maximum(boxes[:, 2] / 2, _ACROSS * boxes[:, 3]) + 1
    middle = boxes[:, 0] + boxes[:, 2] / 2
    return side_by_side(middle - half, boxes[:, 1] - 1, 2 * half, boxes[:, 3] + 2)


def prepare() -> None:
    """Compile and import what the first road users need, so that they find it in place."""
    one, box = np.zeros(1, np.intp), np.ones((1, 4))
    _, cost = _costs(box, box, one, one, np.zeros(1), np.zeros(1, bool))
    _best_of_stars(one, one, one, cost)
    solver()
