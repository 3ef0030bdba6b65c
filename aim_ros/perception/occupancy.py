"""Free ground as a grid of cells."""

from dataclasses import dataclass

import numpy as np

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.perception.free_space import FreeSpace

FREE, OCCUPIED, UNKNOWN = 0, 100, -1
"""Values of cells, those of ``nav_msgs/OccupancyGrid``."""


@dataclass(frozen=True)
class Occupancy:
    """
    A grid in the camera's ground frame, as far to both sides together as ahead.

    :param cells: `FREE`, `OCCUPIED` or `UNKNOWN`, int8 (to the left, forward): cell (i, j) begins
        at x = j * `size` and y = `right` + i * `size`.
    :param size: of a cell, metres.
    :param right: y of the grid's right edge, metres, below 0.
    """

    cells: np.ndarray
    size: float
    right: float


def draw_occupancy(free_space: FreeSpace, ground: GroundCamera, size: float) -> Occupancy:
    """
    Lay a grid over the free space of a camera.

    A cell is free if ground is seen to be free to its far side, occupied if free ground ends in
    it, and unknown else: beyond what ends it, out of the picture, or nearer than the picture
    begins.

    :param ground: the camera.
    :param size: of a cell, metres, > 0.
    """
    count = max(int(np.ceil(free_space.max_range / size)), 1)
    right = -count * size / 2
    centres = (np.arange(count) + 0.5) * size
    x, y = centres[None, :], (centres + right)[:, None]
    column = ground.column_of(x, y)
    # Pixels reach half a column to both sides of their centres.
    inside = (column >= -0.5) & (column < len(free_space.limits) - 0.5)
    index = np.where(inside, np.rint(np.where(inside, column, 0)), 0).astype(int)
    index = np.clip(index, 0, len(free_space.limits) - 1)
    begins = (np.arange(count) * size)[None, :]
    free = inside & (begins >= free_space.nearest) & (
        begins + size <= free_space.limits[index] + 1e-9)
    cells = np.where(free, FREE, UNKNOWN).astype(np.int8)
    ahead = np.floor(free_space.x / size).astype(int)
    aside = np.floor((free_space.y - right) / size).astype(int)
    on_grid = (ahead < count) & (aside >= 0) & (aside < count)
    cells[aside[on_grid], ahead[on_grid]] = OCCUPIED
    return Occupancy(cells, size, right)
