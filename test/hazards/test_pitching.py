import math

import numpy as np
from pitched_views import bumps
from pitched_views import CAMERA
from pitched_views import picture
from pitched_views import SIZE
from pitched_views import view
import pytest

from aim_ros.hazards import pitching
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.colours import Picture
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.pitching import PitchMeter


def watch(pictures, meter=None, camera=CAMERA, start=0):
    """Return what a meter says of pictures that follow each other at 10 Hz."""
    meter = meter or PitchMeter()
    return [meter.advance(camera, shown, k * 100_000_000)
            for k, shown in enumerate(pictures, start)]


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_horizon_is_followed_over_bumps(order):
    rows, whole = bumps(40), view()
    seen = watch([picture(whole, shift, order) for shift in rows])
    assert {camera.epoch for camera in seen} == {seen[0].epoch}
    told = np.array([camera.rows for camera in seen])
    # Within a second; over more, it goes back to where the mount says.
    for first in range(len(rows) - 8):
        change = told[first:first + 8] - told[first] - (rows[first:first + 8] - rows[first])
        assert np.abs(change).max() < 1.6
    assert np.corrcoef(told, rows)[0, 1] > 0.97


def test_rows_are_those_of_the_image_at_any_size():
    camera = GroundCamera(fx=1442, fy=1442, cx=1220, cy=346, height=1.65)
    small = watch([picture(view(), rows) for rows in (0, 3)])
    large = watch([picture(view(size=(750, 2484)), rows) for rows in (0, 6)], camera=camera)
    assert large[1].rows == pytest.approx(2 * small[1].rows, rel=0.1)


def test_feet_are_measured_from_the_horizon_where_it_is():
    whole = view()
    before, after = watch([picture(whole, 0), picture(whole, 6)])
    foot, moved = (
        before.feet(as_array([(600, 150, 20, 73)])), after.feet(as_array([(600, 156, 20, 73)])))
    assert foot.drop == pytest.approx(49.5, abs=0.1)
    assert moved.drop == pytest.approx(foot.drop, abs=1.0)
    assert foot.epoch == moved.epoch
    assert foot.slack > 0


def test_what_moves_in_one_direction_for_long_is_no_pitch():
    """What passes by below the horizon moves down in every frame."""
    whole = view()
    seen = watch([picture(whole, rows) for rows in np.linspace(-15, 15, 120)])
    assert {camera.epoch for camera in seen} == {seen[0].epoch}
    told = [camera.rows for camera in seen]
    assert max(told) < 10
    assert told[-1] < max(told)


@pytest.mark.parametrize('other', [
    'cut', 'flat', 'dark', 'fog', 'gap', 'calibration', 'size', 'too fast'])
def test_where_frames_cannot_be_compared_something_new_begins(other):
    """The horizon is then where the mount says."""
    whole, meter = view(), PitchMeter()
    first, second = watch([picture(whole, 0), picture(whole, 8)], meter)
    assert first.epoch == second.epoch
    assert second.rows > 5
    shown, camera, start = picture(whole, 8), CAMERA, 2
    if other == 'cut':
        shown = picture(view(seed=5), 0)
    elif other in ('flat', 'dark'):
        level = 128 if other == 'flat' else 0
        shown = Picture(np.full((*SIZE, 3), level, np.uint8))
    elif other == 'fog':
        # A sensor's pattern stays where it is.
        pattern = np.random.default_rng(1).normal(0, 4, (*SIZE, 3))
        shown = Picture(np.rint(150 + 0.02 * shown.image + pattern).astype(np.uint8))
    elif other == 'gap':
        start = 6
    elif other == 'size':
        shown = picture(view(size=(400, 1242)), 8)
    elif other == 'too fast':
        shown = picture(whole, -17)
    else:
        camera = GroundCamera(fx=721, fy=721, cx=610, cy=190, height=1.65)
    third, fourth = watch([shown, shown], meter, camera, start=start)
    assert third.epoch != second.epoch
    assert third.rows == 0
    assert (fourth.epoch == third.epoch) == (other not in ('flat', 'dark', 'fog'))


