import numpy as np
import pytest

from aim_ros.training import labels


def test_camvid_labels_hold_and_computed_ones_refine_them():
    camvid = {'sky': 0, 'building': 1, 'pole': 2, 'road': 3, 'pavement': 4, 'tree': 5,
              'sign symbol': 6, 'fence': 7, 'car': 8, 'pedestrian': 9, 'bicyclist': 10,
              'unlabelled': 11}
    cases = [
        ('sky', 'sky', 'sky'),
        ('sky', 'vegetation', 'vegetation'),
        ('building', 'person', 'building'),
        ('building', 'wall', 'wall'),
        ('pole', 'building', 'pole'),
        ('road', 'sidewalk', 'road'),
        ('pavement', 'terrain', 'terrain'),
        ('sign symbol', 'traffic light', 'traffic light'),
        ('sign symbol', 'building', None),
        ('car', 'bus', 'bus'),
        ('car', None, 'car'),
        ('pedestrian', 'building', 'person'),
        ('bicyclist', 'bicycle', 'bicycle'),
        ('bicyclist', 'person', 'rider'),
        ('bicyclist', 'road', None),
        ('unlabelled', 'bicycle', 'bicycle'),
        ('unlabelled', None, None),
    ]

    def ids(names):
        return np.array([[labels.IGNORE if n is None else labels.IDS[n] for n in names]],
                        np.uint8)

    human = np.array([[camvid[human] for human, _, _ in cases]], np.uint8)
    combined = labels.combine_camvid(human, ids([computed for _, computed, _ in cases]))
    assert np.array_equal(combined, ids([wanted for _, _, wanted in cases]))


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='differ in shape'):
        labels.combine_camvid(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match='CamVid class 12'):
        labels.combine_camvid(np.full((1, 1), 12, np.uint8), np.zeros((1, 1), np.uint8))


def test_a_mask_marks_the_labels_of_its_classes():
    ids = np.array([[0, 11, 12], [18, 255, 11]], np.uint8)
    ids.flags.writeable = False  # as images are read
    mask = labels.among(ids, (11, 255))
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 1, 0], [0, 1, 1]]
    assert not labels.among(ids, ()).any()
