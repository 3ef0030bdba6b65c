"""Which region shows which track: optimal assignment, by place and size."""

from collections.abc import Callable
from collections.abc import Sequence
from functools import cache

import numpy as np

from aim_ros.hazards.boxes import areas
from aim_ros.hazards.pairs import connected
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.pairs import shared
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
    # Most have one choice only.
    alone = (np.bincount(t)[t] == 1) & (np.bincount(r)[r] == 1)
    pairs = [(t[alone], r[alone])]
    t, r, cost = t[~alone], r[~alone], cost[~alone]
    for part in _clusters(t, r, len(rows), len(regions)):
        pairs.append(_solve(t[part], r[part], cost[part]))
    paired, shown = (np.concatenate(indices) for indices in zip(*pairs, strict=True))
    order = paired.argsort()
    return rows[paired[order]], shown[order]


def _clusters(t: np.ndarray, r: np.ndarray, tracks: int, regions: int) -> list[np.ndarray]:
    """Return the indices of the pairs that depend on each other, a set at a time."""
    if not len(t):
        return []
    label = connected(tracks + regions, t, tracks + r)[t]
    order = np.argsort(label, kind='stable')
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _solve(t: np.ndarray, r: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of one cluster whose costs are least in sum."""
    if np.all(t == t[0]) or np.all(r == r[0]):
        best = [cost.argmin()]
        return t[best], r[best]
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
    own, seen = ours[t], theirs[r]
    height = (own[:, 3] + seen[:, 3]) / 2
    common = shared(own, seen)
    iou = common / (areas(own) + areas(seen) - common)
    apart = np.abs(own[:, :2] + own[:, 2:] / 2 - seen[:, :2] - seen[:, 2:] / 2) / height[:, None]
    size = np.abs(np.log(own[:, 3] / seen[:, 3]))
    wider = 1 + np.minimum((now_ns - tracks.last_ns[rows[t]]) / 1e9, 1)
    possible = (iou >= _MIN_IOU) | (
        (apart[:, 0] <= _ACROSS * wider) & (apart[:, 1] <= _DOWN * wider)
        & (size <= _SIZE * wider))
    possible &= tracks.group[rows[t]] == groups[r]
    cost = 1 - iou + 0.3 * apart.sum(1) + 0.2 * size - _BONUS * tracks.raised[rows[t]]
    return t[possible], r[possible], cost[possible]


def _widened(boxes: np.ndarray) -> np.ndarray:
    """Return boxes that meet all boxes, widened too, to which they may belong."""
    # A pixel more, so that rounding leaves none out.
    half = np.maximum(boxes[:, 2] / 2, _ACROSS * boxes[:, 3]) + 1
    middle = boxes[:, 0] + boxes[:, 2] / 2
    return side_by_side(middle - half, boxes[:, 1] - 1, 2 * half, boxes[:, 3] + 2)
