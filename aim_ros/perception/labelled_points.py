"""Points of a LiDAR or a depth camera, each with the class that the camera sees there."""

import numpy as np

from aim_ros.hazards import groups
from aim_ros.hazards.groups import PART_NAMES
from aim_ros.imaging.camera import CameraModel
from aim_ros.perception.transforms import RigidTransform
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import ROLES
from aim_ros.segmentation.labels import synonyms

POINT = np.dtype({
    'names': ['x', 'y', 'z', 'class_id', 'probability', 'entropy'],
    'formats': ['<f4', '<f4', '<f4', 'u1', '<f4', '<f4'],
    'offsets': [0, 4, 8, 12, 16, 20],
    'itemsize': 24})
"""
A labelled point, as Autoware's ``PointXYZCPE`` lies in memory; its clustering takes no other.

The entropy is not known, and NaN, as Autoware has it for such points.
"""

UNSEEN = 255
"""`class_id` of a point that the camera does not see; Autoware's ``INVALID``."""

POINT_IDS = ('mask', 'autoware')
"""What a point's `class_id` may be: the id in the mask, or Autoware's classification."""

_NEAREST = 0.05
"""Metres in front of the camera at which a point may be seen."""

CAR, TRUCK, BUS, MOTORCYCLE, BICYCLE, PEDESTRIAN = range(6)
HAZARD, FLAT_SURFACE, STRUCTURE, VEGETATION, NOISE = 7, 8, 9, 10, 11

_AUTOWARE = {
    CAR: ('car', 'van', 'caravan', 'car group'),
    TRUCK: ('truck', 'trailer', 'vehicle', 'other vehicle'),
    BUS: ('bus', 'train', 'tram', 'on rails'),
    MOTORCYCLE: (*PART_NAMES[groups.MOTORCYCLE], *PART_NAMES[groups.MOTORCYCLIST]),
    # A rider belongs to the bicycle below, from which the clustering would part a pedestrian.
    BICYCLE: (*PART_NAMES[groups.BICYCLE], *PART_NAMES[groups.CYCLIST],
              *PART_NAMES[groups.RIDER]),
    PEDESTRIAN: PART_NAMES[groups.PERSON],
    FLAT_SURFACE: ('sidewalk', 'terrain', 'grass', 'field', 'earth', 'ground', 'floor', 'path',
                   'pavement', 'curb cut', 'pedestrian area', 'sand', 'snow',
                   *ROLES['drivable']),
    STRUCTURE: ('building', 'wall', 'fence', 'pole', 'bridge', 'tunnel', 'house', 'guard rail',
                'utility pole', 'street light', 'streetlight', 'barrier', 'railing', 'curb',
                *ROLES['signals']),
    VEGETATION: ('vegetation', 'tree', 'plant', 'palm', 'bush', 'flower'),
    NOISE: ('sky',),
}


def autoware_ids(labels: LabelSet) -> np.ndarray:
    """
    Return the ``PointCloudClassification`` of each class of a model, by name, uint8 (classes,).

    A class that Autoware has no word for is a ``HAZARD``: an obstacle of a kind that is not known.
    """
    by_name = {name: number for number, names in _AUTOWARE.items() for name in names}
    return np.array([next((by_name[alias] for alias in synonyms(name) if alias in by_name), HAZARD)
                     for name in labels.names], np.uint8)


def mask_ids(labels: LabelSet) -> np.ndarray:
    """
    Return the id of each class itself, uint8 (classes,).

    :raises ValueError: there are more classes than a point can tell apart.
    """
    if len(labels) > UNSEEN:
        raise ValueError(
            f'class_id of a point holds {UNSEEN} classes and the model has {len(labels)}; set '
            'points.class_ids to autoware')
    return np.arange(len(labels), dtype=np.uint8)


def label_points(points: np.ndarray, transform: RigidTransform, camera: CameraModel,
                 mask: np.ndarray, confidence: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """
    Give points the class and the probability of the pixel that they are seen in.

    A point that something nearer hides gets the class of that, as of a LiDAR that sits elsewhere
    than the camera.

    :param points: in the frame of their cloud, float32 (..., 3), NaN where there is none.
    :param transform: takes them into the camera's optical frame.
    :param camera: of the mask's size.
    :param mask: class ids (height, width).
    :param confidence: probability of the mask's class, float32 (height, width).
    :param ids: for each class the `class_id` that its points get, uint8 (classes,).
    :return: `POINT`, of the shape of `points` without its last axis; `UNSEEN` and a probability of
        0 for those that the camera does not see.
    """
    height, width = mask.shape
    labelled = np.zeros(points.shape[:-1], POINT)
    for axis, name in enumerate('xyz'):
        labelled[name] = points[..., axis]
    labelled['class_id'], labelled['entropy'] = UNSEEN, np.nan
    matrix = (camera.projection @ transform.matrix).astype(np.float32)
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        seen = points @ matrix[:, :3].T + matrix[:, 3]
        column, row = seen[..., 0] / seen[..., 2], seen[..., 1] / seen[..., 2]
        # NaN compares as false.
        inside = ((seen[..., 2] > _NEAREST) & (column >= -0.5) & (column < width - 0.5)
                  & (row >= -0.5) & (row < height - 0.5))
    columns = np.floor(column[inside] + np.float32(0.5)).astype(np.int64).clip(0, width - 1)
    rows = np.floor(row[inside] + np.float32(0.5)).astype(np.int64).clip(0, height - 1)
    labelled['class_id'][inside] = ids[mask[rows, columns]]
    labelled['probability'][inside] = confidence[rows, columns]
    return labelled
