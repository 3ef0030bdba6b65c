from dataclasses import replace

from hazard_scenes import ASIDE
from hazard_scenes import CAR
from hazard_scenes import Follower
from hazard_scenes import moved
from hazard_scenes import region
from hazard_scenes import SETTINGS
import pytest


def walk(follower, box, frames, across=4, start=0, **options):
    """Show somebody who walks; return what each frame shows."""
    return [follower.see(0.1 * (start + step), region(moved(box, across * step), **options))
            for step in range(frames)]


def test_a_road_user_that_moves_keeps_its_id():
    for seen in walk(Follower(), ASIDE, 35):
        assert list(seen) == [1]


def test_it_moves_farther_in_a_frame_than_it_is_wide():
    follower = Follower()
    for step in range(12):
        assert list(follower.see(0.1 * step, moved(ASIDE, round(1.2 * step**1.8)))) == [1]


@pytest.mark.parametrize('lost', [1, 3, 5])
def test_it_comes_back_after_frames_that_do_not_show_it(lost):
    follower = Follower()
    walk(follower, ASIDE, 10)
    for step in range(lost):
        assert follower.see(1.0 + 0.1 * step) == {}
    back = moved(ASIDE, 4 * (10 + lost - 1))
    assert list(follower.see(0.9 + 0.1 * lost, back)) == [1]


def test_a_frame_that_is_lost_on_the_way_changes_nothing():
    follower = Follower()
    walk(follower, ASIDE, 10)
    assert list(follower.see(1.3, moved(ASIDE, 52))) == [1]


def test_after_its_time_another_one_comes():
    follower = Follower()
    walk(follower, ASIDE, 10)
    follower.see(1.0)
    assert list(follower.see(1.6, moved(ASIDE, 64))) == [2]


@pytest.mark.parametrize(('lost', 'kept'), [(1, True), (2, False)])
def test_what_a_single_frame_showed_is_waited_for_over_one_lost_frame(lost, kept):
    follower = Follower()
    follower.see(0.0, ASIDE)
    for step in range(1, lost + 1):
        follower.see(0.1 * step)
    assert len(follower.tracker.tracks) == 1
    follower.see(0.1 * lost + 0.1)
    assert bool(len(follower.tracker.tracks)) is kept


def test_a_flip_of_class_changes_no_id():
    follower = Follower()
    for step in range(20):
        parts = (1,) if step % 3 else (0, 0.6, 0.4)
        assert list(follower.see(0.1 * step, region(moved(ASIDE, 3 * step), parts=parts))) == [1]


def test_another_group_is_another_road_user():
    follower = Follower(replace(SETTINGS, class_ids=(11, CAR)))
    follower.see(0.0, region(ASIDE))
    assert list(follower.see(0.1, region(ASIDE, group='vehicle'))) == [2]


def test_neighbours_keep_their_ids_whatever_their_order():
    follower = Follower()
    left, right = (10, 10, 20, 30), (60, 10, 20, 30)
    follower.see(0.0, left, right)
    seen = follower.see(0.1, moved(right, 3), moved(left, 3))
    assert seen == {1: moved(left, 3), 2: moved(right, 3)}


@pytest.mark.parametrize('down', [-1, 0, 1])
def test_a_pixel_changes_no_number(down):
    left, middle = moved(ASIDE, down=down), moved(ASIDE, across=60)
    right = moved(ASIDE, across=120, down=down)
    in_the_image = sorted((left, middle, right), key=lambda box: (box[1], box[0]))
    assert Follower().see(0.0, *in_the_image) == {1: left, 2: middle, 3: right}


def test_what_splits_off_is_as_sure_as_it_looks_whatever_its_number():
    follower = Follower()
    for seconds in (0.0, 0.1, 0.2, 0.3):
        follower.see(seconds, (60, 10, 60, 30))
    follower.see(0.4, (80, 10, 20, 30), region((100, 10, 20, 30)), region((60, 10, 20, 30), 0.6))
    tracks = follower.tracker.tracks
    assert [region.confidence for region in tracks.region] == [1.0, 0.6, 1.0]
    _, unsure, sure = tracks.evidence
    assert 0 < unsure < sure


def test_weak_regions_keep_a_track_alive_and_start_none():
    follower = Follower()
    weak = {'confidence': 0.4}
    assert follower.see(0.0, region(ASIDE, **weak)) == {}
    follower.see(0.1, region(ASIDE))
    for step in range(2, 20):
        assert list(follower.see(0.1 * step, region(ASIDE, **weak))) == [1]
    small = region(ASIDE, area=SETTINGS.min_area - 1)
    assert list(follower.see(2.0, small)) == [1]


def test_a_strong_region_is_preferred_to_a_weak_one():
    follower = Follower()
    walk(follower, ASIDE, 5, across=0)
    seen = follower.see(0.5, region(ASIDE, 0.4), region(moved(ASIDE, 4)))
    assert seen == {1: moved(ASIDE, 4)}


def test_what_leaves_the_picture_is_not_predicted_outside():
    follower = Follower()
    for step in range(10):
        x = 60 - 8 * step
        follower.see(0.1 * step, (max(x, 0), 10, 20 + min(x, 0), 30))
    assert follower.see(1.0) == {}
    assert len(follower.tracker.tracks) == 0
    assert follower.tracker.ended.track_id == [1]


def test_while_unseen_it_is_where_its_motion_takes_it():
    follower = Follower()
    walk(follower, ASIDE, 20)
    for step in range(20, 24):
        follower.see(0.1 * step)
        (left, *_), = follower.tracker.tracks.boxes(step * 10**8)
        assert left == pytest.approx(ASIDE[0] + 4 * step, abs=3)


def test_a_part_of_a_road_user_does_not_shrink_it():
    follower = Follower()
    walk(follower, ASIDE, 20, across=0)
    box = follower.see(2.0, (22, 20, 8, 10))[1]
    assert box == pytest.approx(ASIDE, abs=4)
    for step in range(21, 60):
        seen = follower.see(0.1 * step, (22, 20, 8, 10))
    assert seen == {1: (22, 20, 8, 10)}


def test_a_slow_camera_has_road_users_that_grow_old():
    """What was in the last frame counts as just seen, however long ago that was."""
    follower = Follower(replace(SETTINGS, clear_after=0.0))
    assert [list(follower.see(float(step), moved(ASIDE, step))) for step in range(4)] == [[1]] * 4


def test_ids_are_never_given_twice():
    follower = Follower()
    given = set()
    for step in range(10):
        new = set(follower.see(2.0 * step, ASIDE))
        follower.see(2.0 * step + 1)
        assert not new & given
        given |= new
