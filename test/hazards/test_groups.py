import numpy as np
import pytest

from aim_ros.hazards.groups import kinds_of
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.groups import VEHICLE
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.table import objects
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import ROLES


@pytest.fixture
def classes():
    return RoadUserClasses.of(CITYSCAPES)


def test_classes_that_belong_together_are_one_group(classes):
    by_name = dict(zip(CITYSCAPES.names, classes.group_names, strict=True))
    assert {name for name, group in by_name.items() if group == VULNERABLE} == {
        'person', 'rider', 'bicycle', 'motorcycle'}
    assert {name for name, group in by_name.items() if group == VEHICLE} == {
        'car', 'truck', 'bus', 'train'}
    assert by_name['traffic light'] == 'traffic light'


def test_the_parts_of_a_group_are_distinguished(classes):
    parts = [classes.parts[class_id] for class_id in CITYSCAPES.resolve(
        ['person', 'rider', 'bicycle', 'motorcycle'])]
    assert len(set(parts)) == 4


def test_synonyms_count_in_any_model():
    classes = RoadUserClasses.of(LabelSet((
        'wall', 'person, someone', 'minibike, motorbike', 'bus, autobus', 'bicyclist')))
    assert classes.group_names == (
        'wall', VULNERABLE, VULNERABLE, VEHICLE, VULNERABLE)


def test_every_name_of_people_and_two_wheelers_is_a_vulnerable_road_user():
    names = tuple(sorted(ROLES['people'] | ROLES['two_wheelers']))
    assert set(RoadUserClasses.of(LabelSet(names)).group_names) == {VULNERABLE}


def test_only_alerted_classes_count(classes):
    person, car, sky = CITYSCAPES.resolve(['person'])[0], 13, 10
    search = classes.search((person, sky))
    assert search.count == 2
    assert search.group_of_class[person] == 0
    assert search.group_of_class[sky] == 1
    assert search.group_of_class[car] == -1
    assert search.group_of_class[255] == -1
    assert classes.groups_of((person, sky)) == (VULNERABLE, 'sky')
    assert classes.positions((sky,), (person, sky)) == (1,)


@pytest.mark.parametrize(('shares', 'kind'), [
    ((1, 0, 0, 0), 'pedestrian'),
    ((0.95, 0, 0.05, 0), 'pedestrian'),
    ((0.5, 0, 0.5, 0), 'cyclist'),
    ((0, 0.6, 0.4, 0), 'cyclist'),
    ((0, 1, 0, 0), 'cyclist'),
    ((0.1, 0.4, 0.1, 0.4), 'motorcyclist'),
    ((0, 0, 1, 0), 'bicycle'),
    ((0.1, 0, 0.9, 0), 'bicycle'),
    ((0, 0, 0.2, 0.8), 'motorcycle'),
    ((0, 0, 0, 0, 1), 'cyclist'),
    ((0, 0, 0, 0, 0, 1), 'motorcyclist'),
])
def test_the_kind_is_what_it_is_made_of(shares, kind):
    shares = [*shares, *[0] * (8 - len(shares))]
    assert kinds_of(objects([VULNERABLE]), np.array([shares])) == [kind]


def test_other_groups_are_of_their_own_kind():
    groups = objects([VEHICLE, 'traffic light', VULNERABLE])
    kinds = kinds_of(groups, np.array([[1, *[0] * 7]] * 3))
    assert kinds.tolist() == ['vehicle', 'traffic light', 'pedestrian']


def test_the_class_of_a_road_user_is_that_of_most_pixels(classes):
    parts = np.zeros((3, 8))
    parts[0, classes.parts[18]], parts[1, classes.parts[11]], parts[2, 1] = 5, 2, 7
    found = classes.classes_of(objects([VULNERABLE, VULNERABLE, VEHICLE]), parts)
    assert [CITYSCAPES.names[one] for one in found] == ['bicycle', 'person', 'truck']
