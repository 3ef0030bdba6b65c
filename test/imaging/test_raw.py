"""Raw images of every encoding become pixels of a frame."""

from contextlib import nullcontext

import cv2
import numpy as np
import pytest

from aim_ros.imaging.encodings import ALIASES
from aim_ros.imaging.encodings import DEPTH
from aim_ros.imaging.encodings import ENCODINGS
from aim_ros.imaging.encodings import PACKINGS
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.imaging.raw import pixels_of
from aim_ros.imaging.raw import SUPPORTED

HEIGHT, WIDTH = 8, 12
YUV = ('yuv', 'yuy', 'uyv')
ORANGE = np.array((240, 130, 20), np.uint8)

# ITU-R BT.601, limited range, as cameras have it: Y, Cb and Cr of that orange.
Y = round(16 + (65.738 * 240 + 129.057 * 130 + 25.064 * 20) / 256)
CB = round(128 + (-37.945 * 240 - 74.494 * 130 + 112.439 * 20) / 256)
CR = round(128 + (112.439 * 240 - 94.154 * 130 - 18.285 * 20) / 256)


def plane(rows, *values, dtype=np.uint8):
    """Return rows of bytes in which the values repeat, WIDTH pixels wide."""
    return np.tile(np.array(values, dtype), (rows, WIDTH)).view(np.uint8)


