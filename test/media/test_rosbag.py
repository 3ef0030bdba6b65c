from dataclasses import replace
import errno
import os
import re
import resource
import shutil

import cv2
import numpy as np
import odd_values
import pytest
from rosbags.rosbag2 import CompressionFormat
from rosbags.rosbag2 import CompressionMode
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from ruamel.yaml import YAML

try:
    from compression import zstd
except ImportError:
    from backports import zstd

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.encodings import ENCODINGS
from aim_ros.imaging.frame import Frame
from aim_ros.media import bag_messages
from aim_ros.media import recording
from aim_ros.media.bag_files import missing_parts
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.frames import FIRST_STAMP_NS
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Recording
from aim_ros.media.rosbag import write_bag
from aim_ros.media.sources import open_source
from aim_ros.media.unpacking import remove_unpacked

PLUGINS = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
TYPES = get_typestore(Stores.ROS2_JAZZY)
CAMERA = CameraModel(
    12, 8, 7.0, 7.5, 6.0, 4.0, distortion=(0.1, 0.2, 0.3, 0.4, 0.5),
    p=(7.2, 0.01, 5.9, 3.0, 0.0, 7.4, 4.1, 7.0, 0.0, 0.0, 1.0, 0.003)
)


def make_frames(encoding='rgb8', count=4, camera=CAMERA):
    rng = np.random.default_rng(1)
    return [
        Frame(
            rng.integers(0, 256, (8, 12, ENCODINGS[encoding].channels), np.uint8), encoding,
            stamp_ns=1317042140_964389445 + index * 100_000_001, index=index,
            camera_model=camera, frame_id='left')
        for index in range(count)
    ]


def header(stamp_ns=0):
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    time = TYPES.types['builtin_interfaces/msg/Time'](seconds, nanoseconds)
    return TYPES.types['std_msgs/msg/Header'](time, 'left')


