from hazard_scenes import BICYCLE
from hazard_scenes import CAR
from hazard_scenes import CLASSES
from hazard_scenes import PERSON
from hazard_scenes import POLE
from hazard_scenes import RIDER
import numpy as np
import pytest

from aim_ros.hazards.boxes import union
from aim_ros.hazards.components import Scores
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VEHICLE
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.regions import find_regions
from aim_ros.segmentation.labels import LabelSet

ROAD = 0
ALERTED = (PERSON, RIDER, CAR, BICYCLE)


def blank():
    return np.zeros((100, 200), np.uint8)


def paint(ids, box, class_id):
    x, y, width, height = box
    ids[y:y + height, x:x + width] = class_id


def regions_of(base, other=None, min_area=1, class_ids=ALERTED, **options):
    count = len(CLASSES.groups_of(class_ids))
    sure = np.ones((count, 1, 1), np.float32)
    scores = Scores(sure, 4 * sure, np.empty((0, 1, 1), np.float32))
    return find_regions(base, base if other is None else other, scores, CLASSES, class_ids,
                        min_area, **options)


def test_rider_and_bicycle_that_touch_are_one_region():
    ids = blank()
    paint(ids, (50, 20, 10, 30), RIDER)
    paint(ids, (40, 50, 30, 20), BICYCLE)
    only, = regions_of(ids)
    assert (only.group, only.box, only.area) == (VULNERABLE, (40, 20, 30, 50), 900)
    assert only.parts[1:3] == (300, 600)
    assert (only.confidence, only.margin) == (1, 4)


@pytest.mark.parametrize(('gap', 'count'), [(1, 1), (9, 1), (10, 2)])
def test_fragments_one_above_the_other_are_one_region_if_the_gap_is_small(gap, count):
    ids = blank()
    paint(ids, (50, 10, 10, 30), PERSON)
    paint(ids, (50, 40 + gap, 10, 10), PERSON)
    assert len(regions_of(ids, max_gap=0.3)) == count


def test_fragments_side_by_side_are_two():
    ids = blank()
    paint(ids, (50, 10, 10, 30), PERSON)
    paint(ids, (61, 10, 10, 30), PERSON)
    assert [one.box for one in regions_of(ids)] == [(50, 10, 10, 30), (61, 10, 10, 30)]


def behind_a_post(boxes, post=POLE, class_id=PERSON):
    """Paint boxes, and between the first two what hides the rest."""
    ids = blank()
    left, right = boxes[:2]
    start = left[0] + left[2]
    paint(ids, (start, 0, right[0] - start, 100), post)
    for box in boxes:
        paint(ids, box, class_id)
    return ids


@pytest.mark.parametrize('halves', [
    [(50, 10, 8, 60), (64, 10, 12, 60)],
    [(50, 10, 12, 60), (71, 10, 12, 60)],
    # Of an arm and of a leg, too, a post hides the rest.
    [(50, 10, 18, 60), (74, 30, 8, 20)],
    [(50, 10, 18, 60), (74, 45, 8, 25)],
    # The head is seen on one side only, and one foot on the other.
    [(50, 10, 9, 50), (66, 20, 12, 50)]])
@pytest.mark.parametrize('class_id', [PERSON, RIDER])
def test_a_person_behind_a_post_is_one_region(halves, class_id):
    only, = regions_of(behind_a_post(halves, class_id=class_id))
    assert only.box == union(*halves)
    assert only.area == sum(width * height for _, _, width, height in halves)


@pytest.mark.parametrize('boxes', [
    # Two of whom one is as wide as a person; too wide together; the gap is too wide for a post.
    [(50, 10, 13, 60), (66, 10, 13, 60)],
    [(50, 10, 21, 60), (76, 10, 12, 60)],
    [(50, 10, 8, 60), (68, 10, 8, 60)],
    # They stand at different distances.
    [(50, 10, 8, 40), (62, 40, 8, 40)],
    [(50, 10, 10, 40), (64, 45, 6, 10)]])
def test_people_side_by_side_are_two_regions(boxes):
    assert [one.box for one in regions_of(behind_a_post(boxes))] == boxes


@pytest.mark.parametrize('between', [ROAD, CAR])
def test_where_no_post_is_seen_there_are_two_people(between):
    boxes = [(50, 10, 8, 60), (64, 10, 12, 60)]
    seen = regions_of(behind_a_post(boxes, post=between), class_ids=(PERSON,))
    assert [one.box for one in seen] == boxes


@pytest.mark.parametrize('class_id', [CAR, BICYCLE])
def test_nothing_but_people_is_joined_behind_a_post(class_id):
    boxes = [(50, 10, 8, 60), (64, 10, 12, 60)]
    assert [one.box for one in regions_of(behind_a_post(boxes, class_id=class_id))] == boxes


def test_of_several_beside_posts_only_two_are_one():
    boxes = [(50, 10, 8, 60), (62, 10, 8, 60), (76, 10, 8, 60)]
    ids = behind_a_post(boxes)
    paint(ids, (70, 0, 6, 100), POLE)
    near, far = regions_of(ids)
    assert (near.box, far.box) == (union(*boxes[:2]), boxes[2])


def test_posts_are_known_in_the_words_of_other_data_sets():
    labels = LabelSet(('road', 'object--support--utility-pole', 'tree', 'sky'))
    assert RoadUserClasses.of(labels).is_post[:4].tolist() == [False, True, True, False]


def test_a_region_grows_by_fragments_until_none_is_near():
    ids = blank()
    for top in (10, 25, 40, 55):
        paint(ids, (50, top, 10, 12), PERSON)
    only, = regions_of(ids)
    assert only.box == (50, 10, 10, 57)
    assert only.area == 480


def test_groups_are_never_joined():
    ids = blank()
    paint(ids, (50, 10, 10, 30), PERSON)
    paint(ids, (40, 40, 30, 20), CAR)
    assert [one.group for one in regions_of(ids)] == [VULNERABLE, VEHICLE]


@pytest.mark.parametrize(('min_area', 'found'), [(100, 1), (250, 1), (251, 0)])
def test_small_regions_are_kept_down_to_a_share_as_weak_ones(min_area, found):
    ids = blank()
    paint(ids, (50, 10, 10, 10), PERSON)
    assert len(regions_of(ids, min_area=min_area)) == found


def test_modulated_share_is_of_the_pixels_that_only_modulation_turned():
    base, focused = blank(), blank()
    paint(base, (50, 10, 10, 10), PERSON)
    paint(focused, (50, 10, 10, 30), PERSON)
    assert regions_of(base, focused)[0].modulated_share == pytest.approx(2 / 3)
    assert regions_of(blank(), focused)[0].modulated_share == 1
    # What modulation takes away is there all the same, and is not modulated.
    assert regions_of(base, blank())[0].modulated_share == 0


def test_without_classes_there_are_no_regions():
    assert regions_of(blank(), class_ids=()) == []


def test_masks_of_many_classes_have_regions_too():
    base = np.zeros((20, 20), np.uint16)
    base[5:15, 5:15] = PERSON
    assert regions_of(base)[0].box == (5, 5, 10, 10)
