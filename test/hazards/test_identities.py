from hazard_scenes import CLASSES
from hazard_scenes import Follower
from hazard_scenes import moved
from hazard_scenes import PERSON
from hazard_scenes import region
from hazard_scenes import SETTINGS
from hazard_scenes import SIZE
import numpy as np
import pytest

from aim_ros.hazards.colours import Picture
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.tracks import Tracks

RED, DARK_RED, GREEN = (150, 40, 45), (134, 40, 45), (60, 120, 60)
LEFT, RIGHT = (40, 30, 16, 50), (100, 30, 16, 50)


def shown(people, with_picture=True):
    """
    The regions of people, and the image that shows them.

    :param people: box and colour of each; of those who touch, the first hides the others.
    """
    ids, image = np.zeros(SIZE, np.uint8), np.zeros((*SIZE, 3), np.uint8)
    for (x, y, width, height), colour in reversed(people):
        ids[y:y + height, x:x + width] = PERSON
        image[y:y + height, x:x + width] = colour
    boxes = sorted(box for box, _ in people)
    regions = [boxes[0]]
    for x, y, width, height in boxes[1:]:
        left, top, before, tall = regions[-1]
        if x <= left + before:
            regions[-1] = (left, top, max(before, x + width - left), tall)
        else:
            regions.append((x, y, width, height))
    picture = Picture(image) if with_picture else None
    pixels = Pixels(ids, ids, CLASSES, SETTINGS.class_ids, picture)
    return [region(box) for box in regions], pixels


def watch(follower, step, *people, with_picture=True):
    regions, pixels = shown(people, with_picture)
    return follower.see(0.1 * step, *regions, pixels=pixels)


@pytest.mark.parametrize('with_picture', [True, False])
def test_who_turns_back_behind_another_keeps_the_id_by_colour(with_picture):
    follower, places = Follower(), [*range(0, 36, 4), 32, 32, *range(28, 0, -4)]
    for step, place in enumerate(places):
        seen = watch(follower, step, (moved(LEFT, place), RED), (moved(RIGHT, -place), GREEN),
                     with_picture=with_picture)
    ids = sorted(seen, key=lambda track_id: seen[track_id])
    assert (ids == [1, 2]) is with_picture


@pytest.mark.parametrize(('colour', 'expected'), [(RED, 1), (GREEN, 2)])
def test_who_comes_forth_beside_where_he_was_expected_is_known_by_colour(colour, expected):
    follower = Follower()
    for step in range(6):
        watch(follower, step, (LEFT, RED))
    assert list(watch(follower, 6, (moved(LEFT, 37), colour))) == [expected]


@pytest.mark.parametrize(('colour', 'expected'), [(RED, 1), (DARK_RED, 2)])
def test_who_is_not_seen_may_be_where_his_colours_are(colour, expected):
    follower, other = Follower(), moved(LEFT, 37)
    for step in range(6):
        watch(follower, step, (LEFT, RED), (other, DARK_RED))
    assert list(watch(follower, 6, (other, colour))) == [expected]


def test_who_is_far_away_is_somebody_else_of_whatever_colour():
    follower = Follower()
    for step in range(6):
        watch(follower, step, (LEFT, RED))
    assert list(watch(follower, 6, (moved(LEFT, 90), RED))) == [2]


def test_those_who_look_alike_are_told_apart_by_place():
    pictures, masks = Follower(), Follower()
    for step, place in enumerate([*range(0, 60, 4)]):
        people = (moved(LEFT, place), RED), (moved(RIGHT, -place), RED)
        assert watch(pictures, step, *people) == watch(masks, step, *people, with_picture=False)


def test_an_id_that_moves_takes_along_who_it_is_and_nobody_is_alerted_less():
    regions = [region(LEFT), region(RIGHT)]
    tracks = Tracks.beginning_with(
        [7, 8], regions, np.array([LEFT, RIGHT], float), [100, 200], [300, 400])
    tracks.raised[0] = True
    tracks.evidence[:], tracks.error_until_ns[:] = (0.5, 0.1), (900, 0)
    tracks.looks.kind[:] = ('cyclist', 'pedestrian')
    tracks.move(np.array([0, 1]), np.array([1, 0]))
    assert tracks.track_id.tolist() == [8, 7]
    assert tracks.first_ns.tolist() == [200, 100]
    assert tracks.looks.kind.tolist() == ['pedestrian', 'cyclist']
    assert tracks.last_ns.tolist() == [300, 400]
    assert tracks.box.tolist() == [list(LEFT), list(RIGHT)]
    assert tracks.raised.all()
    assert tracks.evidence.tolist() == [0.5, 0.5]
    assert tracks.error_until_ns.tolist() == [900, 900]


def test_a_crowd_is_learned_in_turns():
    follower, size, learned = Follower(), (400, 1200), []
    people = [(25 + 110 * column, 20 + 90 * row, 16, 50) for column in range(10)
              for row in range(3)]
    ids, image = np.zeros(size, np.uint8), np.zeros((*size, 3), np.uint8)
    for x, y, width, height in people:
        ids[y:y + height, x:x + width] = PERSON
    pixels = Pixels(ids, ids, CLASSES, SETTINGS.class_ids, Picture(image))
    for step in range(17):
        follower.see(0.1 * step, *map(region, people), size=size, pixels=pixels)
        looks = follower.tracker.tracks.appearance
        learned.append(sum(look.learned_ns == round(0.1 * step * 1e9) for look in looks))
    assert learned == [0, *[4] * 16]  # nobody at first sight
    assert all(look.is_known for look in looks)
