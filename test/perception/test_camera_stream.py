import array
import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.perception.camera_stream import CameraStream
from aim_ros.perception.camera_stream import foreign_frame
from aim_ros.perception.camera_stream import ground_camera

PIXELS = np.zeros((2, 2, 3), np.uint8)


def test_the_last_image_again_is_refused_however_often_and_whatever_holds_it():
    stream = CameraStream()
    stream.check(5, b'abc', 0)
    for data in (b'abc', array.array('B', b'abc'), np.frombuffer(b'abc', np.uint8)):
        with pytest.raises(FrameError, match='arrives again'):
            stream.check(5, data, 0)
    stream.check(5, b'abd', 0)
    stream.check(6, b'abd', 0)


@pytest.mark.parametrize('stamps', [range(1, 100), [0] * 99, [5] * 99])
@pytest.mark.parametrize(('images', 'step_s', 'said'), [
    (20, 60.0, ''), (90, 0.05, ''), (21, 0.25, 'for 5 s, though 20 frames came'),
    (61, 0.2, 'for 12 s, though 60 frames came')])
def test_images_that_do_not_change_for_long_are_told_whatever_their_stamps(
        stamps, images, step_s, said):
    stream, image = CameraStream(), bytes(10_000)
    for number in range(images):
        with contextlib.suppress(FrameError):
            stream.check(stamps[number], image, round(number * step_s * 1e9))
    assert said in stream.frozen
    assert bool(stream.frozen) is bool(said)
    # One byte that is not among those that are looked at first.
    stream.check(7, b'\0\1' + image[2:], 10**12)
    assert stream.frozen == ''


def test_images_without_stamps_are_not_taken_for_repeated():
    stream = CameraStream()
    stream.check(0, b'abc', 0)
    stream.check(0, b'abc', 0)


def test_frames_are_tracked_by_stamps_and_where_these_stand_still_by_the_recordings_clock():
    stream = CameraStream()
    times = [stream.timed(Frame(PIXELS, stamp_ns=1_000), received, 0.5).time_ns
             for received in (10, 20, 30, 40)]
    assert times == [1_000, 1_000, 1_020, 1_030]


@pytest.mark.parametrize(('row', 'pitch', 'seen'), [
    (170.0, 0.0, True), (399.0, 0.0, True), (401.0, 0.0, False), (401.0, 0.1, True),
    (300.0, -0.3, False)])
def test_a_calibration_by_which_no_road_is_seen_is_refused(row, pitch, seen):
    info = SimpleNamespace(
        width=1200, height=400, binning_x=0, binning_y=0, d=[], r=[0.0] * 9, p=[0.0] * 12,
        distortion_model='plumb_bob', roi=SimpleNamespace(width=0, height=0),
        k=[720.0, 0.0, 600.0, 0.0, 720.0, row, 0.0, 0.0, 1.0])
    if seen:
        assert ground_camera(info, (400, 1200), 1.65, pitch).cy == row
    else:
        with pytest.raises(CameraError, match='the image lies above the horizon'):
            ground_camera(info, (400, 1200), 1.65, pitch)


def shot(low, high, channels=3):
    encoding = {1: 'mono8', 3: 'rgb8', 4: 'rgba8'}[channels]
    image = np.full((20, 30, channels), low, np.uint8)
    image[8, 5, :3] = high
    image[:, :, 3:] = 255
    return Frame(image, encoding, stamp_ns=1)


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_how_long_nothing_is_shown_is_told(channels):
    stream = CameraStream()
    blank = []
    # Samples of 12 bits that are not shifted up are below 16, whatever is seen.
    for number, high in enumerate((200, 15, 19, 255, 0, 10, 3)):
        stream.timed(shot(0, high, channels), number * 3 * 10**9, 0.5)
        blank.append(stream.blank.partition(' the images')[0])
    assert blank == ['', '', 'for 6 s', '', '', 'for 6 s', 'for 9 s']
    assert 'the values of the last are 0 to 3 of 255' in stream.blank


def test_a_camera_that_is_blind_from_the_start_is_so_for_as_long():
    stream = CameraStream()
    for second in (3, 4, 8):
        stream.timed(shot(7, 7), second * 10**9, 0.5)
    assert stream.blank.startswith('for 5 s the images have shown next to nothing')


@pytest.mark.parametrize(('info', 'image', 'told'), [
    ('front', 'front', False), ('/front', 'front', False), ('', 'front', False),
    ('front', '', False), ('rear', 'front', True), ('rear', '/front', True)])
def test_a_calibration_of_another_frame_may_be_another_cameras(info, image, told):
    said = foreign_frame(SimpleNamespace(header=SimpleNamespace(frame_id=info)), image)
    assert bool(said) is told
    if told:
        assert said.startswith(
            "the CameraInfo is for the frame 'rear', and the images are of the frame 'front': if")
