"""People behind posts: what is seen of one on either side of a post is one road user."""

import numpy as np

from aim_ros.hazards.boxes import unions
from aim_ros.hazards.components import Components
from aim_ros.hazards.groups import are_mostly_people
from aim_ros.hazards.pairs import neighbours

_POST, _UPRIGHT, _SLICE = 0.15, 0.55, 0.2
"""How wide the gap between the two halves, both together, and the narrower one are at most, as
shares of the height of both together: one of them is too narrow for a person."""

_MIN_ROWS = 0.6
"""Both show this share at least of the rows of the lower one."""


def find_halves(found: Components, people: int, base: np.ndarray, is_post: np.ndarray
                ) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the pairs of components between which a post hides the middle of a person.

    :param people: the number of the group that people belong to.
    :param base: (H, W) class ids of the unmodulated decision.
    :param is_post: for each value that a mask may hold, whether it is a post's class, bool.
    :return: the indices of the one and of the other, each component at most once.
    """
    which = np.flatnonzero((found.group == people) & are_mostly_people(found.parts))
    if len(which) < 2:
        return which[:0], which[:0]
    one, other, gap = _slender_pairs(found.box[which])
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for k in gap.argsort(kind='stable'):
        pair = int(which[one[k]]), int(which[other[k]])
        if taken.isdisjoint(pair) and _is_post_between(*found.box[list(pair)], base, is_post):
            pairs.append(pair)
            taken.update(pair)
    first, second = np.array(pairs, np.intp).reshape(-1, 2).T
    return first, second


def _slender_pairs(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of boxes (n, 4) that are as narrow as a person, and their gaps, pixels."""
    # Each with the largest gap that it allows beside it: what is near enough meets. Both together
    # are higher than the taller one by what the other does not share with it.
    reach = np.ceil(_POST * (2 - _MIN_ROWS) * boxes[:, 3]).astype(boxes.dtype)
    wide = boxes + np.stack((-reach, 0 * reach, 2 * reach, 0 * reach), 1)
    one, other = neighbours(wide, wide)
    one, other = one[one < other], other[one < other]
    a, b = boxes[one], boxes[other]
    _, _, width, height = unions(a, b).T
    rows, gap = a[:, 3] + b[:, 3] - height, width - a[:, 2] - b[:, 2]
    slender = ((gap >= 1) & (gap <= _POST * height) & (width <= _UPRIGHT * height)
               & (np.minimum(a[:, 2], b[:, 2]) <= _SLICE * height)
               & (rows >= _MIN_ROWS * np.minimum(a[:, 3], b[:, 3])))
    return one[slender], other[slender], gap[slender]


def _is_post_between(a: np.ndarray, b: np.ndarray, base: np.ndarray, is_post: np.ndarray) -> bool:
    """Whether most of what is seen between two boxes, in the rows of both, is a post."""
    top, bottom = max(a[1], b[1]), min(a[1] + a[3], b[1] + b[3])
    left, right = min(a[0] + a[2], b[0] + b[2]), max(a[0], b[0])
    between = base[top:bottom, left:right]
    return 2 * int(is_post[between].sum()) > between.size
