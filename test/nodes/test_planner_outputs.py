"""What a running node publishes for planners besides alerts, and when it does."""

import struct
from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.nodes.messages.clouds import cloud_message
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.segmentation.ground_output import HAVE_NAV_MSGS
from aim_ros.perception.free_space import find_free_space
from aim_ros.perception.free_space import Surfaces
from aim_ros.segmentation.labels import CITYSCAPES

CAMERA = GroundCamera(fx=60.0, fy=60.0, cx=49.5, cy=9.5, height=1.65)
SURFACES = Surfaces.of(CITYSCAPES, (2, 5, 9, 13))
# The tiny model knows no road: whatever it sees most of will do for one.
DRIVABLE = [CITYSCAPES.names[class_id] for class_id in SURFACES.drivable]
XYZ = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4')])


def calibration():
    info = CameraInfo(width=100, height=60)
    info.k = [60.0, 0.0, 49.5, 0.0, 60.0, 9.5, 0.0, 0.0, 1.0]
    return info


def mask_of(message):
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)


def read(message, name):
    """Read a field by its offset and type, as a subscriber does."""
    field = next(field for field in message.fields if field.name == name)
    form = {2: '<B', 4: '<H', 7: '<f'}[field.datatype]
    data = bytes(message.data)
    return np.array([struct.unpack_from(form, data, i * message.point_step + field.offset)[0]
                     for i in range(message.height * message.width)])


@pytest.fixture
def calibrated(ros, make_node, make_camera):
    """A node and its camera, whose calibration has arrived."""
    node = make_node(free_space__classes=DRIVABLE, camera__points__transform=[
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    camera = make_camera(node)
    channel = node.channels['camera']

    def has_come():
        camera.infos.publish(calibration())
        return channel.input.camera((60, 100)) is not None
    ros.wait_for(has_come, what='the calibration')
    return SimpleNamespace(node=node, camera=camera, channel=channel)


def test_free_space_is_that_of_the_mask_in_the_ground_frame(ros, ask, calibrated):
    camera, clouds, grids = calibrated.camera, [], []
    output = calibrated.channel.output
    assert {name for name, _ in listed(calibrated)} == set()
    camera.collect(PointCloud2, 'free_space', clouds)
    if HAVE_NAV_MSGS:
        from nav_msgs.msg import OccupancyGrid
        camera.collect(OccupancyGrid, 'occupancy', grids)
    ros.wait_for(lambda: all(publisher.get_subscription_count() for publisher in
                             output.ground.publishers), what='free space')
    mask, _ = ask(camera, 3.0)
    cloud = ros.wait_for(lambda: clouds and clouds[0], what='the free space')
    assert cloud.header.stamp == mask.header.stamp
    assert cloud.header.frame_id == 'camera_optical_ground'
    expected = find_free_space(mask_of(mask), CAMERA, SURFACES, 40.0)
    assert len(expected.columns) > 0
    assert read(cloud, 'x') == pytest.approx(expected.x)
    assert read(cloud, 'y') == pytest.approx(expected.y, abs=1e-5)
    assert not read(cloud, 'z').any()
    assert read(cloud, 'class_id').tolist() == expected.class_ids.tolist()
    assert read(cloud, 'column').tolist() == expected.columns.tolist()
    if HAVE_NAV_MSGS:
        grid = ros.wait_for(lambda: grids and grids[0], what='the grid')
        assert grid.header == cloud.header
        assert (grid.info.width, grid.info.height, grid.info.resolution) == (160, 160, 0.25)
        origin = grid.info.origin
        assert (origin.position.x, origin.position.y, origin.orientation.w) == (0, -20, 1)
        cells = np.array(grid.data).reshape(160, 160)
        for x, y in zip(expected.x, expected.y, strict=True):
            assert cells[int((y + 20) / 0.25), int(x / 0.25)] == 100


def listed(calibrated):
    """What would go out for a frame beside mask and alerts."""
    perception = SimpleNamespace(
        ground=CAMERA, confidence=None,
        settings=calibrated.node.parameters.settings)
    return list(calibrated.channel.output.ground.others(perception, Header()))


def test_a_cloud_goes_out_with_the_classes_of_the_nearest_frame(ros, ask, calibrated):
    camera, labelled, confidences = calibrated.camera, [], []
    channel = calibrated.channel
    driver = camera.create_publisher(PointCloud2, 'camera/points_in', 10)
    assert not channel.clouds.is_receiving()
    camera.create_subscription(
        PointCloud2, '/segmentation/camera/points', labelled.append, qos_profile_sensor_data)
    camera.collect(Image, 'confidence', confidences)
    ros.wait_for(lambda: channel.clouds.is_receiving() and driver.get_subscription_count()
                 and channel.output.wants_confidence(), what='the cloud to be matched')

    rows, columns = np.mgrid[:60, :100]
    points = np.zeros((60, 100), XYZ)
    points['z'] = 5
    points['x'], points['y'] = (columns - 49.5) / 60 * 5, (rows - 9.5) / 60 * 5
    for stamp in (3.9, 4.0):
        driver.publish(cloud_message(
            points, Header(stamp=ns_to_stamp(round(stamp * 1e9)), frame_id='lidar')))
    ros.wait_for(lambda: channel.clouds.waiting == 2, what='both clouds')
    mask, _ = ask(camera, 4.01)
    cloud = ros.wait_for(lambda: labelled and labelled[0], what='the labelled cloud')
    confidence = ros.wait_for(lambda: confidences and confidences[-1], what='the confidence')
    # With its own header, and in its own order.
    assert (stamp_to_ns(cloud.header.stamp), cloud.header.frame_id) == (4_000_000_000, 'lidar')
    assert (cloud.height, cloud.width) == (60, 100)
    assert read(cloud, 'class_id').tolist() == mask_of(mask).ravel().tolist()
    difference = read(cloud, 'probability') * 255 - mask_of(confidence).ravel()
    assert np.abs(difference).max() < 0.501
    # It has gone out, and those before it are too old for any later frame.
    assert channel.clouds.waiting == 0


def test_points_ask_for_the_confidence_by_themselves(ros, ask, calibrated):
    camera, labelled, channel = calibrated.camera, [], calibrated.channel
    driver = camera.create_publisher(PointCloud2, 'camera/points_in', 10)
    camera.collect(PointCloud2, 'points', labelled)
    ros.wait_for(lambda: channel.clouds.is_receiving() and driver.get_subscription_count(),
                 what='the cloud to be matched')
    driver.publish(cloud_message(
        np.ones(1, XYZ), Header(stamp=ns_to_stamp(4_000_000_000), frame_id='lidar')))
    ros.wait_for(lambda: channel.clouds.waiting, what='the cloud')
    ask(camera, 4.0)
    ros.wait_for(lambda: labelled, what='the labelled cloud')
