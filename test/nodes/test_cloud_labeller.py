from types import SimpleNamespace

from geometry_msgs.msg import TransformStamped
import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from aim_ros.imaging.camera import CameraModel
from aim_ros.nodes.messages.clouds import cloud_message
from aim_ros.nodes.messages.clouds import CloudError
from aim_ros.nodes.messages.clouds import points_of
from aim_ros.nodes.messages.conversions import ns_to_stamp
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.segmentation.cloud_labeller import CloudLabeller
from aim_ros.perception.settings import OutputSettings
from aim_ros.segmentation.labels import CITYSCAPES

CAMERA = CameraModel(8, 6, fx=4, fy=4, cx=3.5, cy=2.5)
XYZ = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4')])
CAR = 13


class Publisher:
    """Keeps what is published, for as many listeners as a test says."""

    def __init__(self):
        self.listeners = 1
        self.sent: list[PointCloud2] = []

    def get_subscription_count(self):
        return self.listeners

    def publish(self, message):
        self.sent.append(message)


@pytest.fixture
def publisher():
    return Publisher()


@pytest.fixture
def labeller(publisher):
    return CloudLabeller(None, 'front', CITYSCAPES, None, publisher)


def cloud(seconds, points=((0, 0, 2), (0, 0, -2)), frame_id='optical'):
    array = np.array([tuple(map(float, point)) for point in points], XYZ)
    return cloud_message(array, Header(stamp=ns_to_stamp(round(seconds * 1e9)), frame_id=frame_id))


def perception(seconds, max_age=0.0, **outputs):
    return SimpleNamespace(
        frame=SimpleNamespace(stamp_ns=round(seconds * 1e9), frame_id='optical'),
        mask=np.full((6, 8), CAR, np.uint8), confidence=np.full((6, 8), 0.75, np.float32),
        settings=SimpleNamespace(max_age=max_age, outputs=OutputSettings(**outputs)))


def publish(labeller, seen, camera=CAMERA):
    """Publish all that goes out for a frame; return how much that is."""
    found = list(labeller.others(seen, lambda: camera))
    for _, send in found:
        send()
    return len(found)


def stamps(publisher):
    return [stamp_to_ns(message.header.stamp) / 1e9 for message in publisher.sent]


def test_the_cloud_nearest_to_the_frame_goes_out_once(labeller, publisher):
    for seconds in (1.0, 1.1, 1.2, 1.3):
        labeller.receive(cloud(seconds))
    assert publish(labeller, perception(1.12)) == 1
    assert stamps(publisher) == [1.1]
    # The one before it is gone, those after it wait.
    assert labeller.waiting == 2
    assert publish(labeller, perception(1.13)) == 1
    assert stamps(publisher) == [1.1, 1.2]


@pytest.mark.parametrize(('max_age', 'apart', 'goes'), [
    (0.0, 0.99, True), (0.0, 1.01, False), (0.2, 0.19, True), (0.2, 0.21, False),
    (3.0, 2.5, True)])
def test_a_cloud_that_is_too_far_from_the_frame_does_not(labeller, max_age, apart, goes):
    labeller.receive(cloud(5.0))
    for seconds in (5.0 - apart, 5.0 + apart):
        assert publish(labeller, perception(seconds, max_age)) == goes
        if goes:
            labeller.receive(cloud(5.0))


@pytest.mark.parametrize(('begin', 'said'), [
    (5.0, r'points_in are 994\.3 s behind those of the images, and 1 s are allowed'),
    (2000.0, r'points_in are 1000\.0 s ahead of those of the images')])
def test_clouds_by_another_clock_are_said_so(labeller, begin, said):
    for number in range(8):
        assert publish(labeller, perception(1000.0)) == 0
        labeller.receive(cloud(begin + 0.1 * number))
    with pytest.raises(CloudError, match=said):
        publish(labeller, perception(1000.0))


def test_a_list_of_points_loses_those_without_a_class(labeller, publisher):
    labeller.receive(cloud(1.0))
    publish(labeller, perception(1.0))
    assert points_of(publisher.sent[0]).tolist() == [[0, 0, 2]]


def test_nothing_is_made_for_nobody(labeller, publisher):
    labeller.receive(cloud(1.0))
    publisher.listeners = 0
    assert publish(labeller, perception(1.0)) == 0
    publisher.listeners = 1
    without = perception(1.0)
    without.confidence = None
    assert publish(labeller, without) == 0
    assert labeller.waiting == 1


def test_memory_is_bounded(labeller):
    for seconds in range(100):
        labeller.receive(cloud(float(seconds)))
    assert labeller.waiting == 8


def test_where_frames_are_comes_from_tf_static(labeller, publisher):
    # One metre above the camera, so that a point at its height is seen 4 pixels higher at 1 m.
    link = TransformStamped(header=Header(frame_id='optical'), child_frame_id='lidar')
    link.transform.translation.y = -1.0
    labeller.transforms.receive(SimpleNamespace(transforms=[link]))
    labeller.receive(cloud(1.0, [(0, 0, 1), (0, 1, 1)], 'lidar'))
    publish(labeller, perception(1.0))
    assert points_of(publisher.sent[0]).tolist() == [[0, 1, 1]]


def test_where_frames_are_may_be_given(labeller, publisher):
    labeller.receive(cloud(1.0, [(0, 0, 1), (0, 1, 1)], 'lidar'))
    publish(labeller, perception(
        1.0, point_transforms={'front': (0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)}))
    assert points_of(publisher.sent[0]).tolist() == [[0, 1, 1]]


def test_a_frame_that_is_nowhere_is_named_with_what_would_mend_it(labeller):
    labeller.receive(cloud(1.0, frame_id='lidar'))
    with pytest.raises(CloudError, match=r"'lidar'.*front\.points\.transform"):
        publish(labeller, perception(1.0))


def test_without_a_calibration_that_is_said(labeller):
    labeller.receive(cloud(1.0))
    with pytest.raises(CloudError, match='no usable CameraInfo of front'):
        publish(labeller, perception(1.0), camera=None)


def test_ids_may_be_autowares(labeller, publisher):
    labeller.receive(cloud(1.0))
    publish(labeller, perception(1.0, point_ids='autoware'))
    message = publisher.sent[0]
    assert (CAR, message.data[12]) == (13, 0)


def test_silence_counts_from_the_last_cloud_while_somebody_listens(publisher, clock):
    subscription = SimpleNamespace(get_publisher_count=lambda: 1)
    node = SimpleNamespace(
        create_subscription=lambda *_, **__: subscription, destroy_subscription=lambda _: None)
    labeller = CloudLabeller(node, 'front', CITYSCAPES, None, publisher, clock)
    clock.now += 9
    assert labeller.silence() == 0
    labeller.subscribe_on_demand()
    clock.now += 3
    assert labeller.silence() == 3
    labeller.receive(cloud(1.0))
    clock.now += 1
    assert labeller.silence() == 1
    publisher.listeners = 0
    labeller.subscribe_on_demand()
    assert labeller.silence() == 0
