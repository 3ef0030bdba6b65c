"""Intrinsics of the image as it is delivered: cropped, binned, scaled."""

from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.camera_info import camera_of_image
from aim_ros.imaging.camera_info import delivered_camera
from aim_ros.imaging.camera_info import is_calibrated


def test_projection_is_made_from_the_intrinsics():
    camera = CameraModel(640, 480, fx=500.0, fy=510.0, cx=320.0, cy=240.0)
    assert camera.k == (500, 0, 320, 0, 510, 240, 0, 0, 1)
    assert camera.p == (500, 0, 320, 0, 0, 510, 240, 0, 0, 0, 1, 0)
    assert camera.r == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_given_projection_is_kept():
    p = tuple(float(value) for value in range(12))
    assert CameraModel(640, 480, 1.0, 1.0, 0.0, 0.0, p=p).p == p


CAMERA = CameraModel(1200, 400, fx=720.0, fy=710.0, cx=600.0, cy=170.0)


UNTURNED = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def info(width=1200, height=400, binning=(0, 0), roi=(0, 0, 0, 0), k=None, p=None, r=UNTURNED,
         d=()):
    """Return what a CameraInfo message has; `roi` is (left, top, width, height)."""
    zone = dict(zip(('x_offset', 'y_offset', 'width', 'height'), roi, strict=True))
    return SimpleNamespace(
        width=width, height=height, binning_x=binning[0], binning_y=binning[1],
        roi=SimpleNamespace(**zone), d=list(d), distortion_model='plumb_bob', r=list(r),
        k=list(CAMERA.k) if k is None else k, p=[0.0] * 12 if p is None else p)


def test_a_part_of_the_image_keeps_its_focal_length():
    camera = CAMERA.cropped(100, 50, 800, 300)
    assert camera.size == (300, 800)
    assert camera.pinhole == (720, 710, 500, 120)


def test_a_binned_pixel_has_its_centre_between_those_of_its_block():
    camera = CAMERA.binned(2, 4)
    assert camera.size == (100, 600)
    assert camera.pinhole == (360, 177.5, (600 - 0.5) / 2, (170 - 1.5) / 4)


def test_the_projection_follows():
    p = (700.0, 0.0, 590.0, 44.0, 0.0, 701.0, 160.0, 2.0, 0.0, 0.0, 1.0, 0.003)
    camera = replace(CAMERA, p=p).binned(2, 1)
    assert camera.p[:4] == (350, 0, (590 - 0.5) / 2, pytest.approx(22 - 0.25 * 0.003))
    assert camera.p[4:] == p[4:]


def test_scaling_there_and_back_is_nothing():
    back = CAMERA.scaled((200, 600)).scaled((400, 1200))
    assert back.pinhole == pytest.approx(CAMERA.pinhole)


@pytest.mark.parametrize(('message', 'size', 'expected'), [
    (info(), (400, 1200), (720, 710, 600, 170)),
    (info(), (200, 600), (360, 355, 299.75, 84.75)),
    # A network's sides are multiples of 32.
    (info(), (192, 576), (345.6, 340.8, 287.74, 81.34)),
    (info(roi=(100, 50, 800, 300)), (300, 800), (720, 710, 500, 120)),
    (info(roi=(100, 50, 800, 300)), (150, 400), (360, 355, 249.75, 59.75)),
    (info(roi=(100, 50, 800, 300)), (400, 1200), (720, 710, 600, 170)),
    (info(binning=(2, 2)), (200, 600), (360, 355, 299.75, 84.75)),
    (info(binning=(2, 4)), (100, 600), (360, 177.5, 299.75, 42.125)),
    (info(binning=(2, 2)), (400, 1200), (720, 710, 600, 170)),
    (info(width=0, height=0), (300, 900), (720, 710, 600, 170)),
])
def test_the_camera_of_an_image(message, size, expected):
    camera = camera_of_image(message, size)
    assert camera.size == size
    assert camera.pinhole == pytest.approx(expected)


@pytest.mark.parametrize(('message', 'size'), [
    (info(), (1200, 400)),
    (info(), (400, 600)),
    (info(), (400, 1000)),
    (info(roi=(100, 50, 800, 300)), (300, 400)),
    (info(binning=(2, 4)), (1200, 400)),
])
def test_a_calibration_for_another_shape_is_refused(message, size):
    with pytest.raises(CameraError, match=(
            f'the calibration is for images of .* pixels, and these are {size[1]}x{size[0]}, of '
            'another shape')):
        camera_of_image(message, size)


@pytest.mark.parametrize('size', [(1, 1), (2, 3), (400, 1200)])
@pytest.mark.parametrize('message', [
    info(width=1, height=1), info(width=3, height=2, binning=(8, 8)),
    info(roi=(0, 0, 1, 1), binning=(2, 2))])
def test_odd_messages_give_a_camera_or_a_reason(message, size):
    with suppress(CameraError):
        assert camera_of_image(message, size).size == size


@pytest.mark.parametrize('k', [[0.0] * 9, [0.0] * 8 + [1.0]])
def test_an_uncalibrated_camera_is_none(k):
    assert camera_of_image(info(k=k), (400, 1200)) is None
    assert delivered_camera(info(k=k)) is None
    assert not is_calibrated(info(k=k))


def changed(values, **numbers):
    """Return values with others at places such as `_4`."""
    values = list(values)
    for place, value in numbers.items():
        values[int(place[1:])] = value
    return values


NAN, INF = float('nan'), float('inf')
PAIR = (700.0, 0.0, 590.0, -380.0, 0.0, 701.0, 160.0, 0.0, 0.0, 0.0, 1.0, 0.003)


