import numpy as np
import pytest

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.perception.free_space import find_free_space
from aim_ros.perception.free_space import Surfaces
from aim_ros.perception.occupancy import draw_occupancy
from aim_ros.perception.occupancy import FREE
from aim_ros.perception.occupancy import OCCUPIED
from aim_ros.perception.occupancy import UNKNOWN

ROAD, WALL = 0, 3
CAMERA = GroundCamera(fx=200, fy=200, cx=99.5, cy=39.5, height=1.6)


def grid_of(mask, size=0.5, max_range=20.0):
    free_space = find_free_space(mask, CAMERA, Surfaces((ROAD,)), max_range)
    return draw_occupancy(free_space, CAMERA, size)


def cell(grid, x, y):
    """The value of the cell that a point on the ground lies in."""
    return grid.cells[int((y - grid.right) / grid.size), int(x / grid.size)]


def test_a_wall_ahead_with_road_before_it():
    mask = np.zeros((120, 200), np.uint8)
    mask[:72] = WALL  # which begins 10 m ahead
    grid = grid_of(mask)
    assert grid.cells.shape == (40, 40)
    assert grid.cells.dtype == np.int8
    assert grid.right == -10
    assert cell(grid, 8, 0) == FREE
    assert cell(grid, 9.7, 0.2) in (FREE, OCCUPIED)
    assert cell(grid, 10.2, 0.2) in (OCCUPIED, UNKNOWN)
    assert OCCUPIED in (cell(grid, 9.7, 0.2), cell(grid, 10.2, 0.2))
    assert cell(grid, 12, 0) == UNKNOWN
    # The picture begins 4 m ahead, and the camera sees half as far to the side as ahead.
    assert cell(grid, 3.4, 0) == UNKNOWN
    assert cell(grid, 6, 4) == UNKNOWN
    assert cell(grid, 6, 2.6) == cell(grid, 6, -2.6) == FREE


def test_left_is_left():
    mask = np.zeros((120, 200), np.uint8)
    mask[:72, :100] = WALL
    grid = grid_of(mask)
    assert cell(grid, 14, 4) == UNKNOWN
    assert cell(grid, 14, -4) == FREE


@pytest.mark.parametrize('size', [0.1, 0.25, 1.0])
def test_no_cell_is_free_beyond_what_ends_the_ground(size):
    rng = np.random.default_rng(0)
    mask = np.where(rng.random((120, 200)) < 0.001, WALL, ROAD).astype(np.uint8)
    free_space = find_free_space(mask, CAMERA, Surfaces((ROAD,)), 20.0)
    grid = draw_occupancy(free_space, CAMERA, size)
    aside, ahead = np.nonzero(grid.cells == FREE)
    assert len(ahead)
    x, y = (ahead + 0.5) * size, (aside + 0.5) * size + grid.right
    column = np.rint(CAMERA.column_of(x, y)).astype(int)
    assert (x < free_space.limits[column]).all()
    for x, y in zip(free_space.x, free_space.y, strict=True):
        if abs(y) < 10 and x < 20:
            assert cell(grid, x, y) == OCCUPIED


def test_nothing_is_known_without_ground():
    looking_up = GroundCamera(fx=200, fy=200, cx=99.5, cy=39.5, height=1.6, pitch=-0.7)
    free_space = find_free_space(
        np.zeros((120, 200), np.uint8), looking_up, Surfaces((ROAD,)), 20.0)
    assert (draw_occupancy(free_space, looking_up, 0.5).cells == UNKNOWN).all()
