"""
Which of many boxes have to do with each other.

A table of all boxes by all others grows with the square of their number; a mask full of noise
has hundreds. Neighbours are few: they are found by a sweep across the image.
"""

import numpy as np

from aim_ros.hazards.boxes import areas
from aim_ros.hazards.kernels import compiled_at_first_call


def neighbours(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return which boxes of `a` (n, 4) meet which of `b` (m, 4), borders included.

    :return: the indices in `a` and in `b` of each such pair, ordered by the first, then the other.
    """
    if not len(a) or not len(b):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    # Of one type, so that only one kernel is compiled.
    a, b = (np.ascontiguousarray(boxes, np.float64) for boxes in (a, b))
    order, room = b[:, 0].argsort(), 4 * (len(a) + len(b))
    while True:
        pairs = np.empty((2, room), np.intp)
        count = _sweep(a, b, order, pairs)
        if count <= room:
            return pairs[0, :count], pairs[1, :count]
        room = count


@compiled_at_first_call
def _sweep(a: np.ndarray, b: np.ndarray, order: np.ndarray, pairs: np.ndarray) -> int:
    """
    Find what `neighbours` returns.

    :param order: the indices of `b`, from left to right.
    :param pairs: takes the pairs, as far as there is room, (2, room).
    :return: how many there are.
    """
    lefts, widest, count = b[order, 0], b[:, 2].max(), 0
    for i in range(len(a)):
        left, top, right, bottom = a[i, 0], a[i, 1], a[i, 0] + a[i, 2], a[i, 1] + a[i, 3]
        first = count
        # No box that begins farther to the left reaches it.
        for place in range(np.searchsorted(lefts, left - widest), len(b)):
            if lefts[place] > right:
                break
            j = order[place]
            if not (left <= b[j, 0] + b[j, 2] and top <= b[j, 1] + b[j, 3] and b[j, 1] <= bottom):
                continue
            if count < pairs.shape[1]:
                k = count
                while k > first and pairs[1, k - 1] > j:
                    pairs[1, k] = pairs[1, k - 1]
                    k -= 1
                pairs[0, count], pairs[1, k] = i, j
            count += 1
    return count


def prepare() -> None:
    """Compile what is compiled, so that the first road user finds it in place."""
    connected(1, *neighbours(np.ones((1, 4)), np.ones((1, 4))))


def shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the area that each box of `a` (n, 4) shares with the one of `b` beside it, (n,)."""
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    sides = np.maximum(high - low, 0)
    return sides[:, 0] * sides[:, 1]


def belong(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Return which of `a` (n, 4) share a part of the smaller with the one of `b` beside, (n,)."""
    return shared(a, b) >= share * np.minimum(areas(a), areas(b))


@compiled_at_first_call
def connected(count: int, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """
    Return which of some things are connected by pairs of them, directly or over others.

    :param count: the number of things.
    :param i: indices of one thing of each pair, and `j` those of the other.
    :return: int (count,), the number of the set that each belongs to, in the order of their
        first members.
    """
    # Of each an earlier member of its set, or itself where there is none.
    earlier = np.arange(count)
    for k in range(len(i)):
        one, other = i[k], j[k]
        while earlier[one] != one:
            earlier[one] = earlier[earlier[one]]
            one = earlier[one]
        while earlier[other] != other:
            earlier[other] = earlier[earlier[other]]
            other = earlier[other]
        earlier[max(one, other)] = min(one, other)
    label, sets = np.empty(count, np.intp), 0
    for thing in range(count):
        if earlier[thing] == thing:
            label[thing] = sets
            sets += 1
        else:
            label[thing] = label[earlier[thing]]
    return label
