import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from ruamel.yaml import YAML

from aim_ros.media.bag_types import TYPES
from aim_ros.media.sources import open_source
from aim_ros.recordings.kitti_to_bag import main

STREET = 'street:frames=3,size=48x96,rate=20'


def metadata(bag: Path) -> dict:
    return YAML(typ='safe').load(bag / 'metadata.yaml')['rosbag2_bagfile_information']


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_the_street_becomes_images_calibrations_and_labels(tmp_path, storage, read):
    assert main([STREET, str(tmp_path / 'bag'), '--storage', storage]) == 0
    topics = read(tmp_path / 'bag')
    assert set(topics) == {'/camera/image', '/camera/camera_info', '/camera/labels'}
    frames = list(open_source(STREET).frames())
    for frame, image, info, labels in zip(frames, *(
            topics[f'/camera/{name}'] for name in ('image', 'camera_info', 'labels')),
            strict=True):
        assert {image.time_ns, info.time_ns, labels.time_ns} == {frame.stamp_ns}
        for item in (image, info, labels):
            stamp = item.message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == frame.stamp_ns
        assert np.array_equal(image.message.data.reshape(frame.image.shape), frame.image)
        assert (labels.message.encoding, labels.message.step) == ('mono8', 96)
        assert np.array_equal(labels.message.data.reshape(48, 96), frame.labels)
        assert (info.message.k[0], info.message.width) == (frame.camera_model.fx, 96)


@pytest.mark.parametrize('kind', [[], ['png']])
def test_compressed_images_are_named_as_image_transport_does(tmp_path, kind, read):
    assert main([STREET, str(tmp_path / 'bag'), '--compressed', *kind]) == 0
    images = read(tmp_path / 'bag')['/camera/image/compressed']
    name = kind[0] if kind else 'jpeg'
    assert images[0].message.format == f'bgr8; {name} compressed bgr8'
    frame = next(iter(open_source(STREET).frames()))
    picture = cv2.imdecode(images[0].message.data, cv2.IMREAD_COLOR)[:, :, ::-1]
    difference = np.abs(picture.astype(int) - frame.image).mean()
    assert difference == 0 if kind else difference < 5
    replayed = next(iter(open_source(str(tmp_path / 'bag')).frames()))
    assert replayed.camera_model == frame.camera_model


def test_a_drives_stamps_and_calibration_are_kept(tmp_path, shared_data, read):
    drive = str(shared_data / 'kitti_raw' / 'seq_a')
    assert main([drive, str(tmp_path / 'bag'), '--frames', '2', '--every', '3',
                 '--topic', '/front/left/image']) == 0
    topics = read(tmp_path / 'bag')
    assert set(topics) == {'/front/left/image', '/front/left/camera_info'}
    first, second = topics['/front/left/image']
    frames = list(open_source(drive).frames(every=3))[:2]
    assert [first.time_ns, second.time_ns] == [frame.stamp_ns for frame in frames]
    assert first.message.header.frame_id == 'camera_02'
    assert topics['/front/left/camera_info'][0].message.p[0] == frames[0].camera_model.p[0]


def make_stereo(folder: Path) -> Path:
    for camera, fraction in (('02', '1'), ('03', '2')):
        data = folder / f'image_{camera}' / 'data'
        data.mkdir(parents=True)
        for index in range(3):
            cv2.imwrite(str(data / f'{index:010}.png'),
                        np.full((32, 48, 3), index + 10 * int(fraction), np.uint8))
        (data.parent / 'timestamps.txt').write_text(''.join(
            f'2011-09-26 13:02:2{index}.{fraction}\n' for index in range(3)))
    return folder


