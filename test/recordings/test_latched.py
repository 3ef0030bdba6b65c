"""What is latched belongs to every part of a recording, also where it was published before."""

import pytest
from recording_scenes import CAMERA
from recording_scenes import PERIOD_NS
from recording_scenes import scenes
from recording_scenes import START_NS

from aim_ros.media import bag_messages
from aim_ros.media.bag_types import new
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.bag_writer import qos
from aim_ros.recordings.process_bag import main

LATCHED, VOLATILE = qos(depth=1, latched=True), qos(depth=1)
BEGIN_NS = START_NS + 3 * PERIOD_NS  # with --start 0.3


def transforms(*frames, x=0.0):
    """Return static transforms from the vehicle to frames."""
    place = new('geometry_msgs/msg/Transform',
                translation=new('geometry_msgs/msg/Vector3', x=x, y=0.0, z=0.0),
                rotation=new('geometry_msgs/msg/Quaternion', x=0.0, y=0.0, z=0.0, w=1.0))
    return new('tf2_msgs/msg/TFMessage', transforms=[
        new('geometry_msgs/msg/TransformStamped', header=bag_messages.header(0, 'base_link'),
            child_frame_id=frame, transform=place) for frame in frames])


def text(value):
    return new('std_msgs/msg/String', data=value)


@pytest.fixture
def bag(tmp_path):
    """A drive whose first three frames are not to be taken, with what was published by then."""
    with BagWriter(tmp_path / 'drive') as bag:
        for frame in scenes(6):
            header = bag_messages.header(frame.stamp_ns, 'camera_optical')
            bag.write('/camera/image', frame.stamp_ns,
                      bag_messages.image(frame.image, frame.encoding, header))
            if frame.index < 2:
                bag.write('/camera/camera_info', frame.stamp_ns + 1,
                          bag_messages.camera_info(CAMERA, header), LATCHED)
                bag.write('/tf_static', frame.stamp_ns + 2, transforms('lidar', x=frame.index),
                          LATCHED)
                bag.write('/other/tf_static', frame.stamp_ns + 2, transforms('radar'), VOLATILE)
            if frame.index == 1:
                bag.write('/tf_static', frame.stamp_ns + 3, transforms('camera', 'imu'), LATCHED)
            bag.write('/robot_description', frame.stamp_ns + 4, text(f'{frame.index}'), LATCHED)
            bag.write('/chatter', frame.stamp_ns + 5, text(f'{frame.index}'), VOLATILE)
    return tmp_path / 'drive'


@pytest.fixture
def process(tmp_path, network, bag, read):
    """Return a function that processes the drive, and what the result holds."""
    def process(*options):
        assert main([str(bag), '--out', str(tmp_path / 'out'), *network, *options]) == 0
        return read(tmp_path / 'out' / 'drive')
    return process


def test_what_was_latched_before_a_part_stands_at_its_start(process, bag, read):
    topics, before = process('--with-inputs', '--start', '0.3'), read(bag)

    def found(topic):
        return [(item.time_ns, item.data) for item in topics[topic]]

    # The last transforms of each broadcaster, however often it spoke.
    assert found('/tf_static') == [
        (BEGIN_NS, before['/tf_static'][index].data) for index in (1, 2)]
    assert found('/other/tf_static') == [(BEGIN_NS, before['/other/tf_static'][1].data)]
    assert found('/camera/camera_info') == [(BEGIN_NS, before['/camera/camera_info'][1].data)]
    assert [item.message.data for item in topics['/robot_description']] == list('2345')
    assert topics['/robot_description'][0].time_ns == BEGIN_NS
    assert [item.message.data for item in topics['/chatter']] == list('345')
    assert topics['/chatter'][0].time_ns == BEGIN_NS + 5


def test_from_the_beginning_everything_stands_where_it_was(process, bag, read):
    topics = process('--with-inputs')
    for topic, items in read(bag).items():
        assert [(item.time_ns, item.data) for item in topics[topic]] == [
            (item.time_ns, item.data) for item in items]


def test_without_inputs_nothing_is_copied(process):
    topics = process('--start', '0.3')
    assert all(topic.startswith('/segmentation/') for topic in topics)