def write_messages(path, messages):
    """Write (topic, message) pairs to a bag."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        connections = {}
        for number, (topic, message) in enumerate(messages):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, kind, typestore=TYPES)
            bag.write(connections[topic], number, TYPES.serialize_cdr(message, kind))
    return path


def image_message(data, encoding='rgb8', height=8, width=12, step=None):
    step = width * 3 if step is None else step
    return TYPES.types['sensor_msgs/msg/Image'](
        header(), height, width, encoding, 0, step, np.asarray(data, np.uint8).reshape(-1)
    )


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('encoding', ENCODINGS)
def test_round_trip(tmp_path, storage, encoding):
    written = make_frames(encoding)
    write_bag(tmp_path / 'bag', written, camera='front', storage=storage)
    source = open_source(str(tmp_path / 'bag'))
    assert len(source) == len(written)
    assert '/front/image' in source.name
    read = list(source.frames())
    for old, new in zip(written, read, strict=True):
        np.testing.assert_array_equal(new.image, old.image)
        for name in ('encoding', 'stamp_ns', 'index', 'camera_model', 'frame_id'):
            assert getattr(new, name) == getattr(old, name)


def test_start_and_every_and_again(tmp_path):
    write_bag(tmp_path / 'bag', make_frames(count=7))
    source = open_source(str(tmp_path / 'bag'))
    for _ in range(2):
        assert [frame.index for frame in source.frames(start=1, every=3)] == [1, 4]
    frames = source.frames()
    assert next(frames).index == 0
    frames.close()


def test_without_camera_info(tmp_path):
    write_bag(tmp_path / 'bag', make_frames(camera=None))
    assert next(open_source(str(tmp_path / 'bag')).frames()).camera_model is None


def test_a_cropped_and_binned_camera_is_that_of_its_image(tmp_path):
    pixels = make_frames()[0].image
    k = np.array([70.0, 0, 50, 0, 72, 40, 0, 0, 1])
    p = np.array([60.0, 0, 48, 30, 0, 64, 44, 0, 0, 0, 1, 0])
    roi = TYPES.types['sensor_msgs/msg/RegionOfInterest'](
        x_offset=20, y_offset=30, height=32, width=24, do_rectify=False)
    info = TYPES.types['sensor_msgs/msg/CameraInfo'](
        header(), 100, 200, 'plumb_bob', np.zeros(0), k, np.eye(3).ravel(), p, 2, 4, roi)
    path = write_messages(tmp_path / 'bag', [
        ('/cam/image', image_message(pixels)), ('/cam/camera_info', info)])
    camera = next(open_source(str(path)).frames()).camera_model
    assert (camera.width, camera.height) == (12, 8)
    assert (camera.fx, camera.fy) == (35, 18)
    # A binned pixel's centre is between those of its two, or four.
    assert (camera.cx, camera.cy) == pytest.approx(((50 - 20 - 0.5) / 2, (40 - 30 - 1.5) / 4))
    assert camera.p == pytest.approx(
        (30, 0, (48 - 20 - 0.5) / 2, 15, 0, 16, (44 - 30 - 1.5) / 4, 0, 0, 0, 1, 0))


def test_compressed_images(tmp_path):
    pixels = make_frames()[0].image
    compressed = TYPES.types['sensor_msgs/msg/CompressedImage']
    data = cv2.imencode('.png', pixels)[1].reshape(-1)
    path = write_messages(
        tmp_path / 'bag',
        [
            ('/cam/image/compressed', compressed(header(5), 'rgb8; png', data)),
            ('/cam/image/compressed', compressed(header(6), 'rgb8; png', data[:20])),
        ],
    )
    frames = open_source(str(path)).frames()
    frame = next(frames)
    assert (frame.encoding, frame.stamp_ns) == ('bgr8', 5)
    np.testing.assert_array_equal(frame.image, pixels)
    with pytest.raises(MediaError, match='/cam/image/compressed, message 1: the 20 bytes of'):
        next(frames)


def test_padded_rows(tmp_path):
    pixels = make_frames()[0].image
    padded = np.full((8, 40), 255, np.uint8)
    padded[:, :36] = pixels.reshape(8, 36)
    path = write_messages(tmp_path / 'bag', [('/image', image_message(padded, step=40))])
    np.testing.assert_array_equal(next(open_source(str(path)).frames()).image, pixels)


@pytest.mark.parametrize(
    ('message', 'sentence'),
    [
        (image_message(np.zeros(288), '16UC1', step=24),
         "topic /image: message 0: '16UC1' is a depth image, and no picture"),
        (image_message(np.zeros(288), 'xyz8'),
         "message 0: unsupported encoding 'xyz8'; supported: rgb8, bgr8"),
        (image_message(np.zeros(287)), r'287 bytes; expected step \* height = 36 \* 8 = 288'),
        (image_message(np.zeros(288), step=35), 'step is 35'),
        (image_message(np.zeros(0), height=0), 'the image is 0x12 pixels'),
    ],
)
def test_wrong_images(tmp_path, message, sentence):
    path = write_messages(tmp_path / 'bag', [('/image', message)])
    with pytest.raises(MediaError, match=sentence):
        next(open_source(str(path)).frames())


def test_choice_of_topic(tmp_path):
    message = image_message(np.zeros(288))
    clock = TYPES.types['rosgraph_msgs/msg/Clock'](header().stamp)
    path = write_messages(
        tmp_path / 'bag',
        [('/right/image', message), ('/left/image', message), ('/clock', clock)],
    )
    source = open_source(str(path))
    assert source.topic == '/left/image'
    assert 'also there: /right/image' in source.name
    assert open_source(str(path), topic='/right/image').topic == '/right/image'
    with pytest.raises(MediaError, match="'/clock'; its image topics: /left/image, /right/image"):
        open_source(str(path), topic='/clock')


def test_a_bag_without_images(tmp_path):
    clock = TYPES.types['rosgraph_msgs/msg/Clock'](header().stamp)
    path = write_messages(tmp_path / 'bag', [('/clock', clock)])
    with pytest.raises(MediaError, match='no image topic; its topics: /clock '):
        open_source(str(path))


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_damaged_bags_are_named_in_one_line(tmp_path, storage):
    path = tmp_path / 'bag'
    write_bag(path, make_frames(count=20), storage=storage)
    (data,) = (file for file in path.iterdir() if file.suffix in ('.mcap', '.db3'))
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=f'cannot read rosbag {path}: ') as caught:
        list(open_source(str(path)).frames())
    assert '\n' not in str(caught.value)
    data.unlink()
    with pytest.raises(MediaError, match='missing'):
        open_source(str(path))
    (path / 'metadata.yaml').write_text('{ not: [yaml\n')
    with pytest.raises(MediaError, match='YAML') as caught:
        open_source(str(path))
    assert '\n' not in str(caught.value)


COMPRESSED = TYPES.types['sensor_msgs/msg/CompressedImage']
GOOD = image_message(np.zeros(288))
DEPTH = image_message(np.zeros(192), '16UC1', step=24)
BROKEN = image_message(np.zeros(7))


def add_topic(path, topic, kind='sensor_msgs/msg/Image'):
    """Announce a topic without messages in a bag's metadata, as a recorder does."""
    metadata = (path / 'metadata.yaml')
    document = YAML(typ='safe').load(metadata.read_text())
    entry = {'topic_metadata': {
        'name': topic, 'type': kind, 'serialization_format': 'cdr', 'offered_qos_profiles': [],
        'type_description_hash': ''}, 'message_count': 0}
    document['rosbag2_bagfile_information']['topics_with_message_count'].append(entry)
    with metadata.open('w') as file:
        YAML(typ='safe').dump(document, file)