def test_several_cameras_are_written_in_the_order_of_their_times(tmp_path):
    drive = make_stereo(tmp_path / 'drive')
    assert main([str(drive), str(tmp_path / 'bag'), '--camera', '02', '--camera', '3']) == 0
    with Reader(tmp_path / 'bag') as reader:
        order = [(connection.topic, time) for connection, time, _ in reader.messages()]
    assert [topic for topic, _ in order] == ['/camera_02/image', '/camera_03/image'] * 3
    times = [time for _, time in order]
    assert times == sorted(times)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_the_metadata_are_what_rosbag2_demands(tmp_path, storage):
    """Of version 9: rosbag2_storage's yaml.hpp and qos.cpp read each of these."""
    assert main([STREET, str(tmp_path / 'street'), '--storage', storage]) == 0
    found = metadata(tmp_path / 'street')
    assert (found['version'], found['storage_identifier']) == (9, storage)
    assert (found['compression_format'], found['compression_mode']) == ('', '')
    assert found['message_count'] == 9
    assert found['duration']['nanoseconds'] == 100_000_000
    assert found['starting_time']['nanoseconds_since_epoch'] == 1_000_000_000
    file, = found['files']
    assert [file['path']] == found['relative_file_paths']
    assert (tmp_path / 'street' / file['path']).stem == 'street'
    assert file['message_count'] == 9
    for topic in found['topics_with_message_count']:
        assert topic['message_count'] == 3
        described = topic['topic_metadata']
        assert described['serialization_format'] == 'cdr'
        assert described['type_description_hash'].startswith('RIHS01_')
        profile, = described['offered_qos_profiles']
        assert profile['history'] == 'keep_last'
        assert profile['depth'] == 10
        assert profile['reliability'] == 'reliable'
        assert profile['durability'] == 'volatile'
        assert profile['liveliness'] == 'automatic'
        assert profile['avoid_ros_namespace_conventions'] is False
        # rmw's infinity, which rosbag2 writes so.
        for name in ('deadline', 'lifespan', 'liveliness_lease_duration'):
            assert profile[name] == {'sec': 9223372036, 'nsec': 854775807}


@pytest.mark.parametrize('msgtype', [
    'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/CameraInfo',
    'diagnostic_msgs/msg/DiagnosticArray'])
def test_types_hash_as_those_of_ros(msgtype):
    packages = pytest.importorskip(
        'ament_index_python.packages', reason='ROS 2, with its definitions, is not installed')
    package, _, name = msgtype.split('/')
    share = Path(packages.get_package_share_directory(package))
    known = json.loads((share / 'msg' / f'{name}.json').read_text())['type_hashes']
    expected = next(entry['hash_string'] for entry in known if entry['type_name'] == msgtype)
    assert TYPES.hash_rihs01(msgtype) == expected


@pytest.mark.parametrize(('arguments', 'said'), [
    (['nowhere'], "'nowhere' does not exist"),
    (['street:frames=0'], 'at least 1 frame'),
    ([STREET, '--option', 'wings=2'], "no option 'wings'"),
    ([STREET, '--topic', 'front image'], '--topic must be a topic'),
    ([STREET, '--camera', '02', '--camera', '03', '--topic', '/x'], '--topic is for one camera'),
    ([STREET, '--start', '3'], '--start is behind its end'),
    ([STREET, '--every', '0'], 'at least 1'),
    ([STREET, '--storage', 'tape'], 'invalid choice'),
])
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path, capsys, arguments, said):
    source, *others = arguments
    try:
        code = main([source, str(tmp_path / 'bag'), *others])
    except SystemExit as error:
        code = error.code
    assert code == 1
    text = capsys.readouterr().err
    assert said in text
    assert 'kitti_to_bag: ' in text
    assert 'Traceback' not in text
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_is_there_is_not_overwritten(tmp_path, capsys):
    (tmp_path / 'bag').mkdir()
    assert main([STREET, str(tmp_path / 'bag')]) == 1
    assert 'exists already' in capsys.readouterr().err


def test_damaged_frames_are_left_out_and_reported(tmp_path, capsys):
    drive = make_stereo(tmp_path / 'drive')
    (drive / 'image_02' / 'data' / '0000000001.png').write_bytes(b'no image')
    assert main([str(drive), str(tmp_path / 'bag')]) == 2
    assert 'left out: cannot read image' in capsys.readouterr().err
    with Reader(tmp_path / 'bag') as reader:
        assert reader.message_count == 2


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['--help'])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert 'ros2 run aim_ros kitti_to_bag' in text
    assert 'exit codes' in text