def test_no_camera_pitches_farther_than_a_car_does():
    camera = GroundCamera(fx=300, fy=300, cx=610, cy=173, height=1.65)
    whole = view()
    seen = watch([picture(whole, rows) for rows in np.arange(-14, 15, 4)], camera=camera)
    assert max(abs(pitched.rows) for pitched in seen) <= 0.05 * 300
    assert seen[-1].epoch > seen[0].epoch


@pytest.mark.parametrize('marks', [12, 40])
def test_what_stands_still_in_the_image_does_not_hold_the_horizon(marks):
    """Drops on the pane, or a text that is written into the images."""
    whole, generator = view(), np.random.default_rng(2)
    places = generator.integers((145, 0), (205, 1230), (marks, 2)).tolist()
    pictures, rows = [], bumps(30, 8.0)
    for down in rows:
        shown = picture(whole, down)
        for row, column in places:
            shown.image[row:row + 10, column:column + 10] = 0
        pictures.append(shown)
    seen = watch(pictures)
    followed = np.diff([camera.epoch for camera in seen]) == 0
    wrong = np.abs(np.diff([camera.rows for camera in seen]) - np.diff(rows))[followed]
    assert len(wrong) < 15
    # Of the first two frames nobody knows what stands still.
    assert max(wrong[1:], default=0) < 2


@pytest.mark.parametrize(('seems', 'without', 'follows'), [
    (-5.0, -6.1, True), (1.6, 3.0, True), (0.2, 1.1, True), (0.2, 1.3, False),
    (-1.4, -2.9, False), (0.0, math.nan, True)])
def test_what_seems_to_move_well_is_not_held(seems, without, follows, monkeypatch):
    """The strip without what stands still shows its movement less surely."""
    answers = iter((seems, without))
    meter, whole = PitchMeter(), view()
    first, = watch([picture(whole, 0)], meter)
    monkeypatch.setattr(pitching, '_rows_moved', lambda before, after: next(answers))
    second, = watch([picture(whole, 0)], meter, start=1)
    assert (second.epoch == first.epoch) == follows


def test_a_tall_image_is_looked_at_about_its_horizon_alone():
    """What moves well below, as the road does, is no pitch."""
    size = (960, 1242)
    camera = GroundCamera(fx=721, fy=721, cx=610, cy=480, height=1.65)
    whole, road = view(size=size), view(seed=3, size=size)
    pictures = []
    for step in range(6):
        shown = picture(whole, 0)
        shown.image[530:] = picture(road, 3 * step).image[530:]
        pictures.append(shown)
    assert [round(seen.rows, 1) for seen in watch(pictures, camera=camera)] == [0] * 6


@pytest.mark.parametrize('broken', [
    {'cy': math.nan}, {'cy': math.inf}, {'fy': math.inf}, {'cy': -math.inf}])
def test_numbers_of_no_camera_show_no_horizon(broken):
    camera = GroundCamera(**{'fx': 721, 'fy': 721, 'cx': 610, 'cy': 173, 'height': 1.65, **broken})
    assert watch([picture(view(), 0)], camera=camera) == [None]


def test_without_camera_or_picture_or_horizon_nothing_is_known():
    shown = picture(view(), 0)
    above = GroundCamera(fx=721, fy=721, cx=610, cy=-200, height=1.65)
    meter = PitchMeter()
    for camera, image in ((None, shown), (CAMERA, None), (above, shown)):
        assert watch([image], meter, camera) == [None]
    before, = watch([shown], meter)
    assert watch([None], meter, start=1) == [None]
    after, = watch([shown], meter, start=2)
    assert before.epoch != after.epoch


def test_a_camera_that_looks_down_has_its_horizon_higher():
    camera = GroundCamera(fx=721, fy=721, cx=610, cy=173, height=1.65, pitch=0.1)
    whole = view()
    pitched = watch([picture(whole, 0), picture(whole, 3)], camera=camera)
    assert pitched[0].epoch == pitched[1].epoch
    assert camera.horizon_row == pytest.approx(173.5 - 721 * math.tan(0.1))


def test_stamps_that_stand_still_are_taken_as_they_are():
    whole, meter = view(), PitchMeter()
    first, = watch([picture(whole, 0)], meter)
    again = meter.advance(CAMERA, picture(whole, 3), 0)
    assert again.epoch == first.epoch
    assert again.rows == pytest.approx(3, abs=0.3)
