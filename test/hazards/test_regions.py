import numpy as np
import pytest

from aim_ros.hazards.components import Scores
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VEHICLE
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.regions import find_regions
from aim_ros.segmentation.labels import CITYSCAPES

PERSON, RIDER, CAR, BICYCLE = 11, 12, 13, 18
CLASSES = RoadUserClasses.of(CITYSCAPES)
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
