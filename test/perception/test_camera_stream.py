import array

import numpy as np
import pytest

from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.perception.camera_stream import CameraStream

PIXELS = np.zeros((2, 2, 3), np.uint8)


def test_the_last_image_again_is_refused_however_often_and_whatever_holds_it():
    stream = CameraStream()
    stream.check(5, b'abc')
    for data in (b'abc', array.array('B', b'abc'), np.frombuffer(b'abc', np.uint8)):
        with pytest.raises(FrameError, match='arrives again'):
            stream.check(5, data)
    stream.check(5, b'abd')
    stream.check(6, b'abd')


def test_images_without_stamps_are_not_taken_for_repeated():
    stream = CameraStream()
    stream.check(0, b'abc')
    stream.check(0, b'abc')


def test_frames_are_tracked_by_stamps_and_where_these_stand_still_by_the_recordings_clock():
    stream = CameraStream()
    times = [stream.timed(Frame(PIXELS, stamp_ns=1_000), received, 0.5).time_ns
             for received in (10, 20, 30, 40)]
    assert times == [1_000, 1_000, 1_020, 1_030]
