"""Whole image files are decoded, damaged ones refused, wherever they come from."""

import io

import cv2
import numpy as np
from PIL import Image
import pytest

from aim_ros.imaging.compressed import decode_image
from aim_ros.imaging.frame import FrameError

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (20, 24, 3), np.uint8)
KINDS = {
    'jpeg': ('.jpg', []),
    'progressive jpeg': ('.jpg', [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    'jpeg with restarts': ('.jpg', [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]),
    'png': ('.png', []),
}
PADDINGS = {'none': b'', 'zeros': bytes(5000), 'ones': b'\xff' * 300, 'other': b'padding'}


def encode(kind, picture=PICTURE):
    suffix, options = KINDS[kind]
    return cv2.imencode(suffix, picture, options)[1].tobytes()


@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize('kind', KINDS)
def test_padding_does_not_matter(kind, padding):
    data = encode(kind)
    image, encoding = decode_image(data + PADDINGS[padding])
    assert encoding == 'bgr8'
    np.testing.assert_array_equal(image, cv2.imdecode(np.frombuffer(data, np.uint8), 1))


@pytest.mark.parametrize('padding', ['none', 'zeros'])
@pytest.mark.parametrize('kind', KINDS)
def test_a_part_is_no_image_whatever_follows(kind, padding):
    data = encode(kind)
    for length in range(len(data)):
        with pytest.raises(FrameError, match='cannot be decoded; expected a whole JPEG or PNG'):
            decode_image(data[:length] + PADDINGS[padding])


def with_thumbnail(picture):
    """Return a JPEG whose EXIF segment holds another JPEG, with an end of its own."""
    exif = b'Exif\0\0' + encode('jpeg')
    data = encode('jpeg', picture)
    return data[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + data[2:]


def test_the_end_of_a_thumbnail_is_not_that_of_the_image():
    data = with_thumbnail(RNG.integers(0, 256, (64, 64, 3), np.uint8))
    assert decode_image(data)[0].shape == (64, 64, 3)
    with pytest.raises(FrameError):
        decode_image(data[:len(data) // 2])


def test_a_damaged_png_is_refused():
    data = bytearray(encode('png'))
    data[len(data) // 2] ^= 1
    with pytest.raises(FrameError):
        decode_image(bytes(data))


@pytest.mark.parametrize('data', [b'', b'\xff\xd8', b'\xff\xd8\xff\xd9', b'no image', bytes(5000),
                                  b'\x89PNG\r\n\x1a\n', b'\xff' * 5000])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(FrameError, match=f'the {len(data)} bytes of format .jpeg. cannot be'):
        decode_image(data, 'jpeg')


def test_grey_images_stay_grey():
    image, encoding = decode_image(encode('png', PICTURE[..., 0]))
    assert (encoding, image.shape) == ('mono8', (20, 24, 1))


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF'])
@pytest.mark.parametrize(('orientation', 'turned'), [
    (1, lambda p: p), (2, np.fliplr), (3, lambda p: np.rot90(p, 2)), (4, np.flipud),
    (5, lambda p: p.swapaxes(0, 1)), (6, lambda p: np.rot90(p, -1)),
    (7, lambda p: np.rot90(p, 2).swapaxes(0, 1)), (8, np.rot90)])
def test_the_orientation_of_exif_is_obeyed(kind, orientation, turned):
    picture = np.kron(PICTURE[:4, :6], np.ones((16, 16, 1), np.uint8))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(file, kind, exif=exif)
    image, _ = decode_image(file.getvalue())
    expected = turned(picture)[..., ::-1]
    assert image.shape == expected.shape
    # The middle of each block: a JPEG's edges are soft.
    difference = image[8::16, 8::16].astype(int) - expected[8::16, 8::16]
    assert np.abs(difference).max() < 40


@pytest.mark.parametrize('name', ['16UC1; compressedDepth png', '16UC1; png compressed ',
                                  '32FC1; compressedDepth', '16UC1; compressedDepth rvl'])
def test_depth_is_refused_by_name(name):
    with pytest.raises(FrameError, match=r'is a depth image, and no picture; expected the colour'):
        decode_image(encode('png', PICTURE[..., 0]), name)


@pytest.mark.parametrize('name', ['h264', 'H265', 'theora', 'hevc; yuv420p'])
def test_video_is_refused_by_name(name):
    with pytest.raises(FrameError, match='is a video, whose images do not stand alone'):
        decode_image(b'\0\0\0\1\x67', name)


@pytest.mark.parametrize('name', ['bayer_rggb8; jpeg compressed ', 'bayer_rggb8; png compressed '])
def test_a_compressed_mosaic_gets_its_colours(name):
    mosaic = np.tile(np.array([[240, 130], [130, 20]], np.uint8), (10, 12))
    image, encoding = decode_image(encode('png', mosaic), name)
    assert encoding == 'bgr8'
    np.testing.assert_array_equal(image, np.broadcast_to((20, 130, 240), (20, 24, 3)))


def test_a_mosaic_that_was_compressed_in_colour_is_left_alone():
    image, _ = decode_image(encode('png'), 'bayer_rggb8; png compressed bgr8')
    np.testing.assert_array_equal(image, PICTURE)
