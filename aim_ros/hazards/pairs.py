"""
Which of many boxes have to do with each other.

A table of all boxes by all others grows with the square of their number; a mask full of noise
has hundreds. Neighbours are few: they are found by a sweep across the image.
"""

import numpy as np

from aim_ros.hazards.boxes import areas
from aim_ros.hazards.boxes import edges


def neighbours(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return which boxes of `a` (n, 4) meet which of `b` (m, 4), borders included.

    :return: the indices in `a` and in `b` of each such pair, ordered by the first, then the other.
    """
    if not len(a) or not len(b):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    left, top, right, bottom = edges(a)
    other_left, other_top, other_right, other_bottom = edges(b)
    order = other_left.argsort()
    lefts = other_left[order]
    # No box that begins before `first` reaches this far, and from `last` on they begin too late.
    first = lefts.searchsorted(left - b[:, 2].max(), 'left')
    count = np.maximum(lefts.searchsorted(right, 'right') - first, 0)
    i = np.arange(len(a)).repeat(count)
    j = order[np.arange(len(i)) + (first - (count.cumsum() - count)).repeat(count)]
    meet = ((left[i] <= other_right[j]) & (top[i] <= other_bottom[j])
            & (other_top[j] <= bottom[i]))
    i, j = i[meet], j[meet]
    sequence = (i * len(b) + j).argsort()
    return i[sequence], j[sequence]


def shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the area that each box of `a` (n, 4) shares with the one of `b` beside it, (n,)."""
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    sides = np.maximum(high - low, 0)
    return sides[:, 0] * sides[:, 1]


def belong(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Return which of `a` (n, 4) share a part of the smaller with the one of `b` beside, (n,)."""
    return shared(a, b) >= share * np.minimum(areas(a), areas(b))


def connected(count: int, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """
    Return which of some things are connected by pairs of them, directly or over others.

    :param count: the number of things.
    :param i: indices of one thing of each pair, and `j` those of the other.
    :return: int (count,), the number of the set that each belongs to, in the order of their
        first members.
    """
    first = np.arange(count)
    while len(i):
        lowest = np.minimum(first[i], first[j])
        lower = first.copy()
        # Those that stand for the sets are joined as well, so that long chains take few rounds.
        for member in (i, j, first[i], first[j]):
            np.minimum.at(lower, member, lowest)
        lower = lower[lower]
        if np.array_equal(lower, first):
            break
        first = lower
    return np.unique(first, return_inverse=True)[1]
