"""Recordings that hold more than ROS 2's messages: what is ROS 2's is played."""

import shutil
import sqlite3

from mcap.writer import CompressionType
from mcap.writer import IndexType
from mcap.writer import Writer
import numpy as np
import pytest

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.media.bag_types import TYPES
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Recording
from aim_ros.media.rosbag import write_bag
from aim_ros.media.sources import open_source

COUNT = 6
CAMERA = CameraModel(12, 8, 7.0, 7.5, 6.0, 4.0)
OTHERS = {
    # As a set of protobuf's file descriptors is, this is no text in UTF-8.
    'protobuf': ('foxglove.PoseInFrame', 'protobuf', b'\x0a\xf5\x01\xff\xfe', 'protobuf'),
    'jsonschema': ('Pose', 'jsonschema', b'{}', 'json'),
    'flatbuffer': ('foxglove.Grid', 'flatbuffer', b'\xff\x00', 'flatbuffer'),
    'ros1': ('sensor_msgs/Image', 'ros1msg', b'', 'ros1'),
    'without a schema': None,
}


@pytest.fixture
def frames():
    rng = np.random.default_rng(1)
    return [Frame(rng.integers(0, 256, (8, 12, 3), np.uint8), 'rgb8', stamp_ns=10**18 + index,
                  index=index, camera_model=CAMERA, frame_id='left') for index in range(COUNT)]


def write_mixed(path, frames, others=tuple(OTHERS), *, profile='', index=True, **options):
    """Write frames, and beside each a message of topics of other kinds, which come first."""
    bag = path.with_suffix('.bag')
    write_bag(bag, frames)
    kinds = {'index_types': IndexType.ALL if index else IndexType.NONE,
             'use_summary_offsets': index, 'use_statistics': index, 'repeat_channels': index,
             'repeat_schemas': index, **options}
    with path.open('wb') as file, Recording(bag) as recording:
        writer = Writer(file, **kinds)
        writer.start(profile=profile)
        foreign = [writer.register_channel(f'/other/{number}', 'json', 0) if OTHERS[kind] is None
                   else writer.register_channel(f'/other/{number}', OTHERS[kind][3],
                                                writer.register_schema(*OTHERS[kind][:3]))
                   for number, kind in enumerate(others)]
        known = {}
        for message in recording.timeline(set(recording.topics)):
            topic = message.connection.topic
            if topic not in known:
                definition, _ = TYPES.generate_msgdef(message.msgtype, ros_version=2)
                known[topic] = writer.register_channel(topic, 'cdr', writer.register_schema(
                    message.msgtype, 'ros2msg', definition.encode()))
            for channel in foreign:
                writer.add_message(channel, message.recorded_ns, b'\xff{}', message.recorded_ns)
            writer.add_message(
                known[topic], message.recorded_ns, message.data, message.recorded_ns)
        writer.finish()
    shutil.rmtree(bag)
    return path


def check_played(source, frames):
    played = list(source.frames())
    assert len(source) == len(played) == len(frames)
    for frame, original in zip(played, frames, strict=True):
        np.testing.assert_array_equal(frame.image, original.image)
        assert (frame.stamp_ns, frame.frame_id) == (original.stamp_ns, 'left')
        assert frame.camera_model == CAMERA


@pytest.mark.parametrize('index', [True, False], ids=['index', 'no index'])
@pytest.mark.parametrize('profile', ['ros2', ''])
@pytest.mark.parametrize('others', [[kind] for kind in OTHERS] + [list(OTHERS), []])
def test_what_is_ros_2s_is_played_beside_whatever_else(tmp_path, frames, others, profile, index):
    path = write_mixed(tmp_path / 'a.mcap', frames, others, profile=profile, index=index)
    source = open_source(str(path))
    check_played(source, frames)
    for number, kind in enumerate(others):
        name, _, _, encoding = OTHERS[kind] or ('__schemaless__', '', '', 'json')
        assert source.name.count(f'/other/{number} ({name} in {encoding})') == 1
    assert ('left out, as they are not of ROS 2' in source.name) is bool(others)


def test_so_it_is_in_a_folder_whose_metadata_names_the_file(tmp_path, frames):
    write_bag(tmp_path / 'bag', frames)
    file, = (tmp_path / 'bag').glob('*.mcap')
    write_mixed(file, frames)
    source = open_source(str(tmp_path / 'bag'))
    check_played(source, frames)
    assert source.name.count('/other/0') == 1
    assert 'damaged' not in source.name


@pytest.mark.parametrize('chunked', [True, False])
def test_of_a_mixed_file_without_its_end_the_rest_is_played(tmp_path, frames, chunked):
    path = write_mixed(tmp_path / 'a.mcap', frames, use_chunking=chunked, chunk_size=2000)
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])
    source = open_source(str(path))
    assert 0 < len(source) < COUNT
    check_played(source, frames[:len(source)])
    assert 'its end is missing' in source.name
    assert 'left out, as they are not of ROS 2: /other/0 (' in source.name


def test_behind_a_damaged_part_of_a_mixed_file_it_goes_on(tmp_path, frames):
    path = write_mixed(
        tmp_path / 'a.mcap', frames, chunk_size=1, compression=CompressionType.NONE)
    data = bytearray(path.read_bytes())
    data[data.index(frames[2].image.tobytes())] ^= 0xff
    path.write_bytes(data)
    lost = []
    played = list(open_source(str(path)).frames(on_loss=lost.append))
    assert lost
    assert [frame.stamp_ns for frame in played] == [
        frame.stamp_ns for frame in (*frames[:2], *frames[3:])]


def test_a_file_without_anything_of_ros_2_names_what_it_holds(tmp_path):
    path = write_mixed(tmp_path / 'a.mcap', [])
    with path.open('wb') as file:
        writer = Writer(file)
        writer.start()
        topic = writer.register_channel(
            '/pose', 'json', writer.register_schema('Pose', 'jsonschema', b'{}'))
        writer.add_message(topic, 1, b'{}', 1)
        writer.finish()
    with pytest.raises(MediaError, match=(
            r'none of its messages are of ROS 2: /pose \(Pose in json\)$')):
        open_source(str(path))


@pytest.mark.parametrize('metadata', [True, False])
def test_a_topic_whose_definition_the_recorder_did_not_find_hinders_no_other(
        tmp_path, frames, metadata):
    write_bag(tmp_path / 'bag', frames, storage='sqlite3')
    if not metadata:
        (tmp_path / 'bag' / 'metadata.yaml').unlink()
    file, = (tmp_path / 'bag').glob('*.db3')
    with sqlite3.connect(file) as database:
        # As rosbag2 notes a type whose package is not installed where it records.
        database.execute("UPDATE message_definitions SET encoding = 'unknown', "
                         "encoded_message_definition = '' WHERE topic_type LIKE '%CameraInfo'")
    database.close()
    source = open_source(str(tmp_path / 'bag'))
    check_played(source, frames)
    assert 'damaged' not in source.name
