import math

from hypothesis import assume
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from aim_ros.hazards.geometry import Corridor
from aim_ros.hazards.geometry import GroundCamera

SIZE = (375, 1242)


def pixel_box(column, row):
    """A box of one pixel, whose lower edge lies half a pixel below the pixel's centre."""
    return column, row, 1, 1


# Ground


def test_distance_and_bearing_by_hand():
    camera = GroundCamera(fx=700, fy=500, cx=600, cy=170, height=1.6)
    # The foot lies at row 250 and column 529.5, since pixel centres have integer coordinates:
    # 80 of 500 below the axis, so 1.6 / (80 / 500) = 10 m away, and 70.5 of 700 to the left.
    distance, bearing = camera.locate((520, 100, 20, 150.5))
    assert distance == pytest.approx(10.0)
    assert bearing == pytest.approx(math.degrees(math.atan(70.5 / 700)))


@pytest.mark.parametrize(('column', 'bearing'), [(600, 0.0), (-100, 45.0), (1300, -45.0)])
def test_bearing_is_positive_to_the_left(column, bearing):
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=170, height=1.6)
    assert camera.locate(pixel_box(column, 200))[1] == pytest.approx(bearing)


def test_at_45_degrees_below_the_axis_the_distance_is_the_height():
    camera = GroundCamera(fx=700, fy=100, cx=600, cy=99.5, height=1.6)
    assert camera.locate(pixel_box(600, 199))[0] == pytest.approx(1.6)


@pytest.mark.parametrize('degrees', [5, 20, 40])
def test_with_pitch_the_axis_meets_the_ground_at_height_over_tangent(degrees):
    pitch = math.radians(degrees)
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=99.5, height=1.6, pitch=pitch)
    distance, bearing = camera.locate(pixel_box(600, 99))
    assert distance == pytest.approx(1.6 / math.tan(pitch))
    assert bearing == pytest.approx(0)


@pytest.mark.parametrize('degrees', [-10, 0, 10])
def test_drops_shrink_with_the_distance(degrees):
    camera = GroundCamera(
        fx=700, fy=650, cx=600, cy=200, height=1.6, pitch=math.radians(degrees))
    boxes = np.array([(600, 0, 20, bottom) for bottom in (340, 350, 374)], float)
    distance, _ = camera.locate_all(boxes)
    assert camera.drops(boxes) == pytest.approx(650 * 1.6 / distance)
    lower = boxes + np.array((0, 6, 0, 0))
    assert camera.drops(lower, 6.0) == pytest.approx(camera.drops(boxes))
    at_horizon = np.array([(600, 0, 20, camera.horizon_row)])
    assert camera.drops(at_horizon) == pytest.approx([0], abs=1e-9)


def test_straight_down_the_drop_is_infinite():
    camera = GroundCamera(fx=200, fy=200, cx=600, cy=100, height=1.6, pitch=0.8)
    assert camera.drops(np.array([(600, 0, 20, 360.0)])) == [np.inf]


@pytest.mark.parametrize('degrees', [-10, 0, 10])
def test_a_point_on_the_road_is_found_again(degrees):
    """Project a point by the rotation of the camera, worked out apart from the code under test."""
    pitch, height, ahead, left = math.radians(degrees), 1.65, 14.0, 3.0
    depth = ahead * math.cos(pitch) + height * math.sin(pitch)
    down = height * math.cos(pitch) - ahead * math.sin(pitch)
    row, column = 180 + 720 * down / depth, 610 - 720 * left / depth
    camera = GroundCamera(fx=720, fy=720, cx=610, cy=180, height=height, pitch=pitch)
    # The middle of the lower edge of a box is half a pixel from its corners' centres.
    distance, bearing = camera.locate((column - 4.5, row - 9.5, 10, 10))
    assert distance == pytest.approx(ahead)
    assert bearing == pytest.approx(math.degrees(math.atan2(left, ahead)))


def test_the_distance_is_along_the_vehicle_whatever_the_column():
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=170, height=1.6, pitch=0.1)
    distances = {round(camera.locate(pixel_box(column, 300))[0], 9)
                 for column in (0, 600, 1241)}
    assert len(distances) == 1


