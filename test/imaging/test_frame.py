import numpy as np
import pytest

from aim_ros.imaging.encodings import ENCODINGS
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError


def pixels(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(('encoding', 'pixel', 'rgb'), [
    ('rgb8', (1, 2, 3), (1, 2, 3)),
    ('bgr8', (3, 2, 1), (1, 2, 3)),
    ('rgba8', (1, 2, 3, 9), (1, 2, 3)),
    ('bgra8', (3, 2, 1, 9), (1, 2, 3)),
    ('mono8', (7,), (7, 7, 7)),
])
def test_rgb_of_every_encoding(encoding, pixel, rgb):
    image = np.empty((2, 5, len(pixel)), np.uint8)
    image[:] = pixel
    picture = Frame(image, encoding).rgb()
    assert picture.shape == (2, 5, 3)
    assert picture.dtype == np.uint8
    assert (picture == rgb).all()
    assert picture.flags.c_contiguous


def test_colours_lie_within_the_pixel():
    assert all(max(encoding.rgb) < encoding.channels for encoding in ENCODINGS.values())


def test_a_frame_views_its_image():
    image = pixels(4, 6, 3)
    frame = Frame(image)
    image[0, 0] = 255
    assert frame.image is image
    assert frame.rgb()[0, 0, 0] == 255


def test_rgb_is_a_copy():
    image = pixels(4, 6, 3)
    Frame(image).rgb()[:] = 9
    assert not image.any()


def test_rgb_of_padded_rows():
    padded = np.arange(2 * 16, dtype=np.uint8).reshape(2, 16)
    image = np.lib.stride_tricks.as_strided(padded, (2, 5, 3), (16, 3, 1))
    picture = Frame(image).rgb()
    assert picture[1, 0].tolist() == [16, 17, 18]
    assert picture[1, 4].tolist() == [28, 29, 30]


def test_size_is_height_and_width():
    assert Frame(pixels(375, 1242, 3)).size == (375, 1242)


def test_a_frame_is_tracked_by_its_stamp_by_default():
    assert Frame(pixels(1, 1, 3), stamp_ns=5).time_ns == 5
    assert Frame(pixels(1, 1, 3), stamp_ns=5, track_ns=7).time_ns == 7


def test_an_encoding_that_is_not_supported_is_named_beside_those_that_are():
    with pytest.raises(FrameError) as error:
        Frame(pixels(2, 2, 3), 'yuv422')
    assert str(error.value) == (
        "unsupported encoding 'yuv422'; supported: rgb8, bgr8, rgba8, bgra8, mono8")


@pytest.mark.parametrize(('image', 'encoding', 'given'), [
    (pixels(2, 2, 4), 'rgb8', '(2, 2, 4)'),
    (pixels(2, 2, 3), 'bgra8', '(2, 2, 3)'),
    (pixels(2, 2), 'mono8', '(2, 2)'),
    (pixels(0, 2, 3), 'rgb8', '(0, 2, 3)'),
    (pixels(2, 0, 1), 'mono8', '(2, 0, 1)'),
    (pixels(2, 2, 3, dtype=np.uint16), 'rgb8', 'uint16'),
    (pixels(2, 2, 3, dtype=np.float32), 'rgb8', 'float32'),
])
def test_an_image_that_does_not_fit_its_encoding(image, encoding, given):
    with pytest.raises(FrameError) as error:
        Frame(image, encoding)
    message = str(error.value)
    assert message.startswith(
        f'a {encoding} image must be uint8 (H, W, {ENCODINGS[encoding].channels}) and not empty, '
        'got ')
    assert given in message


def test_labels_have_the_shape_of_the_image():
    Frame(pixels(4, 6, 3), labels=pixels(4, 6))
    for labels in (pixels(6, 4), pixels(4, 6, dtype=np.int64)):
        with pytest.raises(FrameError, match=r'labels must be uint8 \(4, 6\), got'):
            Frame(pixels(4, 6, 3), labels=labels)
