from hazard_scenes import region
from hypothesis import given
from hypothesis import strategies
import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.splitting import peaks
from aim_ros.hazards.splitting import smoothed
from aim_ros.hazards.splitting import split_people
from aim_ros.hazards.splitting import valleys
from aim_ros.segmentation.labels import CITYSCAPES

PERSON, RIDER, BICYCLE = 11, 12, 18
CLASSES = RoadUserClasses.of(CITYSCAPES)


def people(*columns, height=60, width=20, body=PERSON):
    """An image of people with shoulders and heads, each around a column."""
    ids = np.zeros((100, 200), np.uint8)
    for column in columns:
        ids[100 - height + 12:100, column - width // 2:column + width // 2] = body
        ids[100 - height:100 - height + 12, column - 4:column + 4] = body
    return ids


def split(ids, box, parts=(1,)):
    alerted = (PERSON, RIDER, BICYCLE)
    return [one.box for one in split_people(
        [region(box, parts=parts)], Pixels(ids, ids, CLASSES, alerted))]


def test_people_shoulder_to_shoulder_are_split_between_their_heads():
    ids = people(50, 70, 90)
    boxes = split(ids, (40, 40, 60, 60))
    assert [box[0] + box[2] / 2 for box in boxes] == pytest.approx([50, 70, 90], abs=1)
    assert [box[2] for box in boxes] == pytest.approx([20] * 3, abs=2)
    assert sum(box[2] for box in boxes) == 60


def test_one_person_stays_whole():
    assert split(people(50), (40, 40, 20, 60)) == [(40, 40, 20, 60)]


def test_a_cyclist_from_the_side_stays_whole():
    ids = people(50, height=60, body=RIDER)
    ids[70:100, 25:75] = np.where(ids[70:100, 25:75] == 0, BICYCLE, ids[70:100, 25:75])
    assert split(ids, (25, 40, 50, 60), parts=(0, 0.5, 0.5)) == [(25, 40, 50, 60)]


def test_cyclists_side_by_side_are_split_between_their_riders():
    ids = people(50, 90, body=RIDER)
    ids[75:100, 30:115] = np.where(ids[75:100, 30:115] == 0, BICYCLE, ids[75:100, 30:115])
    left, right = split(ids, (30, 40, 85, 60), parts=(0, 0.6, 0.4))
    assert left[0] + left[2] == right[0]
    assert 60 <= right[0] <= 80


def test_heads_that_are_not_there_split_nothing():
    assert valleys(np.zeros((10, 10), bool)) == []
    assert valleys(np.ones((30, 60), bool)) == []


@given(runs=strategies.lists(strategies.tuples(
           strategies.integers(0, 99), strategies.integers(1, 3)),
           min_size=1, max_size=30, unique_by=lambda run: run[0]),
       height=strategies.integers(0, 99), prominence=strategies.floats(0, 99),
       distance=strategies.integers(1, 9))
def test_peaks_are_those_of_scipy(runs, height, prominence, distance):
    # Of two peaks as high, scipy's choice hangs on the processor's sorting.
    curve = np.concatenate([np.full(length, value, float) for value, length in runs])
    expected, _ = find_peaks(curve, height=height, prominence=prominence, distance=distance)
    assert peaks(curve, height=height, prominence=prominence, distance=distance) == (
        expected.tolist())


@given(strategies.lists(strategies.integers(0, 3000), min_size=1, max_size=60),
       strategies.integers(1, 30))
def test_means_over_windows_are_those_of_scipy(values, size):
    values = np.array(values)
    assert np.array_equal(
        smoothed(values, size), uniform_filter1d(values.astype(float), size, mode='constant'))