@pytest.mark.parametrize(('pitch', 'horizon'), [(0.0, 200), (0.1, 200 - 700 * math.tan(0.1))])
def test_at_and_above_the_horizon_nothing_is_near(pitch, horizon):
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=200, height=1.6, pitch=pitch)
    above, below = math.floor(horizon - 0.5), math.ceil(horizon + 0.5)
    assert camera.locate(pixel_box(600, above - 1))[0] == math.inf
    assert camera.locate(pixel_box(600, 0))[0] == math.inf
    assert 0 < camera.locate(pixel_box(600, below))[0] < math.inf


def test_a_foot_on_the_horizon_is_infinitely_far():
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=199.5, height=1.6)
    assert camera.locate((600, 190, 1, 10))[0] == math.inf
    assert camera.locate((600, 190, 1, 11))[0] == pytest.approx(1.6 * 700)


# The corridor


def test_the_corridor_by_hand():
    corridor = Corridor(top_row=0.5, top_width=0.1, bottom_width=0.5, center=0.5)
    size = (100, 100)

    def inside(left, right, foot):
        return corridor.contains_foot((left, foot - 10, right - left, 10), size)

    # At the bottom it spans columns 25..75, at row 75 it spans 35..65, at row 50 45..55.
    assert inside(20, 25, 100)
    assert not inside(20, 24, 100)
    assert inside(75, 80, 100)
    assert not inside(76, 80, 100)
    assert inside(30, 35, 75)
    assert not inside(30, 34, 75)
    assert not inside(66, 70, 75)
    assert inside(50, 51, 50)
    assert not inside(50, 51, 49)
    assert not inside(40, 44, 50)


def test_a_box_wider_than_the_corridor_is_in_it():
    assert Corridor().contains_foot((0, 0, 1242, 375), SIZE)


def test_a_corridor_may_stand_off_the_middle():
    corridor = Corridor(top_row=0.0, top_width=0.2, bottom_width=0.2, center=0.3)
    assert corridor.contains_foot((19, 0, 1, 50), (100, 100))
    assert not corridor.contains_foot((18, 0, 1, 50), (100, 100))
    assert corridor.contains_foot((40, 0, 1, 50), (100, 100))
    assert not corridor.contains_foot((41, 0, 1, 50), (100, 100))


def test_a_corridor_without_height_is_the_lower_edge():
    corridor = Corridor(top_row=1.0, top_width=0.1, bottom_width=0.5)
    assert corridor.contains_foot((30, 90, 5, 10), (100, 100))
    assert not corridor.contains_foot((30, 90, 5, 9), (100, 100))


# A region that modulation enlarges lies lower and wider, and must be no less of a hazard.


@st.composite
def boxes_and_larger_ones(draw):
    """A box in an image, and one that contains it."""
    height, width = SIZE
    left, right = sorted(draw(st.tuples(*[st.integers(0, width)] * 2)))
    top, bottom = sorted(draw(st.tuples(*[st.integers(0, height)] * 2)))
    assume(left < right and top < bottom)
    outer_left, outer_top = draw(st.integers(0, left)), draw(st.integers(0, top))
    outer_right = draw(st.integers(right, width))
    outer_bottom = draw(st.integers(bottom, height))
    return ((left, top, right - left, bottom - top),
            (outer_left, outer_top, outer_right - outer_left, outer_bottom - outer_top))


cameras = st.builds(
    GroundCamera, fx=st.floats(50, 3000), fy=st.floats(50, 3000), cx=st.floats(-100, 1400),
    cy=st.floats(-100, 500), height=st.floats(0.1, 10), pitch=st.floats(-0.8, 0.8))


@st.composite
def corridors(draw):
    top_width = draw(st.floats(0, 2))
    return Corridor(
        top_row=draw(st.floats(0, 1)), top_width=top_width,
        bottom_width=draw(st.floats(top_width, 4)), center=draw(st.floats(0, 1)))


@given(boxes_and_larger_ones(), corridors())
def test_a_larger_box_never_leaves_the_corridor(boxes, corridor):
    inner, outer = boxes
    assert corridor.contains_foot(outer, SIZE) >= corridor.contains_foot(inner, SIZE)


@given(boxes_and_larger_ones(), cameras)
def test_a_larger_box_is_never_farther(boxes, camera):
    inner, outer = boxes
    near, far = camera.locate(outer)[0], camera.locate(inner)[0]
    # Rounding may move either by a few units in the last place.
    assert near <= far or near == pytest.approx(far, rel=1e-9)


