"""
Connected components of the pixels of groups of classes.

`components_numba` finds them in one pass over the frame; where its compiler is not installed,
OpenCV does so group by group.
"""

from functools import cache
from types import ModuleType

import cv2
import numpy as np

from aim_ros.hazards.components import ClassGroups
from aim_ros.hazards.components import Components
from aim_ros.hazards.components import MAX_PARTS
from aim_ros.hazards.components import Scores
from aim_ros.hazards.kernels import compiler


def find_components(
    base: np.ndarray, other: np.ndarray, groups: ClassGroups, scores: Scores, min_area: int = 1,
) -> Components:
    """
    Find the 8-connected components of the pixels that either decision gives to a group.

    :param base: class ids (H, W), uint8 or uint16.
    :param other: class ids (H, W) of the same type; `base` itself if there is no other decision.
    :param scores: on a grid over the image; what is still to be computed there is filled in.
    :param min_area: smallest component in pixels that is returned.
    """
    find = _compiled().find_components if _compiled() else find_by_opencv
    return find(base, other, groups, scores, min_area)


@cache
def _compiled() -> ModuleType | None:
    if compiler() is None:
        return None
    from aim_ros.hazards import components_numba
    return components_numba


def find_by_opencv(
    base: np.ndarray, other: np.ndarray, groups: ClassGroups, scores: Scores, min_area: int = 1,
) -> Components:
    """Do as `find_components` does, without a compiler."""
    scores = scores.computed(groups)
    _, grid_height, grid_width = scores.probability.shape
    cell_rows = np.arange(base.shape[0]) * grid_height // base.shape[0]
    cell_columns = np.arange(base.shape[1]) * grid_width // base.shape[1]
    group_of_base, group_of_other = groups.group_of_class[base], groups.group_of_class[other]
    found = []
    for group in range(groups.count):
        own = group_of_base == group
        pixels = own | (group_of_other == group)
        part = np.where(own, groups.part_of_class[base], groups.part_of_class[other])
        _, labels, stats, _ = cv2.connectedComponentsWithStats(
            pixels.view(np.uint8), connectivity=8)
        for label in range(1, len(stats)):
            x, y, width, height, area = stats[label].tolist()
            if area < min_area:
                continue
            inside = labels[y:y + height, x:x + width] == label
            rows, columns = np.nonzero(inside)
            cells = group, cell_rows[rows + y], cell_columns[columns + x]
            found.append((
                group, (x, y, width, height), area,
                np.bincount(part[rows + y, columns + x], minlength=MAX_PARTS),
                perimeter(inside), int((~own[rows + y, columns + x]).sum()),
                scores.probability[cells].mean(), scores.margin[cells].mean(),
                (y, x + int(np.argmax(inside[0])))))
    # As the compiled search finds them.
    found.sort(key=lambda row: (row[0], row[-1]))
    columns = list(zip(*found, strict=True))[:-1] if found else [()] * 8
    shapes = ((-1,), (-1, 4), (-1,), (-1, MAX_PARTS), (-1,), (-1,), (-1,), (-1,))
    types = (int,) * 6 + (float,) * 2
    return Components(*(np.array(column, kind).reshape(shape)
                        for column, kind, shape in zip(columns, types, shapes, strict=True)))


def perimeter(inside: np.ndarray) -> int:
    """Return the edges of a shape's pixels that border on others, bool (H, W)."""
    shared = (inside[1:] & inside[:-1]).sum() + (inside[:, 1:] & inside[:, :-1]).sum()
    return int(4 * inside.sum() - 2 * shared)
