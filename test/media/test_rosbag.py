import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.encodings import ENCODINGS
from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import MediaError
from aim_ros.media.rosbag import write_bag
from aim_ros.media.sources import open_source

TYPES = get_typestore(Stores.ROS2_JAZZY)
CAMERA = CameraModel(
    12, 8, 7.0, 7.5, 6.0, 4.0, distortion=(0.1, 0.2, 0.3, 0.4, 0.5), p=tuple(map(float, range(12)))
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
    with pytest.raises(MediaError, match='no image topic; its topics: /clock'):
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