@given(boxes_and_larger_ones(), cameras, st.floats(0.1, 1000))
def test_a_larger_box_is_no_less_near(boxes, camera, near_m):
    inner, outer = boxes
    assume(abs(camera.locate(inner)[0] - near_m) > 1e-6)
    assert (camera.locate(outer)[0] < near_m) >= (camera.locate(inner)[0] < near_m)


# Places on the ground


def test_a_place_by_hand():
    camera = GroundCamera(fx=700, fy=500, cx=600, cy=170, height=1.6)
    place = camera.place((520, 100, 20, 150.5))
    assert (place.x, place.y) == pytest.approx((10, 10 * 70.5 / 700))


@pytest.mark.parametrize('pitch', [-0.1, 0.0, 0.25])
@pytest.mark.parametrize('column', [200, 600, 1100])
def test_a_place_is_what_distance_and_bearing_say(pitch, column):
    camera = GroundCamera(fx=700, fy=650, cx=600, cy=170, height=1.6, pitch=pitch)
    box = column, 200, 20, 150
    place, (distance, bearing) = camera.place(box), camera.locate(box)
    assert place.x == pytest.approx(distance)
    assert place.y == pytest.approx(distance * math.tan(math.radians(bearing)))


def test_the_errors_are_those_of_a_foot_that_is_moved():
    camera = GroundCamera(fx=700, fy=650, cx=600, cy=170, height=1.6, pitch=0.1)
    x, y, width, height = box = 300, 180, 40, 100
    place, step = camera.place(box), 1e-4
    lower, aside = (camera.place(moved) for moved in (
        (x, y + step, width, height), (x + step, y, width, height)))
    row_noise, column_noise = 0.7 + 0.02 * height, 0.7 + 0.02 * width
    assert place.x_error == pytest.approx(abs(lower.x - place.x) / step * row_noise, rel=1e-3)
    assert place.y_error == pytest.approx(math.hypot(
        (lower.y - place.y) / step * row_noise, (aside.y - place.y) / step * column_noise),
        rel=1e-3)


def test_above_the_horizon_there_is_no_place():
    place = GroundCamera(fx=700, fy=700, cx=600, cy=200, height=1.6).place((10, 20, 30, 40))
    assert (place.x, place.x_error) == (math.inf, math.inf)
    assert math.isnan(place.y)
    assert math.isnan(place.y_error)


@pytest.mark.parametrize('pitch', [0.0, 0.3])
def test_a_column_of_the_ground_is_found_again(pitch):
    camera = GroundCamera(fx=700, fy=650, cx=600, cy=170, height=1.6, pitch=pitch)
    columns, rows = np.arange(0, 1242, 100), np.arange(250, 263)
    x, y = camera.on_ground(columns, rows)
    assert camera.column_of(x, y) == pytest.approx(columns)
    assert x == pytest.approx([camera.distance(row) for row in rows])
    assert np.isinf(camera.on_ground(columns[:1], np.array([-500]))[0]).all()
    assert np.isnan(camera.column_of(np.array([-20.0]), np.array([0.0]))).all()


@pytest.mark.parametrize('pitch', [-0.1, 0.0, 0.2])
@pytest.mark.parametrize(('distance', 'height'), [(8.0, 1.0), (20.0, 1.75), (20.0, 3.0)])
def test_how_tall_things_are_that_stand_on_the_ground(pitch, distance, height):
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=200, height=1.6, pitch=pitch)
    top, bottom = (
        camera.cy + 0.5 + camera.fy * math.tan(math.atan2(camera.height - above, distance) - pitch)
        for above in (height, 0.0))
    box = np.array([[590.0, top, 20.0, bottom - top]])
    for tilt in (0.0, 0.02):
        (least,), (most,) = camera.heights(box, tilt)
        assert least == pytest.approx(height / (1 + tilt * distance / camera.height))
        assert most == pytest.approx(height / (1 - tilt * distance / camera.height))


def test_what_stands_about_the_horizon_may_be_of_any_height():
    camera = GroundCamera(fx=700, fy=700, cx=600, cy=200, height=1.6)
    (below, above), (low, high) = camera.heights(
        np.array([[590.0, 150.0, 20.0, 55.0], [590.0, 100.0, 20.0, 50.0]]), 0.02)
    assert math.isfinite(below)
    assert low == high == above == math.inf
