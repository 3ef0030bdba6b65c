from hazard_scenes import CLASSES
from hazard_scenes import Follower
from hazard_scenes import moved
from hazard_scenes import PERSON
from hazard_scenes import region
from hazard_scenes import SETTINGS
from hazard_scenes import SIZE
import numpy as np
import pytest

from aim_ros.hazards.pixels import Pixels

HEAD = 6
"""Rows and columns of the heads of people who are painted."""

LEFT, RIGHT = (40, 30, 16, 50), (90, 30, 16, 50)


def joined(*boxes):
    """The region of some boxes that touch, and the image that shows them."""
    ids = np.zeros(SIZE, np.uint8)
    for x, y, width, height in boxes:
        ids[y:y + height, x:x + width] = PERSON
    rows, columns = np.nonzero(ids)
    box = (int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return region(box, area=len(rows)), Pixels(ids, ids, CLASSES, SETTINGS.class_ids)


def painted(*people):
    """
    The region of people with heads who touch, and the image that shows them.

    :param people: box and middle column of each.
    """
    ids = np.zeros(SIZE, np.uint8)
    for (x, y, width, height), middle in people:
        ids[y:y + HEAD, middle - HEAD // 2:middle + HEAD // 2] = PERSON
        ids[y + HEAD:y + height, x:x + width] = PERSON
    rows, columns = np.nonzero(ids)
    box = (int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return region(box, area=len(rows)), Pixels(ids, ids, CLASSES, SETTINGS.class_ids)


def apart(follower, frames=6, speed=0):
    for step in range(frames):
        follower.see(0.1 * step, moved(LEFT, speed * step), moved(RIGHT, -speed * step))


@pytest.mark.parametrize('with_pixels', [True, False])
def test_neighbours_that_come_to_touch_keep_their_ids(with_pixels):
    follower = Follower()
    left, right = LEFT, (58, 30, 16, 50)
    for step in range(6):
        follower.see(0.1 * step, left, right)
    one, pixels = joined(left, (55, 30, 19, 50))
    for step in range(6, 20):
        seen = follower.see(0.1 * step, one, pixels=pixels if with_pixels else None)
        assert list(seen) == [1, 2]
        assert seen[1][0] == 40
        assert seen[2][0] + seen[2][2] == 74
        assert seen[1][2] < 25 > seen[2][2]


def test_people_who_pass_each_other_keep_their_ids():
    follower, speed = Follower(), 3
    for step in range(18):
        left, right = moved(LEFT, speed * step), moved(RIGHT, -speed * step)
        touch = left[0] + left[2] >= right[0] and right[0] + right[2] >= left[0]
        if touch:
            one, pixels = joined(left, right)
            seen = follower.see(0.1 * step, one, pixels=pixels)
        else:
            seen = follower.see(0.1 * step, left, right)
    assert seen == {1: left, 2: right}


def test_fragments_one_above_the_other_become_one():
    follower = Follower()
    rider, bicycle = (50, 20, 20, 30), (45, 60, 30, 20)
    for step in range(5):
        follower.see(0.1 * step, rider, bicycle)
    seen = follower.see(0.5, (45, 20, 30, 60))
    assert list(seen.values()) == [(45, 20, 30, 60)]


def test_who_has_left_gets_no_part():
    follower = Follower()
    apart(follower)
    seen = follower.see(0.6, LEFT)
    assert seen == {1: LEFT}


def test_a_new_track_claims_no_part():
    follower = Follower()
    follower.see(0.0, LEFT, (58, 30, 16, 50))
    one, pixels = joined((40, 30, 34, 50))
    assert len(follower.see(0.1, one, pixels=pixels)) == 1


def test_who_is_hidden_is_not_shown_by_a_region_beside():
    follower, front, behind = Follower(), (60, 20, 24, 60), (120, 34, 14, 40)
    for step in range(8):
        follower.see(0.1 * step, front, moved(behind, -5 * step))
    for step in range(8, 10):
        one, pixels = joined(front, moved(behind, -5 * step))
        follower.see(0.1 * step, one, pixels=pixels)
    one, pixels = joined(front)
    assert set(follower.see(1.0, one, (88, 34, 12, 38), pixels=pixels)) == {1, 3}


def test_who_is_in_front_does_not_end_where_the_hidden_one_does():
    follower = Follower()
    front, behind = (60, 30, 16, 50), (120, 34, 14, 40)
    for step in range(10):
        follower.see(0.1 * step, front, moved(behind, -5 * step))
    for step in range(10, 14):
        hidden = moved(behind, -5 * step)
        one, pixels = joined(front, hidden)
        seen = follower.see(0.1 * step, one, pixels=pixels)
        assert abs(seen[1][0] - 60) <= 1
        assert abs(seen[1][2] - 16) <= 2


def test_who_stretches_an_arm_stays_below_its_head():
    follower = Follower()
    left, right = (40, 30, 16, 50), (58, 30, 16, 50)
    for step in range(6):
        follower.see(0.1 * step, left, right)
    # The first one reaches out to the left, and both touch.
    one, pixels = painted(((26, 30, 32, 50), 48), (right, 66))
    for step in range(6, 12):
        seen = follower.see(0.1 * step, one, pixels=pixels)
        assert list(seen) == [1, 2]
        assert abs(seen[1][0] + seen[1][2] / 2 - 48) <= 2
        assert abs(seen[2][0] + seen[2][2] / 2 - 66) <= 2


def test_who_is_hidden_but_for_the_head_is_seen():
    follower = Follower()
    front, behind = (60, 30, 20, 60), (52, 30, 20, 54)
    for step in range(12):
        follower.see(0.1 * step, front, moved(behind, -3 * (11 - step)))
    one, pixels = painted((front, 72), (behind, 58))
    for step in range(12, 20):
        seen = follower.see(0.1 * step, one, pixels=pixels)
        assert list(seen) == [1, 2]