@pytest.mark.parametrize('size', [(400, 1200), (0, 0)])
@pytest.mark.parametrize(('wrong', 'said'), [
    *(({'k': changed(CAMERA.k, **{f'_{place}': value})}, 'K has numbers that are not finite')
      for place in range(9) for value in (NAN, INF)),
    *(({'p': changed(PAIR, **{f'_{place}': NAN})}, 'P has numbers that are not finite')
      for place in range(12)),
    ({'r': changed(UNTURNED, _3=NAN)}, 'R has numbers that are not finite'),
    ({'d': [0.1, INF]}, 'D has numbers that are not finite'),
    ({'k': changed(CAMERA.k, _4=-710.0)}, 'K has focal lengths of 720 and -710 pixels; they must'),
    ({'p': changed(PAIR, _0=-700.0)}, 'P has focal lengths of -700 and 701 pixels; they must'),
    ({'k': changed(CAMERA.k, _4=1.0)}, 'whose ratio is that of no camera'),
    ({'k': changed(CAMERA.k, _1=300.0)}, 'a skew of 300; expected 0'),
    ({'k': changed(CAMERA.k, _8=2.0)}, r'K has the last row \[0, 0, 2\]'),
    ({'p': changed(PAIR, _10=0.0, _8=1.0)}, r'P has the last row \[1, 0, 0\]'),
    ({'p': changed(PAIR, _3=-7e6)}, 'P is that of a camera 10000 m away'),
    ({'r': [1.0] * 9}, 'R is no rotation'),
    ({'r': changed(UNTURNED, _8=-1.0)}, 'R is no rotation'),
    ({'k': [0.0] * 9, 'p': changed(PAIR, _5=-1.0)}, 'P has focal lengths'),
])
def test_numbers_of_no_camera_are_refused_by_name(size, wrong, said):
    message = info(width=size[1], height=size[0], **wrong)
    with pytest.raises(CameraError, match=said):
        camera_of_image(message, (400, 1200))
    assert not is_calibrated(message)


@pytest.mark.parametrize('named', [True, False])
@pytest.mark.parametrize(('wrong', 'said'), [
    ({'k': changed(CAMERA.k, _0=1e-3, _4=1e-3)},
     'K has focal lengths of 0.001 and 0.001 pixels; with images of 1200x400 pixels they are '
     'between 48 and 120000'),
    ({'k': changed(CAMERA.k, _0=1e9, _4=1e9)}, 'focal lengths of 1e'),
    # Metres or millimetres in place of pixels.
    ({'k': changed(CAMERA.k, _0=4.0, _4=4.0)}, 'focal lengths of 4 and 4'),
    ({'p': changed(PAIR, _0=4.0, _3=0.0, _5=4.0)}, 'P has focal lengths of 4 and 4'),
    ({'k': changed(CAMERA.k, _2=1e5)}, r'K has the optical axis at \(100000, 170\), far outside'),
    ({'k': changed(CAMERA.k, _5=-1e4)}, 'the optical axis at'),
    ({'p': changed(PAIR, _6=2000.0)}, 'P has the optical axis at'),
])
def test_numbers_that_do_not_go_with_the_image_are_refused(named, wrong, said):
    size = {} if named else {'width': 0, 'height': 0}
    with pytest.raises(CameraError, match=said):
        camera_of_image(info(**size, **wrong), (400, 1200))


@pytest.mark.parametrize(('wrong', 'said'), [
    ({'roi': (1000, 0, 400, 400)}, r'roi is 400x400 pixels at \(1000, 0\), which the images'),
    ({'binning': (4_000_000_000, 1)}, 'binning is 4000000000x1'),
])
def test_parts_that_there_are_not_are_refused(wrong, said):
    with pytest.raises(CameraError, match=said):
        camera_of_image(info(**wrong), (400, 1200))
    assert not is_calibrated(info(**wrong))


@pytest.mark.parametrize('right', [
    {'k': changed(CAMERA.k, _0=52.0, _4=52.0)}, {'k': changed(CAMERA.k, _0=1e5, _4=1e5)},
    {'k': changed(CAMERA.k, _2=-300.0)}, {'p': PAIR}, {'r': [0.0] * 9},
    {'k': [0.0] * 9, 'p': PAIR}, {'k': changed(CAMERA.k, _8=0.0)},
    {'k': changed(CAMERA.k, _1=0.4)}])
def test_numbers_of_odd_cameras_are_taken(right):
    assert camera_of_image(info(**right), (400, 1200)) is not None


def test_a_projection_alone_will_do():
    p = [700.0, 0.0, 590.0, 0.0, 0.0, 701.0, 160.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    camera = camera_of_image(info(k=[0.0] * 9, p=p), (400, 1200))
    assert camera.pinhole == (700, 701, 590, 160)


def test_points_of_the_optical_frame_are_projected_by_p_after_r():
    quarter = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)  # about the axis
    camera = CameraModel(40, 30, fx=25, fy=25, cx=3, cy=4, r=quarter, p=(
        20.0, 0.0, 19.5, -10.0, 0.0, 20.0, 14.5, 0.0, 0.0, 0.0, 1.0, 0.0))
    u, v, w = camera.projection @ (1, 2, 4, 1)
    assert (u / w, v / w) == pytest.approx((19.5 + (20 * -2 - 10) / 4, 14.5 + 20 * 1 / 4))


@pytest.mark.parametrize('p', [(), (0.0,) * 12])
def test_without_p_points_are_projected_by_k(p):
    camera = CameraModel(40, 30, fx=25, fy=20, cx=3, cy=4, p=p, r=(0.0,) * 9)
    u, v, w = camera.projection @ (1, 2, 4, 1)
    assert (u / w, v / w) == pytest.approx((3 + 25 / 4, 4 + 20 * 2 / 4))
