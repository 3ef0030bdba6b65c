"""
What Nav2's semantic segmentation layer and Autoware's label-based clustering read.

Both were read in their public sources (kiwicampus/semantic_segmentation_layer, branch jazzy, April
2026; autoware_euclidean_cluster of 2026, in both of its forms); the readers below do the same with
the bytes, and know nothing of what wrote them.
"""

from collections import defaultdict
import math
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

from aim_ros.imaging.camera import CameraModel
from aim_ros.nodes.messages.clouds import cloud_message
from aim_ros.nodes.messages.conversions import image_message
from aim_ros.nodes.messages.conversions import probability_bytes
from aim_ros.nodes.segmentation.cloud_labeller import CloudLabeller
from aim_ros.perception.settings import OutputSettings
from aim_ros.segmentation.labels import CITYSCAPES

HEIGHT, WIDTH = 12, 16
ROAD, SIDEWALK, PERSON, CAR = 0, 1, 11, 13
HEADER = Header(frame_id='optical')
RNG = np.random.default_rng(0)
MASK = RNG.choice(np.uint8([ROAD, SIDEWALK, PERSON, CAR]), (HEIGHT, WIDTH))
CONFIDENCE = RNG.uniform(0.2, 1, (HEIGHT, WIDTH)).astype(np.float32)
CAMERA = CameraModel(WIDTH, HEIGHT, fx=8, fy=8, cx=7.5, cy=5.5)


def labelled(point_ids, rows=True):
    """A cloud of one point a pixel, as it goes out."""
    sent = []
    publisher = SimpleNamespace(get_subscription_count=lambda: 1, publish=sent.append)
    labeller = CloudLabeller(None, 'front', CITYSCAPES, None, publisher)
    down, right = np.mgrid[:HEIGHT, :WIDTH]
    points = np.zeros((HEIGHT, WIDTH), [('x', '<f4'), ('y', '<f4'), ('z', '<f4')])
    points['z'] = 4
    points['x'], points['y'] = (right - 7.5) / 2, (down - 5.5) / 2
    labeller.receive(cloud_message(points if rows else points.ravel(), HEADER))
    seen = SimpleNamespace(
        frame=SimpleNamespace(stamp_ns=0, frame_id='optical'), mask=MASK, confidence=CONFIDENCE,
        settings=SimpleNamespace(max_age=0.0, outputs=OutputSettings(point_ids=point_ids)))
    for _, publish in labeller.others(seen, lambda: CAMERA):
        publish()
    return sent[0]


def field(message, name):
    return next(field for field in message.fields if field.name == name)


# Nav2


def nav2_observations(mask, confidence, cloud, known, resolution):
    """
    Return {tile: (class, confidence)} of one frame, as the layer keeps it.

    It looks at no encoding and no step: the byte of pixel (u, v) is at v * width + u in mask and
    confidence, and its point the one with that number in the cloud. Of a tile's pixels it keeps
    the one with the highest confidence.
    """
    offsets = [field(cloud, name).offset for name in 'xyz']
    best = {}
    for v in range(mask.height):
        for u in range(mask.width):
            pixel = v * mask.width + u
            x, y, z = (struct.unpack_from(
                '<f', bytes(cloud.data), pixel * cloud.point_step + offset)[0]
                for offset in offsets)
            if not math.isfinite(z):
                continue
            tile = math.floor(x / resolution), math.floor(y / resolution)
            if tile not in best or confidence.data[pixel] > confidence.data[best[tile]]:
                best[tile] = pixel
    return {tile: (mask.data[pixel], confidence.data[pixel]) for tile, pixel in best.items()
            if mask.data[pixel] in known}


def test_nav2s_layer_reads_class_and_confidence_of_every_tile():
    mask = image_message(MASK, CITYSCAPES.mask_encoding, HEADER)
    confidence = image_message(probability_bytes(CONFIDENCE), 'mono8', HEADER)
    cloud = labelled('mask')
    assert (mask.encoding, confidence.encoding) == ('mono8', 'mono8')
    assert (mask.height, mask.width) == (confidence.height, confidence.width)
    assert cloud.height * cloud.width == mask.height * mask.width
    known = {CITYSCAPES.names.index(name) for name in ('road', 'person', 'car')}
    seen = nav2_observations(mask, confidence, cloud, known, 1.0)

    expected = defaultdict(list)
    for v in range(HEIGHT):
        for u in range(WIDTH):
            tile = math.floor((u - 7.5) / 2), math.floor((v - 5.5) / 2)
            expected[tile].append((round(float(CONFIDENCE[v, u]) * 255), int(MASK[v, u])))
    expected = {tile: max(pixels) for tile, pixels in expected.items()}
    assert seen == {tile: (class_id, sure) for tile, (sure, class_id) in expected.items()
                    if class_id in known}


def test_probabilities_keep_their_ends():
    values = np.float32([[0, 0.001, 0.5, 0.999, 1]])
    assert probability_bytes(values).tolist() == [[0, 0, 128, 255, 255]]
    assert probability_bytes(values).dtype == np.uint8


# Autoware


def points_of_layout(cloud):
    """Read points as Autoware does since August 2026: as they lie in memory."""
    layout = [('x', 0, PointField.FLOAT32), ('y', 4, PointField.FLOAT32),
              ('z', 8, PointField.FLOAT32), ('class_id', 12, PointField.UINT8),
              ('probability', 16, PointField.FLOAT32), ('entropy', 20, PointField.FLOAT32)]
    assert [(f.name, f.offset, f.datatype) for f in cloud.fields] == layout
    assert all(f.count == 1 for f in cloud.fields)
    assert cloud.point_step == 24
    assert cloud.row_step == 24 * cloud.width
    assert len(cloud.data) == 24 * cloud.width * cloud.height
    return list(struct.iter_unpack('<fffBxxxff', bytes(cloud.data)))


def points_by_name(cloud):
    """Read points as Autoware did before: by the names and types of fields."""
    class_id, probability = field(cloud, 'class_id'), field(cloud, 'probability')
    assert (class_id.datatype, probability.datatype) == (PointField.UINT8, PointField.FLOAT32)
    data = bytes(cloud.data)
    for start in range(0, len(data), cloud.point_step):
        yield data[start + class_id.offset], struct.unpack_from(
            '<f', data, start + probability.offset)[0]


@pytest.mark.parametrize('rows', [False, True])
def test_autowares_clustering_takes_the_points_as_they_lie(rows):
    points = points_of_layout(labelled('autoware', rows))
    # CAR is 0, PEDESTRIAN 5, FLAT_SURFACE 8 of PointCloudClassification.
    meaning = {ROAD: 8, SIDEWALK: 8, PERSON: 5, CAR: 0}
    assert [point[3] for point in points] == [meaning[c] for c in MASK.ravel().tolist()]
    assert [point[4] for point in points] == CONFIDENCE.ravel().tolist()
    assert all(math.isnan(point[5]) for point in points)


def test_autowares_older_clustering_maps_the_masks_own_ids():
    points = list(points_by_name(labelled('mask')))
    assert points == list(zip(MASK.ravel().tolist(), CONFIDENCE.ravel().tolist(), strict=True))
