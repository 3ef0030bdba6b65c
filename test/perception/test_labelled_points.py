import numpy as np
import pytest

from aim_ros.imaging.camera import CameraModel
from aim_ros.perception.labelled_points import autoware_ids
from aim_ros.perception.labelled_points import BICYCLE
from aim_ros.perception.labelled_points import BUS
from aim_ros.perception.labelled_points import CAR
from aim_ros.perception.labelled_points import FLAT_SURFACE
from aim_ros.perception.labelled_points import HAZARD
from aim_ros.perception.labelled_points import label_points
from aim_ros.perception.labelled_points import mask_ids
from aim_ros.perception.labelled_points import MOTORCYCLE
from aim_ros.perception.labelled_points import NOISE
from aim_ros.perception.labelled_points import PEDESTRIAN
from aim_ros.perception.labelled_points import POINT
from aim_ros.perception.labelled_points import STRUCTURE
from aim_ros.perception.labelled_points import TRUCK
from aim_ros.perception.labelled_points import UNSEEN
from aim_ros.perception.labelled_points import VEGETATION
from aim_ros.perception.transforms import RigidTransform
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet

CAMERA = CameraModel(40, 30, fx=20, fy=20, cx=19.5, cy=14.5)
HERE = RigidTransform.identity()
MASK = np.arange(1200, dtype=np.uint32).reshape(30, 40).astype(np.uint8) % 19
CONFIDENCE = np.linspace(0, 1, 1200, dtype=np.float32).reshape(30, 40)
IDS = mask_ids(CITYSCAPES)


def points_at(columns, rows, depths):
    """Points in the optical frame that are seen at the centres of pixels."""
    depths = np.asarray(depths, np.float32)
    return np.stack(((columns - np.float32(19.5)) / 20 * depths,
                     (rows - np.float32(14.5)) / 20 * depths, depths), axis=-1).astype(np.float32)


def test_every_pixel_gives_its_points_class_and_probability():
    rows, columns = np.mgrid[:30, :40]
    depths = np.random.default_rng(0).uniform(0.5, 80, (30, 40))
    points = points_at(columns, rows, depths)
    labelled = label_points(points, HERE, CAMERA, MASK, CONFIDENCE, IDS)
    assert labelled.shape == (30, 40)
    assert np.array_equal(labelled['class_id'], MASK)
    assert np.array_equal(labelled['probability'], CONFIDENCE)
    assert np.isnan(labelled['entropy']).all()
    for axis, name in enumerate('xyz'):
        assert np.array_equal(labelled[name], points[..., axis])


@pytest.mark.parametrize('point', [
    (0, 0, -5), (0, 0, 0), (0, 0, 0.01), (50, 0, 10), (-10.1, 0, 10), (0, 7.6, 10),
    (np.nan, np.nan, np.nan), (np.inf, 0, 10), (0, 0, np.inf)])
def test_what_the_camera_does_not_see_has_no_class(point):
    labelled, = label_points(
        np.array([point], np.float32), HERE, CAMERA, MASK, CONFIDENCE, IDS)
    assert (labelled['class_id'], labelled['probability']) == (UNSEEN, 0)


@pytest.mark.parametrize(
    ('column', 'seen'), [(-0.49, 0), (-0.51, None), (39.49, 39), (39.51, None)])
def test_a_pixel_reaches_half_way_to_its_neighbours(column, seen):
    labelled, = label_points(
        points_at(np.array([column]), np.array([3.0]), [1.0]), HERE, CAMERA, MASK, CONFIDENCE, IDS)
    assert labelled['class_id'] == (UNSEEN if seen is None else MASK[3, seen])


def test_a_lidar_on_the_roof_that_looks_ahead():
    # Its x is forward, y left, z up; it sits half a metre above the camera and one behind it.
    lidar_in_camera = RigidTransform(
        np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.float64), np.array([0, -0.5, -1.0]))
    # 9 m ahead of the camera, 2 m to the left, 1 m below it.
    point = np.array([[10.0, 2.0, -1.5]], np.float32)
    labelled, = label_points(point, lidar_in_camera, CAMERA, MASK, CONFIDENCE, IDS)
    column, row = round(19.5 - 20 * 2 / 9), round(14.5 + 20 * 1 / 9)
    assert labelled['class_id'] == MASK[row, column]
    assert (labelled['x'], labelled['y'], labelled['z']) == (10, 2, -1.5)


def test_a_rectified_stereo_pair_goes_by_the_projection_matrix():
    # The right camera: its P moves points of the left one's frame by the base line.
    camera = CameraModel(40, 30, fx=25, fy=25, cx=3, cy=4, p=(
        20.0, 0.0, 19.5, -20.0 * 0.5, 0.0, 20.0, 14.5, 0.0, 0.0, 0.0, 1.0, 0.0))
    labelled, = label_points(
        points_at(np.array([25.0]), np.array([9.0]), [4.0]), HERE, camera, MASK, CONFIDENCE, IDS)
    assert labelled['class_id'] == MASK[9, 25 - round(20 * 0.5 / 4)]


def test_the_layout_is_that_of_autowares_point():
    assert POINT.itemsize == 24
    assert {name: (str(kind), offset) for name, (kind, offset) in POINT.fields.items()} == {
        'x': ('float32', 0), 'y': ('float32', 4), 'z': ('float32', 8), 'class_id': ('uint8', 12),
        'probability': ('float32', 16), 'entropy': ('float32', 20)}


def test_cityscapes_in_autowares_words():
    found = dict(zip(CITYSCAPES.names, autoware_ids(CITYSCAPES).tolist(), strict=True))
    assert found == {
        'road': FLAT_SURFACE, 'sidewalk': FLAT_SURFACE, 'terrain': FLAT_SURFACE,
        'building': STRUCTURE, 'wall': STRUCTURE, 'fence': STRUCTURE, 'pole': STRUCTURE,
        'traffic light': STRUCTURE, 'traffic sign': STRUCTURE, 'vegetation': VEGETATION,
        'sky': NOISE, 'person': PEDESTRIAN, 'rider': BICYCLE, 'bicycle': BICYCLE,
        'motorcycle': MOTORCYCLE, 'car': CAR, 'truck': TRUCK, 'bus': BUS, 'train': BUS}


def test_names_with_synonyms_and_names_without_a_word_for_them():
    labels = LabelSet(('minibike, motorbike', 'road, route', 'Bird'))
    assert autoware_ids(labels).tolist() == [MOTORCYCLE, FLAT_SURFACE, HAZARD]


def test_more_classes_than_a_point_can_tell_apart_are_refused():
    assert mask_ids(LabelSet(tuple(map(str, range(255))))).tolist() == list(range(255))
    labels = LabelSet(tuple(map(str, range(256))))
    with pytest.raises(ValueError, match='255 classes and the model has 256'):
        mask_ids(labels)
    assert len(autoware_ids(labels)) == 256