@pytest.mark.parametrize('bad', [
    DEPTH, BROKEN, image_message(np.zeros(288), 'holographic'),
    COMPRESSED(header(), '16UC1; compressedDepth png', np.zeros(50, np.uint8)),
    COMPRESSED(header(), 'jpeg', np.zeros(50, np.uint8))])
def test_the_first_topic_that_can_be_played_is_taken(tmp_path, bad):
    path = write_messages(tmp_path / 'bag', [
        ('/a/depth', bad), ('/b/image', GOOD), ('/c/image', GOOD)])
    add_topic(path, '/a/empty')
    source = open_source(str(path))
    assert source.topic == '/b/image'
    assert len(list(source.frames())) == 1
    for topic in ('/a/depth', '/a/empty'):
        with pytest.raises(MediaError, match=(
                f'topic {topic}: .*; to be played: /b/image, /c/image; choose with '
                'topic=/b/image$')):
            open_source(str(path), topic=topic)


def test_a_bag_without_anything_to_play_says_why_of_each_topic(tmp_path):
    path = write_messages(tmp_path / 'bag', [('/a/depth', DEPTH), ('/b/image', BROKEN)])
    add_topic(path, '/c/image')
    with pytest.raises(MediaError, match=(
            r"/a/depth: message 0: '16UC1' is a depth image.*; topic /b/image: message 0: the "
            'data has 7 bytes.*; topic /c/image: it has no messages')):
        open_source(str(path))


def test_damaged_messages_are_left_out(tmp_path):
    path = write_messages(tmp_path / 'bag', [
        ('/image', message) for message in (BROKEN, GOOD, BROKEN, BROKEN, GOOD)])
    source, losses = open_source(str(path)), []
    assert [frame.index for frame in source.frames(on_loss=losses.append)] == [1, 4]
    assert [f'message {index}' in str(loss)
            for index, loss in zip((0, 2, 3), losses, strict=True)] == [True] * 3
    with pytest.raises(MediaError, match='message 0'):
        list(source.frames())