def mosaic(pattern, dtype=np.uint8, factor=1):
    """Return a Bayer mosaic of the orange; `pattern` names its first two rows of two."""
    cell = np.array([int(ORANGE['rgb'.index(letter)]) * factor for letter in pattern], dtype)
    return np.tile(cell.reshape(2, 2), (HEIGHT // 2, WIDTH // 2)).view(np.uint8)


R, G, B = (int(value) for value in ORANGE)
IMAGES = {
    'rgb8': plane(HEIGHT, R, G, B),
    'bgr8': plane(HEIGHT, B, G, R),
    'rgba8': plane(HEIGHT, R, G, B, 9),
    'bgra8': plane(HEIGHT, B, G, R, 9),
    '8UC3': plane(HEIGHT, B, G, R),
    '8UC4': plane(HEIGHT, B, G, R, 9),
    'rgb16': plane(HEIGHT, R * 257, G * 257, B * 257, dtype=np.uint16),
    'bgr16': plane(HEIGHT, B * 257, G * 257, R * 257, dtype=np.uint16),
    '16UC3': plane(HEIGHT, B * 257, G * 257, R * 257, dtype=np.uint16),
    'rgba16': plane(HEIGHT, R * 257, G * 257, B * 257, 9, dtype=np.uint16),
    'bgra16': plane(HEIGHT, B * 257, G * 257, R * 257, 9, dtype=np.uint16),
    '16UC4': plane(HEIGHT, B * 257, G * 257, R * 257, 9, dtype=np.uint16),
    **{name: np.tile(np.array((CB, Y, CR, Y), np.uint8), (HEIGHT, WIDTH // 2))
       for name in ('yuv422', 'uyvy')},
    **{name: np.tile(np.array((Y, CB, Y, CR), np.uint8), (HEIGHT, WIDTH // 2))
       for name in ('yuv422_yuy2', 'yuyv')},
    'nv12': np.vstack([plane(HEIGHT, Y),
                       np.tile(np.array((CB, CR), np.uint8), (HEIGHT // 2, WIDTH // 2))]),
    'nv21': np.vstack([plane(HEIGHT, Y),
                       np.tile(np.array((CR, CB), np.uint8), (HEIGHT // 2, WIDTH // 2))]),
    'nv24': np.vstack([plane(HEIGHT, Y),
                       np.tile(np.array((CB, CR), np.uint8), (2 * HEIGHT, WIDTH // 2))]),
    **{f'bayer_{pattern}8': mosaic(pattern) for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')},
    **{f'bayer_{pattern}16': mosaic(pattern, np.uint16, 257)
       for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')},
    'mono8': plane(HEIGHT, 77),
    '8UC1': plane(HEIGHT, 77),
    'mono16': plane(HEIGHT, 77 * 257, dtype=np.uint16),
}


def rgb_of(rows, encoding, **options):
    pixels, name = pixels_of(
        rows.tobytes(), encoding, HEIGHT, WIDTH, rows.shape[1], **options)
    return Frame(pixels, name).rgb()


def test_every_encoding_is_tried_here():
    assert IMAGES.keys() == set(SUPPORTED)


@pytest.mark.parametrize('encoding', SUPPORTED)
def test_the_colour_of_every_encoding(encoding):
    rgb = rgb_of(IMAGES[encoding], encoding)
    grey = encoding in ('mono8', '8UC1', 'mono16')
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    # YUV in 8 bits is worth two levels.
    assert np.abs(rgb.astype(int) - ((77, 77, 77) if grey else ORANGE)).max() <= 2


@pytest.mark.parametrize('padding', [1, 6])
@pytest.mark.parametrize('encoding', SUPPORTED)
def test_rows_may_be_padded_and_bytes_may_follow(encoding, padding):
    rows = IMAGES[encoding]
    if encoding == 'nv24':  # whose rows of chroma are twice as long
        chroma = rows[HEIGHT:].reshape(HEIGHT, -1)
        padded = np.vstack([np.pad(rows[:HEIGHT], ((0, 0), (0, padding)), constant_values=200),
                            np.pad(chroma, ((0, 0), (0, 2 * padding)), constant_values=200)
                            .reshape(2 * HEIGHT, -1)])
    else:
        padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=200)
    longer = np.vstack([padded, padded[:1]])
    np.testing.assert_array_equal(rgb_of(longer, encoding), rgb_of(rows, encoding))


@pytest.mark.parametrize('encoding', [e for e, packing in PACKINGS.items() if packing.bits == 16])
def test_samples_may_be_big_endian(encoding):
    rows = IMAGES[encoding]
    swapped = np.ascontiguousarray(rows).view(np.uint16).byteswap().view(np.uint8)
    np.testing.assert_array_equal(
        rgb_of(swapped, encoding, is_bigendian=True), rgb_of(rows, encoding))


@pytest.mark.parametrize('encoding', [*ENCODINGS, '8UC1', '8UC3', '8UC4'])
def test_what_needs_no_conversion_is_viewed(encoding):
    rows = np.ascontiguousarray(IMAGES[encoding])
    pixels, _ = pixels_of(rows.data.cast('B'), encoding, HEIGHT, WIDTH, rows.shape[1])
    assert np.shares_memory(pixels, rows)


def test_a_bayer_mosaic_keeps_what_it_shows():
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (40, 60, 3), np.uint8), (0, 0), 4)
    rows = picture[..., 1].copy()
    rows[0::2, 0::2], rows[1::2, 1::2] = picture[0::2, 0::2, 0], picture[1::2, 1::2, 2]
    pixels, name = pixels_of(rows, 'bayer_rggb8', 40, 60, 60)
    difference = Frame(pixels, name).rgb().astype(int) - picture
    assert np.abs(difference[2:-2, 2:-2]).mean() < 3


@pytest.mark.parametrize('encoding', sorted(DEPTH))
def test_depth_is_refused_by_name(encoding):
    with pytest.raises(FrameError, match=f"'{encoding}' is a depth image, and no picture"):
        pixels_of(bytes(10_000), encoding, HEIGHT, WIDTH, WIDTH * 8)


@pytest.mark.parametrize('encoding', ['8UC2', '8SC3', '64FC3', 'nv12 ', '', 'RGB8', 'i420'])
def test_what_is_unknown_is_named_beside_what_is_known(encoding):
    with pytest.raises(FrameError, match=r'supported: rgb8, bgr8, .*mono16.*bayer_rggb8.*nv12'):
        pixels_of(bytes(10_000), encoding, HEIGHT, WIDTH, WIDTH)


@pytest.mark.parametrize('encoding', SUPPORTED)
@pytest.mark.parametrize('height', [0, 1, 2, 3, 7])
@pytest.mark.parametrize('width', [0, 1, 2, 3, 7])
def test_small_images_are_whole_or_refused(encoding, height, width):
    step = 8 * width
    planar, paired = encoding.startswith('nv') and encoding != 'nv24', encoding[:3] in YUV
    odd = (planar and height % 2) or ((planar or paired) and width % 2)
    with nullcontext() if height and width and not odd else pytest.raises(FrameError):
        pixels, _ = pixels_of(bytes(8 * step * height), encoding, height, width, step)
        assert pixels.shape[:2] == (height, width)


@pytest.mark.parametrize('encoding', SUPPORTED)
def test_too_few_bytes_and_short_rows_are_refused(encoding):
    rows = IMAGES[encoding]
    with pytest.raises(FrameError, match=f'the data has {rows.size - 1} bytes; expected step'):
        pixels_of(rows.tobytes()[:-1], encoding, HEIGHT, WIDTH, rows.shape[1])
    with pytest.raises(FrameError, match=f'step is {rows.shape[1] - 1} bytes; a row of 12'):
        pixels_of(rows.tobytes(), encoding, HEIGHT, WIDTH, rows.shape[1] - 1)


SIZES = [(1, 1), (2, 2), (3, 5), (6, 10), (7, 8), (8, 7), (0, 5), (5, 0)]


@pytest.mark.parametrize('encoding', SUPPORTED)
@pytest.mark.parametrize('big_endian', [False, True])
@pytest.mark.parametrize('padding', [0, 1, 3, 7])
def test_any_layout_gives_a_frame_or_a_reason(encoding, big_endian, padding):
    name = ALIASES.get(encoding, encoding)
    packing = PACKINGS.get(name)
    depth = packing.samples * packing.bits // 8 if packing else ENCODINGS[name].channels
    for height, width in SIZES:
        step = width * depth + padding
        rows = height + round(height * (packing.chroma if packing else 0))
        for more in (0, 13, -1):
            data = bytes(max(step * rows + more, 0))
            try:
                pixels, kind = pixels_of(data, encoding, height, width, step, big_endian)
            except FrameError:
                continue
            assert more >= 0
            assert Frame(pixels, kind).rgb().shape == (height, width, 3)
