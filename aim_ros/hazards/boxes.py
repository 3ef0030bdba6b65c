"""Boxes in an image."""

from collections.abc import Sequence
import itertools

import numpy as np

from aim_ros.hazards.table import side_by_side

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels; (x, y) is the upper left corner."""

Scale = tuple[float, float]
"""By how much an image was resized, down and across: rows are multiplied by the first."""


def edges(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return left, top, right and bottom, each (n,), of boxes (n, 4)."""
    return boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]


def areas(boxes: np.ndarray) -> np.ndarray:
    """Return the areas of boxes (n, 4), (n,)."""
    return boxes[:, 2] * boxes[:, 3]


def as_array(rows: Sequence[Sequence[float]], width: int = 4) -> np.ndarray:
    """Return boxes, or rows of another width, as float64 (n, width), also if there are none."""
    # Twice as fast as numpy's look into each of the tuples.
    flat = itertools.chain.from_iterable(rows)
    return np.fromiter(flat, np.float64, width * len(rows)).reshape(-1, width)


def as_boxes(boxes: np.ndarray) -> list[Box]:
    """Return boxes (n, 4) in whole pixels one by one."""
    return list(map(tuple, boxes.astype(int).tolist()))


def pairwise_shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the area that each box of `a` (n, 4) shares with each of `b` (m, 4), (n, m)."""
    # An axis at a time: whole rows of memory, and no temporary of two axes.
    return _overlap(a, b, 0) * _overlap(a, b, 1)


def _overlap(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """Return the length that boxes share along an axis, (n, m)."""
    length = np.minimum.outer(a[:, axis] + a[:, axis + 2], b[:, axis] + b[:, axis + 2])
    length -= np.maximum.outer(a[:, axis], b[:, axis])
    return np.maximum(length, 0, out=length)


def pairwise_iou(a: Sequence[Box] | np.ndarray, b: Sequence[Box] | np.ndarray) -> np.ndarray:
    """
    Return the intersection over union of each box of `a` with each of `b`.

    :return: (len(a), len(b)), 0..1.
    """
    a, b = as_array(a), as_array(b)
    shared = pairwise_shared(a, b)
    return shared / (areas(a)[:, None] + areas(b)[None] - shared)


def union(a: Box, b: Box) -> Box:
    """Return the smallest box that holds two."""
    left, top = min(a[0], b[0]), min(a[1], b[1])
    right, bottom = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    return left, top, right - left, bottom - top


def unions(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the smallest boxes that hold one of `a` (n, 4) and the one of `b` beside it."""
    low = np.minimum(a[:, :2], b[:, :2])
    high = np.maximum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    return np.concatenate((low, high - low), 1)


def contains(outer: Box, inner: Box) -> bool:
    """Whether a box holds another one, borders included."""
    return union(outer, inner) == tuple(outer)


def clipped(box: Box, size: tuple[int, int]) -> Box | None:
    """
    Return the part of a box that lies in an image, None where that is nothing.

    :param size: (height, width) of the image.
    """
    left, top = max(box[0], 0), max(box[1], 0)
    right, bottom = min(box[0] + box[2], size[1]), min(box[1] + box[3], size[0])
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def resized(box: Box, scale: Scale) -> Box:
    """Return where a box lies after its image was resized: in whole pixels, at least one."""
    down, across = scale
    left, top = round(box[0] * across), round(box[1] * down)
    return (left, top, max(round((box[0] + box[2]) * across) - left, 1),
            max(round((box[1] + box[3]) * down) - top, 1))


def clip(boxes: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the parts of boxes (n, 4) that lie in an image, and of which there are any, bool (n,).

    :param size: (height, width) of the image.
    """
    left, top, right, bottom = edges(boxes)
    left, top = np.maximum(left, 0), np.maximum(top, 0)
    width, height = np.minimum(right, size[1]) - left, np.minimum(bottom, size[0]) - top
    return side_by_side(left, top, width, height), (width > 0) & (height > 0)


def are_truncated(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return which boxes (n, 4) touch the border of an image of a size (height, width), (n,)."""
    left, top, right, bottom = edges(boxes)
    return (left <= 0) | (top <= 0) | (right >= size[1]) | (bottom >= size[0])