def test_a_damaged_calibration_is_left_out(tmp_path):
    path = write_messages(tmp_path / 'bag', [('/cam/image', GOOD)])
    with Writer(tmp_path / 'damaged', version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        images = bag.add_connection('/cam/image', GOOD.__msgtype__, typestore=TYPES)
        infos = bag.add_connection(
            '/cam/camera_info', 'sensor_msgs/msg/CameraInfo', typestore=TYPES)
        bag.write(infos, 1, b'\0\1\0\0junk')
        bag.write(images, 2, TYPES.serialize_cdr(GOOD, GOOD.__msgtype__))
    for place in (path, tmp_path / 'damaged'):
        assert next(open_source(str(place)).frames()).camera_model is None


def test_every_encoding_is_converted(tmp_path):
    path = write_messages(tmp_path / 'bag', [
        ('/image', image_message(np.full(96 * 2, 130), 'yuv422', step=24)),
        ('/image', image_message(np.full(96, 50), 'bayer_rggb8', step=12)),
        ('/image', image_message(np.full(96 * 3 // 2, 128), 'nv12', step=12))])
    assert [(frame.encoding, frame.size) for frame in open_source(str(path)).frames()] == [
        ('bgr8', (8, 12))] * 3


def test_the_time_of_recording_is_known_where_a_recorder_wrote(tmp_path):
    frames = [replace(frame, recorded_ns=5_000_000_000 + frame.index * 90_000_000)
              for frame in make_frames()]
    write_bag(tmp_path / 'bag', frames)
    read = list(open_source(str(tmp_path / 'bag')).frames())
    assert [frame.recorded_ns for frame in read] == [frame.recorded_ns for frame in frames]
    path = write_messages(tmp_path / 'converted', [('/image', GOOD)] * 9)
    assert {frame.recorded_ns for frame in open_source(str(path)).frames()} == {None}


def file_of(path):
    return next(file for file in path.iterdir() if file.suffix in ('.mcap', '.db3'))


STORAGES = pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])


@STORAGES
def test_a_file_alone_is_played(tmp_path, storage):
    write_bag(tmp_path / 'bag', make_frames(), storage=storage)
    file = file_of(tmp_path / 'bag')
    alone = file.rename(tmp_path / file.name)
    assert len(list(open_source(str(alone)).frames())) == 4


@STORAGES
@pytest.mark.parametrize(('old', 'new'), [
    (None, None),
    ('storage_identifier: mcap', 'storage_identifier: ""'),
    ('storage_identifier: sqlite3', 'storage_identifier: ""'),
    ('version: 9', 'version: 99'),
    ('rosbag2_bagfile_information', 'something_else'),
    ('rosbag2_bagfile_information:', '{ no: [yaml'),
])
def test_files_are_played_where_metadata_is_of_no_use(tmp_path, storage, old, new):
    write_bag(tmp_path / 'bag', make_frames(), storage=storage)
    metadata = tmp_path / 'bag' / 'metadata.yaml'
    if old is None:
        metadata.unlink()
    else:
        metadata.write_text(metadata.read_text().replace(old, new))
    source = open_source(str(tmp_path / 'bag'))
    assert len(list(source.frames())) == len(source) == 4
    assert 'report' not in source.name


@STORAGES
def test_what_cannot_be_opened_names_reindex_and_asks_for_no_report(tmp_path, storage):
    write_bag(tmp_path / 'bag', make_frames(), storage=storage)
    path = tmp_path / 'bag'
    metadata = path / 'metadata.yaml'
    text = metadata.read_text()
    file_of(path).write_bytes(b'no recording')
    for content in (text, text.replace(f'storage_identifier: {storage}', 'storage_identifier: '),
                    text.replace('version: 9', 'version: 10')):
        metadata.write_text(content)
        for place in (path, file_of(path)):
            with pytest.raises(MediaError, match='"ros2 bag reindex"') as caught:
                open_source(str(place))
            assert 'report' not in str(caught.value)
            assert '\n' not in str(caught.value)


def test_a_split_recording_without_metadata_is_played_in_order(tmp_path):
    frames = make_frames(count=11)
    (tmp_path / 'split').mkdir()
    for index, frame in enumerate(frames):
        write_bag(tmp_path / f'part_{index}', [frame])
        file = file_of(tmp_path / f'part_{index}')
        file.rename(tmp_path / 'split' / file.name)
    source = open_source(str(tmp_path / 'split'))
    assert [frame.stamp_ns for frame in source.frames()] == [frame.stamp_ns for frame in frames]
    (tmp_path / 'split' / 'part_4.mcap').write_bytes(b'no recording')
    source = open_source(str(tmp_path / 'split'))
    assert len(list(source.frames())) == len(source) == 10
    assert '(part_4.mcap: File magic is invalid' in source.name


def write_numbers(writer, count):
    """Write images each of which is its number in grey."""
    with writer as bag:
        topic = bag.add_connection(
            '/camera/image', 'sensor_msgs/msg/Image', typestore=TYPES)
        for number in range(count):
            bag.write(topic, number, TYPES.serialize_cdr(
                image_message(np.full(288, number)), topic.msgtype))


@STORAGES
@pytest.mark.parametrize('mode', [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_what_a_recorder_compressed_is_played_without_metadata(tmp_path, storage, mode):
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=PLUGINS[storage])
    writer.set_compression(mode, CompressionFormat.ZSTD)
    write_numbers(writer, 3)
    # A recorder writes it last of all.
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    frames = list(open_source(str(tmp_path / 'bag')).frames())
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 1, 2]
    if mode == CompressionMode.FILE:
        packed, = (tmp_path / 'bag').iterdir()
        packed.write_bytes(packed.read_bytes()[:50])
        with pytest.raises(MediaError, match=f'{packed.name}: it is damaged'):
            open_source(str(tmp_path / 'bag'))


def pack(file, ending):
    """Compress a file as a whole, as a recorder does, or the tool zstd."""
    packed = file.with_name(file.name + ending)
    packed.write_bytes(zstd.compress(file.read_bytes()))
    return packed


@STORAGES
@pytest.mark.parametrize('ending', ['.zstd', '.zst'])
def test_a_lone_file_that_is_compressed_is_unpacked_for_as_long_as_it_is_there(
        tmp_path, monkeypatch, storage, ending):
    write_bag(tmp_path / 'bag', make_frames(), storage=storage)
    packed = pack(file_of(tmp_path / 'bag'), ending)
    lone = packed.rename(tmp_path / packed.name)
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    source = open_source(str(lone))
    assert f'MB in {tmp_path / "temporary"}' in source.name
    for _ in range(2):
        assert [frame.stamp_ns for frame in source.frames()] == [
            frame.stamp_ns for frame in make_frames()]
    del source
    assert not list((tmp_path / 'temporary').iterdir())


@STORAGES
@pytest.mark.parametrize('metadata', [True, False])
def test_what_a_recorder_compressed_as_a_whole_is_unpacked_once(
        tmp_path, monkeypatch, storage, metadata):
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=PLUGINS[storage])
    writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    write_numbers(writer, 5)
    if not metadata:
        (tmp_path / 'bag' / 'metadata.yaml').unlink()
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    unpacked, copy = [], shutil.copyfileobj
    monkeypatch.setattr('shutil.copyfileobj', lambda source, target, *length: (
        unpacked.append(target.name), copy(source, target, *length)))
    source = open_source(str(tmp_path / 'bag'))
    assert 'metadata.yaml' not in source.name
    assert f'MB in {tmp_path / "temporary"}' in source.name
    one, other = source.frames(), source.frames()
    for _ in range(2):
        assert [frame.image[0, 0, 0] for frame in source.frames()] == [0, 1, 2, 3, 4]
    assert len(unpacked) == 1
    # Each reads by itself.
    assert [frame.image[0, 0, 0] for pair in zip(one, other, strict=True) for frame in pair] == [
        0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    remove_unpacked()
    assert not list((tmp_path / 'temporary').iterdir())


def test_a_compressed_recording_keeps_what_its_metadata_says(tmp_path):
    """Of mcap files, rosbags has a type's hash from there alone: to copy messages takes it."""
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    write_numbers(writer, 1)
    with Recording(tmp_path / 'bag') as recording:
        message, = recording.timeline(['/camera/image'])
        assert message.connection.digest.startswith('RIHS01_')


@STORAGES
@pytest.mark.parametrize('mode', [CompressionMode.NONE, CompressionMode.FILE])
def test_files_that_the_metadata_does_not_name_are_named_once(tmp_path, caplog, storage, mode):
    writer = Writer(tmp_path / 'bag', version=9, storage_plugin=PLUGINS[storage])
    if mode != CompressionMode.NONE:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    write_numbers(writer, 3)
    place = tmp_path / 'bag'
    its, = (path for path in place.iterdir() if path.name != 'metadata.yaml')
    source = open_source(str(place))
    assert len(list(source.frames())) == 3
    assert not caplog.records
    for name in (its.name.replace('bag', 'bag_1'), 'other.mcap', 'more.db3.zst'):
        shutil.copy(its, place / name)
    # The same, packed or not, is no other file; nor is what holds no messages.
    shutil.copy(its, its.with_suffix('') if its.suffix == '.zstd' else f'{its}.zstd')
    (place / 'notes.txt').touch()
    source = open_source(str(place))
    for _ in range(2):
        assert len(list(source.frames())) == 3
    said, = (record.getMessage() for record in caplog.records)
    for name in (its.name.replace('bag', 'bag_1'), 'other.mcap', 'more.db3.zst'):
        assert name in said
    assert 'as metadata.yaml does not name them' in said
    assert f' {its.name}' not in said
    assert 'notes' not in said
    # Without metadata, all of them are read.
    (place / 'metadata.yaml').unlink()
    caplog.clear()
    open_source(str(place))
    assert not caplog.records


@STORAGES
def test_of_half_a_compressed_file_what_is_there_is_played(tmp_path, storage):
    # Noise, which no compression makes smaller: the half of it has half of the frames.
    noise = np.random.default_rng(0)
    write_bag(tmp_path / 'bag', (
        replace(frame, image=noise.integers(0, 256, (300, 400, 3), np.uint8), camera_model=None)
        for frame in make_frames(count=8)), storage=storage)
    packed = pack(file_of(tmp_path / 'bag'), '.zstd')
    packed.write_bytes(packed.read_bytes()[:packed.stat().st_size // 2])
    lone = packed.rename(tmp_path / packed.name)
    source, losses = open_source(str(lone)), []
    assert 'its end is missing' in source.name
    assert 0 < len(list(source.frames(on_loss=losses.append))) < 8


def test_what_is_unpacked_is_removed_also_where_no_context_ends(tmp_path, monkeypatch):
    write_bag(tmp_path / 'bag', make_frames())
    lone = pack(file_of(tmp_path / 'bag'), '.zstd')
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    with Recording(lone):
        assert list((tmp_path / 'temporary').iterdir())
        remove_unpacked()
        assert not list((tmp_path / 'temporary').iterdir())


def test_without_room_to_unpack_the_folder_to_change_is_named(tmp_path, monkeypatch):
    write_bag(tmp_path / 'bag', make_frames())
    lone = pack(file_of(tmp_path / 'bag'), '.zstd')

    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('shutil.copyfileobj', fill)
    with pytest.raises(MediaError, match=r'no room in .* to unpack it; set TMPDIR') as e:
        open_source(str(lone))
    assert 'reindex' not in str(e.value)


@STORAGES
@pytest.mark.parametrize(('said', 'instead'), [
    ('depth: 10', 'depth: 7'), ('/camera/camera_info', '/front/camera_info'),
    ('name: /camera/image', 'name: /front/image'),
    ('type: sensor_msgs/msg/Image', 'type: a/msg/B')])
def test_metadata_that_does_not_describe_the_files_is_not_believed(
        tmp_path, storage, said, instead):
    with BagWriter(tmp_path / 'bag', storage) as bag:
        for frame in make_frames():
            header = bag_messages.header_of(frame)
            bag.write('/camera/camera_info', frame.stamp_ns,
                      bag_messages.camera_info(CAMERA, header))
            bag.write('/camera/image', frame.stamp_ns,
                      bag_messages.image(frame.image, frame.encoding, header))
    metadata = tmp_path / 'bag' / 'metadata.yaml'
    text = metadata.read_text()
    assert said in text
    # As by those who want other QoS, or another topic, when they play.
    metadata.write_text(text.replace(said, instead))
    source = open_source(str(tmp_path / 'bag'))
    frames = list(source.frames())
    assert len(frames) == 4
    assert all(frame.camera_model == CAMERA for frame in frames)
    assert 'metadata.yaml does not describe /camera/' in source.name


@STORAGES
@pytest.mark.parametrize(('said', 'instead', 'why'), [
    (r'message_count: \d+', 'message_count: 0', 'counts 0 messages, and there are 4'),
    (r'message_count: \d+', 'message_count: 9', 'counts 9 messages, and there are 4'),
    (r'epoch: \d+', 'epoch: 4000000000000000000', 'has other times than the messages'),
    (r'(?s).+', 'a: [1', 'metadata.yaml is no YAML'),
    (r'(?s).+', '', 'metadata.yaml is not that of a recording'),
    (r'(?s).+', 'rosbag2_bagfile_information: {}', 'metadata.yaml is not that of a recording')])
def test_metadata_that_contradicts_the_files_is_named_and_all_is_played(
        tmp_path, storage, said, instead, why):
    write_bag(tmp_path / 'bag', make_frames(camera=None), storage=storage)
    metadata = tmp_path / 'bag' / 'metadata.yaml'
    metadata.write_text(re.sub(said, instead, metadata.read_text()))
    source = open_source(str(tmp_path / 'bag'))
    assert why in source.name
    assert len(source) == len(list(source.frames())) == 4
    with Recording(tmp_path / 'bag') as recording:
        assert recording.start_ns == make_frames()[0].stamp_ns


def test_metadata_that_is_no_text_is_named_and_all_is_played(tmp_path):
    write_bag(tmp_path / 'bag', make_frames(camera=None))
    (tmp_path / 'bag' / 'metadata.yaml').write_bytes(b'\xff\xfe\xfd')
    source = open_source(str(tmp_path / 'bag'))
    assert 'metadata.yaml is no YAML' in source.name
    assert len(source) == len(list(source.frames())) == 4


@pytest.mark.parametrize('key', ['', 'nanoseconds', 'nanoseconds_since_epoch', 'message_count',
                                 'version', 'name', 'depth', 'storage_identifier',
                                 'compression_mode', 'relative_file_paths'])
@pytest.mark.parametrize('value', odd_values.YAML.values(), ids=odd_values.YAML)
def test_metadata_that_no_program_should_go_on_with_is_named_and_all_is_played(
        tmp_path, key, value):
    write_bag(tmp_path / 'bag', make_frames(camera=None))
    metadata = tmp_path / 'bag' / 'metadata.yaml'
    text = metadata.read_text()
    metadata.write_text(value if not key else re.sub(
        rf'\b{key}:(\n +- .*)*.*', lambda _: f'{key}: {value}', text))
    source = open_source(str(tmp_path / 'bag'))
    assert len(source) == len(list(source.frames())) == 4
    assert 'metadata.yaml' in source.name
    assert len(source.name) < 700
    with Recording(tmp_path / 'bag') as recording:
        assert recording.duration_ns == 300_000_004


def test_metadata_that_counts_other_messages_of_a_topic_is_not_believed(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.announce('/camera/image', 'sensor_msgs/msg/Image')
        for frame in make_frames():
            header = bag_messages.header_of(frame)
            bag.write('/camera/image', frame.stamp_ns,
                      bag_messages.image(frame.image, frame.encoding, header))
            bag.write('/other/image', frame.stamp_ns,
                      bag_messages.image(frame.image, frame.encoding, header))
    metadata = tmp_path / 'bag' / 'metadata.yaml'
    text = metadata.read_text()
    place = text.index('topics_with_message_count')
    metadata.write_text(text[:place] + text[place:].replace(
        'message_count: 4', 'message_count: 1000000000000', 1))
    source = open_source(str(tmp_path / 'bag'), topic='/camera/image')
    assert len(source) == 4
    assert 'and there are 4' in source.name


def test_a_part_that_is_missing_is_named(tmp_path):
    (tmp_path / 'split').mkdir()
    for index, frame in enumerate(make_frames(count=4)):
        write_bag(tmp_path / f'split_{index}', [frame])
        file = file_of(tmp_path / f'split_{index}')
        if index != 2:
            file.rename(tmp_path / 'split' / file.name)
    source = open_source(str(tmp_path / 'split'))
    assert len(source) == 3
    assert '(missing, by the numbers of the others: split_2.mcap)' in source.name
    text = (tmp_path / 'split_0' / 'metadata.yaml').read_text()
    (tmp_path / 'split' / 'metadata.yaml').write_text(
        text.replace('- split_0.mcap', '- split_0.mcap\n  - split_2.mcap'))
    source = open_source(str(tmp_path / 'split'))
    assert len(source) == 3
    assert '(files are missing that metadata.yaml names: split_2.mcap)' in source.name


@pytest.mark.parametrize(('names', 'missing'), [
    (['a_0.mcap', 'a_1.mcap'], []), (['a_7.mcap', 'a_9.mcap'], ['a_8.mcap']),
    (['a_0.db3.zstd', 'a_2.db3'], ['a_1.db3']), (['a_0.mcap', 'b_2.mcap'], []),
    (['drive_20240101.mcap', 'drive_20240301.mcap'], []), (['a.mcap'], [])])
def test_parts_that_are_missing_by_their_numbers(tmp_path, names, missing):
    assert missing_parts([tmp_path / name for name in names]) == missing


def test_a_file_that_was_being_compressed_is_played_once(tmp_path):
    write_bag(tmp_path / 'bag', make_frames())
    file = file_of(tmp_path / 'bag')
    (tmp_path / 'bag' / f'{file.name}.zstd').write_bytes(b'half')
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    assert len(open_source(str(tmp_path / 'bag'))) == 4


def test_files_that_may_not_be_read_need_no_new_metadata(tmp_path, monkeypatch):
    write_bag(tmp_path / 'bag', make_frames())

    def refuse(file):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    # Who runs the tests may read everything.
    monkeypatch.setattr(recording, 'check_length', refuse)
    with pytest.raises(MediaError, match='Permission denied') as caught:
        open_source(str(tmp_path / 'bag'))
    assert 'reindex' not in str(caught.value)


def test_a_folder_without_files_ends_in_a_sentence(tmp_path):
    with pytest.raises(MediaError, match='it has no file with messages'), Recording(tmp_path):
        pass


def test_a_file_that_has_barely_begun_says_that_its_end_is_missing(tmp_path):
    (tmp_path / 'a.mcap').write_bytes(b'\x89MCAP0\r\n\x01' + (8).to_bytes(8, 'little')
                                      + (4).to_bytes(4, 'little') + b'ros2')
    with pytest.raises(MediaError, match='its end is missing, as where the recorder was killed'):
        open_source(str(tmp_path / 'a.mcap'))


def test_a_folder_with_a_ros_1_bag_says_so(tmp_path):
    (tmp_path / 'a.bag').write_bytes(b'#ROSBAG V2.0')
    with pytest.raises(MediaError, match='holds a ROS 1 bag: make a rosbag2 folder of it'):
        open_source(str(tmp_path))


@pytest.mark.parametrize(('name', 'sentence'), [
    ('a.bag', 'is a ROS 1 bag: make a rosbag2 folder of it'),
    ('a.mcap.zstd', 'it is damaged'),
    ('a.mp4', 'is a video: make a folder of its images'),
    ('a.txt', 'is a file, not a folder')])
def test_other_files_say_what_they_are(tmp_path, name, sentence):
    (tmp_path / name).write_bytes(b'x')
    with pytest.raises(MediaError, match=sentence):
        open_source(str(tmp_path / name))


@STORAGES
def test_a_truncated_recording_gives_whole_frames_or_a_sentence(tmp_path, storage):
    path = tmp_path / 'bag'
    written = make_frames(count=6)
    write_bag(path, written, storage=storage)
    file = file_of(path)
    whole = file.read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        file.write_bytes(whole[:length])
        losses = []
        try:
            source = open_source(str(path))
            read = list(source.frames(on_loss=losses.append))
        except MediaError:
            continue
        assert losses or len(read) == len(written) or 'its end is missing' in source.name
        for frame in read:
            np.testing.assert_array_equal(frame.image, written[frame.index].image)


def write_large(path, count=9, storage='mcap'):
    """Write frames of which three go into a chunk of the file."""
    rng = np.random.default_rng(0)
    frames = [Frame(rng.integers(0, 256, (300, 400, 3), np.uint8),
                    stamp_ns=FIRST_STAMP_NS * (index + 1), index=index) for index in range(count)]
    write_bag(path, frames, storage=storage)
    return frames


@pytest.mark.parametrize('share', [0.99, 0.7, 0.4])
@pytest.mark.parametrize('padding', [0, 5000])
def test_the_whole_chunks_of_a_file_without_its_end_are_played(tmp_path, share, padding):
    path = tmp_path / 'bag'
    written = write_large(path)
    file = file_of(path)
    data = file.read_bytes()
    file.write_bytes(data[:int(len(data) * share)] + bytes(padding))
    for place in (path, file):
        source = open_source(str(place))
        assert len(source) == int(3 * share) * 3
        assert 'its end is missing' in source.name
        for old, new in zip(written, source.frames(), strict=False):
            np.testing.assert_array_equal(new.image, old.image)
            assert new.stamp_ns == old.stamp_ns


@STORAGES
@pytest.mark.parametrize('alone', [False, True])
def test_a_recording_that_disappears_ends_in_a_sentence(tmp_path, storage, alone):
    write_bag(tmp_path / 'bag', make_frames(), storage=storage)
    place = file_of(tmp_path / 'bag') if alone else tmp_path / 'bag'
    source = open_source(str(place))
    (tmp_path / 'bag').rename(tmp_path / 'elsewhere')
    with pytest.raises(MediaError, match=f'cannot read rosbag {place}: No such file'):
        list(source.frames())


@pytest.mark.parametrize(('damaged', 'kept'), [(0, {3, 8}), (4, {0, 8}), (7, {0, 5})])
def test_what_lies_around_a_damaged_part_is_played(tmp_path, damaged, kept):
    path = tmp_path / 'bag'
    written = write_large(path)
    file = file_of(path)
    data = bytearray(file.read_bytes())
    middle = data.find(written[damaged].image.tobytes())
    # The record's length, which lies some bytes before the pixels.
    data[middle - 600:middle] = b'\xff' * 600
    file.write_bytes(data)
    source, losses = open_source(str(path)), []
    read = [frame.stamp_ns // FIRST_STAMP_NS - 1
            for frame in source.frames(on_loss=losses.append)]
    assert losses
    assert kept <= set(read) < set(range(9))


@pytest.mark.parametrize('share', [0.9, 0.7, 0.4])
def test_what_sqlite_finds_in_a_file_without_its_end_is_played(tmp_path, share):
    path = tmp_path / 'bag'
    written = write_large(path, 20, 'sqlite3')
    file = file_of(path)
    data = file.read_bytes()
    file.write_bytes(data[:int(len(data) * share)])
    for place in (path, file):
        source = open_source(str(place))
        assert 'its end is missing' in source.name
        read = list(source.frames())
        assert 20 * share - 2 <= len(read) <= 20 * share
        for old, new in zip(written, read, strict=False):
            np.testing.assert_array_equal(new.image, old.image)
            assert new.stamp_ns == old.stamp_ns


@pytest.mark.parametrize('damaged', [0, 4, 19])
def test_what_lies_around_a_damaged_part_of_sqlite_is_played(tmp_path, damaged):
    path = tmp_path / 'bag'
    written = write_large(path, 20, 'sqlite3')
    file = file_of(path)
    data = bytearray(file.read_bytes())
    page = int.from_bytes(data[16:18], 'big')
    # A large message lies on a chain of pages, each of which begins with the number of the next.
    image = written[damaged].image.tobytes()
    inside = next(place for begin in range(100_000, 110_000, 500)
                  if (place := data.find(image[begin:begin + 500])) >= 0)
    start = inside // page * page
    data[start:start + 3 * page] = bytes(3 * page)
    file.write_bytes(data)
    losses = []
    for place in (path, file):
        source = open_source(str(place))
        read = [frame.stamp_ns // FIRST_STAMP_NS - 1
                for frame in source.frames(on_loss=losses.append)]
        assert read == [index for index in range(20) if index != damaged]
        assert losses


def test_rows_behind_a_damaged_page_of_sqlite_are_found(tmp_path):
    path = tmp_path / 'bag'
    written = make_frames(count=3000)
    write_bag(path, written, storage='sqlite3')
    file = file_of(path)
    data = bytearray(file.read_bytes())
    data[len(data) // 3:len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    file.write_bytes(data)
    for place in (path, file):
        read = [frame.stamp_ns for frame in open_source(str(place)).frames()]
        stamps = [frame.stamp_ns for frame in written]
        assert len(read) > 1500
        assert (read[0], read[-1]) == (stamps[0], stamps[-1])
        assert read == sorted(set(read) & set(stamps))


def test_writing_says_what_is_wrong(tmp_path):
    with pytest.raises(MediaError, match='exists already'):
        write_bag(tmp_path, [])
    with pytest.raises(MediaError, match="unknown storage 'bag'; storages: mcap, sqlite3"):
        write_bag(tmp_path / 'bag', [], storage='bag')


def test_a_real_drive_through_a_bag(tmp_path, shared_data):
    drive = open_source(str(shared_data / 'kitti_raw' / 'seq_a'))
    write_bag(tmp_path / 'bag', drive.frames(every=80))
    bag = open_source(str(tmp_path / 'bag'))
    for old, new in zip(drive.frames(every=80), bag.frames(), strict=True):
        np.testing.assert_array_equal(new.image, old.image)
        assert (new.stamp_ns, new.camera_model) == (old.stamp_ns, old.camera_model)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_full_disk_ends_in_a_sentence_and_leaves_nothing(tmp_path, storage):
    def record():
        with BagWriter(tmp_path / 'bag', storage) as bag:
            for index in range(20):
                stamp = FIRST_STAMP_NS + index * 10**8
                pixels = np.full((100, 300, 3), index, np.uint8)
                bag.write('/image', stamp, bag_messages.image(
                    pixels, 'rgb8', bag_messages.header(stamp, 'camera')))

    # A file that may not grow fails as one on a full disk does.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(MediaError, match=r'^cannot write \S+/bag: '):
            record()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
