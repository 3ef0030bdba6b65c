"""Which region shows which track: optimal assignment, by place and size."""

from collections.abc import Callable
from collections.abc import Sequence
from functools import cache

import numpy as np

from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.pairs import connected
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.pairs import shared
from aim_ros.hazards.regions import Region
from aim_ros.hazards.tracks import Track

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


def assign(
    tracks: Sequence[Track], regions: Sequence[Region], now_ns: int,
) -> list[tuple[int, int]]:
    """
    Pair tracks with regions of their group.

    :param tracks: each with its motion taken to this frame.
    :return: (index of the track, index of the region), each at most once.
    """
    if not tracks or not regions:
        return []
    t, r, cost = _candidates(tracks, regions, now_ns)
    # Most have one choice only.
    alone = (np.bincount(t)[t] == 1) & (np.bincount(r)[r] == 1)
    pairs = list(zip(t[alone].tolist(), r[alone].tolist(), strict=True))
    t, r, cost = t[~alone], r[~alone], cost[~alone]
    for part in _clusters(t, r, len(tracks), len(regions)):
        pairs += _solve(t[part], r[part], cost[part])
    return sorted(pairs)


def _clusters(t: np.ndarray, r: np.ndarray, tracks: int, regions: int) -> list[np.ndarray]:
    """Return the indices of the pairs that depend on each other, a set at a time."""
    if not len(t):
        return []
    label = connected(tracks + regions, t, tracks + r)[t]
    order = np.argsort(label, kind='stable')
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _solve(t: np.ndarray, r: np.ndarray, cost: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of one cluster whose costs are least in sum."""
    rows, columns = sorted(set(t.tolist())), sorted(set(r.tolist()))
    table = np.full((len(rows), len(columns)), _NEVER)
    table[np.searchsorted(rows, t), np.searchsorted(columns, r)] = cost
    return [(rows[i], columns[j]) for i, j in zip(
        *solver()(table), strict=True) if table[i, j] < _NEVER]


def _candidates(tracks: Sequence[Track], regions: Sequence[Region], now_ns: int
                ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the tracks, regions and costs of all pairs that are possible."""
    ours = as_array([track.predicted for track in tracks])
    theirs = as_array([region.box for region in regions])
    t, r = _close(ours, theirs)
    groups = np.array([track.region.group for track in tracks])
    own, seen = ours[t], theirs[r]
    height = (own[:, 3] + seen[:, 3]) / 2
    common = shared(own, seen)
    iou = common / (own[:, 2:].prod(1) + seen[:, 2:].prod(1) - common)
    apart = np.abs(own[:, :2] + own[:, 2:] / 2 - seen[:, :2] - seen[:, 2:] / 2) / height[:, None]
    size = np.abs(np.log(own[:, 3] / seen[:, 3]))
    unseen = np.array([(now_ns - track.last_ns) / 1e9 for track in tracks])
    wider = 1 + np.minimum(unseen[t], 1)
    possible = (iou >= _MIN_IOU) | (
        (apart[:, 0] <= _ACROSS * wider) & (apart[:, 1] <= _DOWN * wider)
        & (size <= _SIZE * wider))
    possible &= groups[t] == np.array([region.group for region in regions])[r]
    raised = np.array([track.raised for track in tracks])
    cost = 1 - iou + 0.3 * apart.sum(1) + 0.2 * size - _BONUS * raised[t]
    return t[possible], r[possible], cost[possible]


def _close(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of boxes that may belong together at all, by their indices."""
    t, r = neighbours(_widened(ours), _widened(theirs))
    own, seen = ours[t], theirs[r]
    across, down = np.abs(own[:, :2] + own[:, 2:] / 2 - (seen[:, :2] + seen[:, 2:] / 2)).T
    height = (own[:, 3] + seen[:, 3]) / 2
    reach = np.maximum((own[:, 2] + seen[:, 2]) / 2, 2 * _ACROSS * height)
    close = (across <= reach) & (down <= height)
    return t[close], r[close]


def _widened(boxes: np.ndarray) -> np.ndarray:
    """Return boxes that meet all boxes, widened too, to which they may belong."""
    # A pixel more, so that rounding leaves none out.
    half = np.maximum(boxes[:, 2] / 2, _ACROSS * boxes[:, 3]) + 1
    middle = boxes[:, 0] + boxes[:, 2] / 2
    return np.stack((middle - half, boxes[:, 1] - 1, 2 * half, boxes[:, 3] + 2), 1)
