import numpy as np
import pytest

from aim_ros.imaging.camera import CameraModel
from aim_ros.media.frames import ENCODINGS
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import MediaFrame
from aim_ros.media.frames import open_source
from aim_ros.media.frames import parse_options


def test_projection_is_made_from_the_intrinsics():
    camera = CameraModel(640, 480, fx=500.0, fy=510.0, cx=320.0, cy=240.0)
    assert camera.k == (500, 0, 320, 0, 510, 240, 0, 0, 1)
    assert camera.p == (500, 0, 320, 0, 0, 510, 240, 0, 0, 0, 1, 0)
    assert camera.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_given_projection_is_kept():
    p = tuple(float(value) for value in range(12))
    assert CameraModel(640, 480, 1.0, 1.0, 0.0, 0.0, p=p).p == p


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_every_encoding_has_its_shape(encoding):
    channels = ENCODINGS[encoding]
    right = (4, 6) if channels == 1 else (4, 6, channels)
    wrong = (4, 6, 2)
    MediaFrame(np.zeros(right, np.uint8), encoding, 0, 0)
    with pytest.raises(ValueError, match=encoding):
        MediaFrame(np.zeros(wrong, np.uint8), encoding, 0, 0)


def test_frames_refuse_what_does_not_fit():
    image = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match='encodings: rgb8'):
        MediaFrame(image, 'yuv422', 0, 0)
    with pytest.raises(ValueError, match='float32'):
        MediaFrame(image.astype(np.float32), 'rgb8', 0, 0)
    with pytest.raises(ValueError, match='contiguous'):
        MediaFrame(image[:, ::2], 'rgb8', 0, 0)
    with pytest.raises(ValueError, match=r'labels.*\(4, 6\).*\(6, 4\)'):
        MediaFrame(image, 'rgb8', 0, 0, labels=np.zeros((6, 4), np.uint8))


def test_options():
    assert parse_options('') == {}
    assert parse_options(' seed=7, frames = 120,') == {'seed': '7', 'frames': '120'}
    with pytest.raises(MediaError, match=r"'seed' is not of the form 'name=value'"):
        parse_options('seed')


def test_a_path_that_is_nothing_says_what_was_looked_for(tmp_path):
    with pytest.raises(MediaError, match='does not exist; a source is'):
        open_source(str(tmp_path / 'nowhere'))
    with pytest.raises(MediaError, match=r'nothing to play.*KITTI raw.*rosbag2.*of images'):
        open_source(str(tmp_path))
    (tmp_path / 'video.mp4').touch()
    with pytest.raises(MediaError, match='is a file, not a folder'):
        open_source(str(tmp_path / 'video.mp4'))


def test_the_street_by_name():
    assert len(open_source('street')) == 120
    assert len(open_source('street:seed=7,frames=5,size=100x300')) == 5
    assert len(open_source('street:seed=7', frames=6)) == 6
    with pytest.raises(MediaError, match=r"no option 'speed'; its options: seed, frames"):
        open_source('street:speed=3')
    with pytest.raises(MediaError, match=r"option 'frames' of the street cannot be 'many'"):
        open_source('street:frames=many')
    with pytest.raises(MediaError, match=r"option 'size' of the street .* '1242'.*375x1242"):
        open_source('street:size=1242')
