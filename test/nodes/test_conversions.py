import array

from builtin_interfaces.msg import Time
import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.frame import FrameError
from aim_ros.nodes.messages import conversions
from aim_ros.nodes.messages.conversions import frame_from_compressed
from aim_ros.nodes.messages.conversions import frame_from_image
from aim_ros.nodes.messages.conversions import image_message
from aim_ros.perception.camera_stream import ground_camera
from aim_ros.segmentation.labels import CITYSCAPES

HEADER = Header(stamp=Time(sec=3, nanosec=5), frame_id='front')
DEPTHS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}


def random_pixels(encoding: str, height: int = 4, width: int = 6) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, DEPTHS[encoding]), np.uint8)


@pytest.mark.parametrize('encoding', DEPTHS)
def test_images_are_viewed_in_place(encoding):
    pixels = random_pixels(encoding)
    message = image_message(pixels, encoding, HEADER)
    frame = frame_from_image(message, 'left')
    assert np.array_equal(frame.image, pixels)
    assert np.shares_memory(frame.image, np.frombuffer(message.data, np.uint8))
    assert (frame.encoding, frame.camera, frame.stamp_ns) == (encoding, 'left', 3_000_000_005)


def test_rows_may_be_padded():
    pixels = random_pixels('bgr8')
    padded = np.zeros((4, 6 * 3 + 5), np.uint8)
    padded[:, :18] = pixels.reshape(4, 18)
    message = image_message(pixels, 'bgr8', HEADER)
    message.step = padded.shape[1]
    message.data = array.array('B', padded.tobytes())
    assert np.array_equal(frame_from_image(message, 'left').image, pixels)


def test_an_outgoing_image_keeps_header_and_bytes():
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
    message = image_message(pixels, '32FC1', HEADER)
    assert message.header == HEADER
    assert (message.height, message.width, message.step) == (3, 4, 16)
    assert isinstance(message.data, array.array)
    assert message.data.tobytes() == pixels.tobytes()


def broken(**changes) -> Image:
    message = image_message(random_pixels('rgb8'), 'rgb8', HEADER)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(('changes', 'said'), [
    ({'data': array.array('B', bytes(71))}, r'71 bytes; expected step \* height = 18 \* 4 = 72'),
    ({'step': 17, 'data': array.array('B', bytes(68))}, r'step is 17 bytes.*6 rgb8 pixels has 18'),
    ({'step': 0, 'data': array.array('B')}, 'step is 0'),
    ({'height': 0}, '0x6 pixels; expected at least 1x1'),
    ({'width': 0}, '4x0 pixels'),
    ({'encoding': 'holographic'}, "'holographic'.*rgb8"),
    ({'encoding': ''}, "''"),
])
def test_a_broken_image_is_refused_with_a_sentence(changes, said):
    with pytest.raises(FrameError, match=said):
        frame_from_image(broken(**changes), 'left')


def test_other_encodings_are_converted():
    frame = frame_from_image(
        image_message(np.full((4, 6), 40_000, np.uint16), 'mono16', HEADER), 'left')
    assert (frame.encoding, frame.size, frame.camera) == ('mono8', (4, 6), 'left')
    assert frame.stamp_ns == 3_000_000_005
    assert (frame.image == round(40_000 / 257)).all()


def test_compressed_images_are_decoded():
    pixels = random_pixels('bgr8', 40, 60)
    ok, data = cv2.imencode('.png', pixels)
    assert ok
    message = CompressedImage(header=HEADER, format='png', data=array.array('B', data.tobytes()))
    frame = frame_from_compressed(message, 'left')
    assert frame.encoding == 'bgr8'
    assert np.array_equal(frame.image, pixels)


@pytest.mark.parametrize('data', [b'', b'no picture', bytes(1000)])
def test_a_broken_compressed_image_is_refused(data):
    message = CompressedImage(header=HEADER, format='jpeg', data=array.array('B', data))
    with pytest.raises(FrameError, match=f"{len(data)} bytes of format 'jpeg'"):
        frame_from_compressed(message, 'left')


@pytest.mark.parametrize('kind', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.9, 0.5, 0.02])
def test_half_a_picture_is_no_picture(kind, share):
    _, data = cv2.imencode(kind, random_pixels('bgr8', 40, 60))
    whole = array.array('B', data.tobytes())
    frame_from_compressed(CompressedImage(format=kind, data=whole), 'left')
    # Drivers may pad what they send.
    padded = whole + array.array('B', bytes(8))
    frame_from_compressed(CompressedImage(format=kind, data=padded), 'left')
    half = whole[:int(len(whole) * share)]
    with pytest.raises(FrameError, match='expected a whole JPEG or PNG'):
        frame_from_compressed(CompressedImage(format=kind, data=half), 'left')


def calibration(**changes) -> CameraInfo:
    k = [720.0, 0.0, 600.0, 0.0, 710.0, 170.0, 0.0, 0.0, 1.0]
    return CameraInfo(width=1200, height=400, k=k, **changes)


def test_calibration_prefers_the_projection():
    p = [700.0, 0.0, 590.0, 0.0, 0.0, 701.0, 160.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    camera = ground_camera(calibration(p=p), (400, 1200), 1.5, 0.1)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (700, 701, 590, 160)
    assert (camera.height, camera.pitch) == (1.5, 0.1)
    camera = ground_camera(calibration(), (400, 1200), 1.5, 0.0)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (720, 710, 600, 170)


def test_calibration_follows_the_image_size():
    camera = ground_camera(calibration(), (200, 600), 1.5, 0.0)
    assert (camera.fx, camera.fy) == (360, 355)
    # Half a pixel is the middle of the first one in either image.
    assert (camera.cx, camera.cy) == (299.75, 84.75)


def test_a_calibration_for_another_shape_is_refused_with_a_reason():
    with pytest.raises(CameraError, match='for images of 1200x400 pixels, and these are 400x1200'):
        ground_camera(calibration(), (1200, 400), 1.5, 0.0)


def test_a_region_of_interest_is_a_crop_and_no_scaling():
    info = calibration()
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 200, 1100, 200
    camera = ground_camera(info, (200, 1100), 1.5, 0.0)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (720, 710, 500, -30)


def test_a_region_of_interest_may_be_binned():
    info = calibration(binning_x=2, binning_y=4)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 200, 1100, 200
    camera = ground_camera(info, (50, 550), 1.5, 0.0)
    assert (camera.fx, camera.fy) == (360, 177.5)
    assert (camera.cx, camera.cy) == (249.75, -7.875)
    # The same ground, wherever the camera's driver left pixels out.
    whole = ground_camera(calibration(), (400, 1200), 1.5, 0.0)
    assert camera.locate((200, 10, 40, 30)) == pytest.approx(
        whole.locate((100 + 400, 200 + 40, 80, 120)))


def test_an_uncalibrated_camera_has_none():
    assert ground_camera(CameraInfo(width=10, height=10), (10, 10), 1.5, 0.0) is None
    for value in (float('nan'), float('inf')):
        info = calibration()
        info.k[5] = value
        with pytest.raises(CameraError, match='K has numbers that are not finite'):
            ground_camera(info, (400, 1200), 1.5, 0.0)


@pytest.mark.skipif(not conversions.HAVE_VISION_MSGS, reason='vision_msgs is not installed')
def test_the_label_info_names_the_ids():
    labels = conversions.label_info_message(CITYSCAPES, HEADER)
    assert [(c.class_id, c.class_name) for c in labels.class_map] == list(
        enumerate(CITYSCAPES.names))
