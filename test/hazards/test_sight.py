from hazard_scenes import BICYCLE
from hazard_scenes import CAR
from hazard_scenes import CLASSES
from hazard_scenes import PERSON
from hazard_scenes import RIDER
import numpy as np
import pytest

from aim_ros.hazards.components import Scores
from aim_ros.hazards.sight import perceive

ROAD = 0
ALERTED = (PERSON, RIDER, BICYCLE)
ONES = np.ones((1, 1, 1), np.float32)
SCORES = Scores(ONES, ONES, np.empty((0, 1, 1), np.float32))


def street(body, *, bicycle_rows=0, below=CAR, left=40):
    """A mask of a body, maybe upon a bicycle, that ends at row 50 upon something."""
    ids = np.zeros((100, 100), np.uint8)
    ids[50:80, 20:80] = below
    ids[20:50 - bicycle_rows, left:left + 12] = body
    ids[50 - bicycle_rows:50, left:left + 12] = BICYCLE
    return ids


def seen(ids):
    found, = perceive(ids, ids, SCORES, CLASSES, ALERTED, 10).regions
    return found


def test_a_rider_without_a_bicycle_upon_a_vehicle_floats():
    assert seen(street(RIDER)).floats


@pytest.mark.parametrize('ids', [
    street(RIDER, below=ROAD),
    street(RIDER, bicycle_rows=6),
    street(PERSON),
    street(RIDER, left=78),
    street(RIDER)[:50],
], ids=['upon the road', 'upon a bicycle', 'on foot', 'hardly upon it', 'at the lower border'])
def test_whoever_else_does_not_float(ids):
    assert not seen(ids).floats


def test_each_part_of_a_split_region_floats_by_itself():
    ids = np.zeros((100, 160), np.uint8)
    ids[80:, :80] = CAR
    for middle in (60, 90):
        ids[32:80, middle - 15:middle + 15] = RIDER
        ids[20:32, middle - 4:middle + 4] = RIDER
    left, right = perceive(ids, ids, SCORES, CLASSES, ALERTED, 10).regions
    assert left.floats
    assert not right.floats
