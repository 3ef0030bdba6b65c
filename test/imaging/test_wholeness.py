"""Image files that show a part of their picture are distinguished from whole ones."""

import io

import cv2
import numpy as np
from PIL import Image
import pytest

from aim_ros.imaging.compressed import decode_image
from aim_ros.imaging.frame import FrameError
from aim_ros.imaging.wholeness import whole_length

RNG = np.random.default_rng(0)
PICTURE = cv2.resize(RNG.integers(0, 256, (20, 24, 3), np.uint8), (192, 160))
EOI = b'\xff\xd9'


def opencv(suffix, *options, picture=PICTURE):
    return cv2.imencode(suffix, picture, options)[1].tobytes()


def pillow(kind, picture=PICTURE, mode='RGB', **options):
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, kind, **options)
    return file.getvalue()


JPEGS = {
    'baseline': opencv('.jpg'),
    'progressive': opencv('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    'progressive with restarts': opencv(
        '.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    'restarts': opencv('.jpg', cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    'grey': pillow('JPEG', mode='L'),
    'grey progressive': pillow('JPEG', mode='L', progressive=True),
    'optimised': pillow('JPEG', optimize=True, subsampling='4:4:4'),
    'low quality': pillow('JPEG', quality=5),
}
OTHERS = {
    'png': opencv('.png'),
    'webp': pillow('WEBP', quality=80),
    'lossless webp': pillow('WEBP', lossless=True),
    'webp with exif': pillow('WEBP', exif=b'Exif\0\0II*\0\x08\0\0\0\0\0\0'),
    'bmp': opencv('.bmp'),
    'ppm': opencv('.ppm'),
    'jpeg 2000': pillow('JPEG2000'),
    'tiff': pillow('TIFF'),
    'tiff by opencv': opencv('.tiff'),
    'lzw tiff': pillow('TIFF', compression='tiff_lzw'),
    'deflate tiff': pillow('TIFF', compression='tiff_adobe_deflate'),
}
PLAIN = ('bmp', 'ppm', 'tiff')
"""Without compression: zeros in place of pixels are black ones."""


def refused(data):
    with pytest.raises(FrameError, match='cannot be decoded; expected a whole JPEG or PNG'):
        decode_image(data)
    return True


@pytest.mark.parametrize('kind', [*JPEGS, *OTHERS])
@pytest.mark.parametrize('padding', [b'', bytes(5000), b'padding'])
def test_what_is_whole_is_taken_whatever_follows(kind, padding):
    data = (JPEGS | OTHERS)[kind]
    image, _ = decode_image(data + padding)
    assert image.shape[:2] == PICTURE.shape[:2]


@pytest.mark.parametrize('kind', JPEGS)
@pytest.mark.parametrize('padding', [b'', bytes(5000)])
def test_half_a_jpeg_with_an_end_of_its_own_is_refused(kind, padding):
    data = JPEGS[kind]
    scan = data.index(b'\xff\xda') + 20
    # Up to the last block.
    for length in np.linspace(scan, 0.98 * len(data), 60).astype(int):
        assert refused(data[:length].rstrip(b'\xff') + EOI + padding)


@pytest.mark.parametrize('kind', ['progressive', 'grey progressive', 'progressive with restarts'])
def test_a_progressive_jpeg_that_lacks_a_scan_is_refused(kind):
    data = JPEGS[kind]
    places = [i for i in range(len(data) - 1) if data[i:i + 2] == b'\xff\xda']
    assert len(places) > 3
    for place in places:
        assert refused(data[:place] + EOI)


@pytest.mark.parametrize('kind', OTHERS)
def test_what_is_cut_is_refused(kind):
    data = OTHERS[kind]
    for share in (0.02, 0.3, 0.5, 0.9, 0.99):
        assert refused(data[:int(share * len(data))])


@pytest.mark.parametrize('kind', sorted(set(OTHERS) - set(PLAIN)))
def test_what_is_cut_is_refused_where_zeros_follow(kind):
    data = OTHERS[kind]
    for share in (0.02, 0.3, 0.5, 0.9):
        length = int(share * len(data))
        assert refused(data[:length] + bytes(len(data) - length))


@pytest.mark.parametrize('value', [0, 7, 255])
@pytest.mark.parametrize('encode', [
    lambda p: opencv('.jpg', picture=p), lambda p: pillow('JPEG', p, optimize=True),
    lambda p: pillow('JPEG', p, progressive=True), lambda p: opencv('.png', picture=p),
    lambda p: pillow('WEBP', p), lambda p: pillow('WEBP', p, lossless=True),
    lambda p: pillow('JPEG2000', p), lambda p: pillow('TIFF', p, compression='tiff_lzw')])
@pytest.mark.parametrize('upper', [PICTURE[:80], np.zeros_like(PICTURE[:80])])
def test_a_picture_whose_lower_half_is_flat_is_whole(value, encode, upper):
    picture = np.concatenate([upper, np.full_like(PICTURE[:80], value)])
    assert decode_image(encode(picture))[0].shape == PICTURE.shape


@pytest.mark.parametrize('size', [(1, 1), (7, 5), (17, 33), (161, 193)])
@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize('subsampling', ['4:4:4', '4:2:2', '4:2:0'])
def test_jpegs_of_all_kinds_are_whole(size, mode, progressive, subsampling):
    data = pillow('JPEG', cv2.resize(PICTURE, size), mode, progressive=progressive,
                  subsampling=subsampling)
    assert whole_length(memoryview(data + bytes(100))) == len(data)
