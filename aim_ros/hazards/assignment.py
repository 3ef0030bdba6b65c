"""Which region shows which track: optimal assignment, by place and size."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.regions import Region
from aim_ros.hazards.tracks import Track

_NEVER = 1e6
_MIN_IOU = 0.1
_ACROSS, _DOWN, _SIZE = 0.6, 0.5, 0.8
"""How far a region may lie from a prediction that it does not overlap, in shares of the height,
and how much its height may differ, as a logarithm; all wider the longer the track was unseen."""

_BONUS = 0.2
"""By how much a raised track is preferred to one that is not."""


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
    cost = _cost(tracks, regions, now_ns)
    rows, columns = linear_sum_assignment(cost)
    return [(t, r) for t, r in zip(rows.tolist(), columns.tolist(), strict=True)
            if cost[t, r] < _NEVER / 2]


def _cost(tracks: Sequence[Track], regions: Sequence[Region], now_ns: int) -> np.ndarray:
    ours = as_array([track.predicted for track in tracks])
    theirs = as_array([region.box for region in regions])
    height = (ours[:, None, 3] + theirs[None, :, 3]) / 2
    iou = pairwise_iou(ours, theirs)
    our_middle, their_middle = (boxes[:, :2] + boxes[:, 2:] / 2 for boxes in (ours, theirs))
    apart = np.abs(our_middle[:, None] - their_middle) / height[..., None]
    across, down = apart[..., 0], apart[..., 1]
    size = np.abs(np.log(ours[:, 3])[:, None] - np.log(theirs[:, 3]))
    unseen = np.array([(now_ns - track.last_ns) / 1e9 for track in tracks])[:, None]
    wider = 1 + np.minimum(unseen, 1)
    possible = (iou >= _MIN_IOU) | (
        (across <= _ACROSS * wider) & (down <= _DOWN * wider) & (size <= _SIZE * wider))
    groups = (np.array([track.region.group for track in tracks])[:, None]
              == np.array([region.group for region in regions]))
    raised = np.array([track.raised for track in tracks])[:, None]
    cost = 1 - iou + 0.3 * across + 0.3 * down + 0.2 * size - _BONUS * raised
    return np.where(possible & groups, cost, _NEVER)
