from dataclasses import replace
import math

from hazard_scenes import CLASSES
from hazard_scenes import PERSON
from hazard_scenes import region
from hazard_scenes import SETTINGS
import numpy as np
from pitched_views import bumps
from pitched_views import CAMERA
from pitched_views import picture
from pitched_views import SIZE
from pitched_views import view
import pytest

from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.sight import Sight

FRAMES = 14
SPEED, BEGIN = 8.0, 24.0
"""Of somebody who comes nearer, in m/s and metres: contact is after 3 s."""


def contacts(rows, grows=0.0, pictures=True, scale=1, focused=False, neutral=True):
    """
    Return the times to contact that are told over true ones, from 0.6 s on.

    :param rows: by how many the camera's pitch moves everything down in each frame.
    :param grows: by how much more of him the mask finds in each second, a share of his height.
    :param scale: of the second half's images.
    :param focused: whether a profile sees him too, and somebody else.
    :param neutral: whether he is seen without a profile.
    """
    monitor, whole, told = AlertMonitor(CLASSES), view(), []
    small = view(size=(SIZE[0] * scale, SIZE[1] * scale)) if scale != 1 else whole
    for step, down in enumerate(rows):
        factor = scale if step >= len(rows) // 2 else 1
        seconds = 0.1 * step
        metre = CAMERA.fy / (BEGIN - SPEED * seconds)
        foot = CAMERA.cy + CAMERA.height * metre + down
        tall = 1.75 * metre * (1 + grows * (seconds - 1.3))
        camera = replace(CAMERA, **{
            name: factor * getattr(CAMERA, name) for name in ('fx', 'fy', 'cx', 'cy')})
        size = SIZE[0] * factor, SIZE[1] * factor
        box = tuple(round(factor * value) for value in (640, foot - tall, 0.4 * tall, tall))
        mask = np.zeros(size, np.uint8)
        mask[box[1]:box[1] + box[3], box[0]:box[0] + box[2]] = PERSON
        shown = picture(small if factor != 1 else whole, factor * down) if pictures else None
        pixels = Pixels(mask, mask, CLASSES, SETTINGS.class_ids, shown)
        own = region(box, modulated_share=0.0 if neutral else 1.0)
        sight = Sight([own] if neutral else [], pixels)
        beside = Sight([own, region((60, 120, 30, 70), modulated_share=1.0)], pixels)
        hazards = monitor.update(
            sight, beside if focused else None, step * 100_000_000, size, SETTINGS, camera=camera)
        if seconds >= (0.6 if neutral else 1.0):
            report = hazards.neutral if neutral else hazards.published
            alert, = (alert for alert in report.alerts if alert.box[0] > 600)
            told.append(alert.ttc_s / (BEGIN / SPEED - seconds))
    return np.array(told)


@pytest.mark.parametrize('rows', [0.0, 2.0, 4.0])
def test_a_camera_that_pitches_says_when_contact_is(rows):
    assert contacts(bumps(FRAMES, rows)) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize('rows', [0.0, 3.0])
def test_the_foot_holds_a_mask_that_finds_more_and_more_of_somebody(rows):
    assert contacts(bumps(FRAMES, rows), grows=0.15) == pytest.approx(1, rel=0.3)
    alone = contacts(bumps(FRAMES, rows), grows=0.15, pictures=False)
    assert np.nanmedian(alone) < 0.8


def test_without_pictures_pitch_changes_nothing():
    """Nobody knows then whether a foot that comes lower comes nearer."""
    for rows in (2.0, 6.0):
        assert contacts(bumps(FRAMES, rows), pictures=False) == pytest.approx(1, rel=0.25)


def test_it_is_told_again_in_images_of_another_size():
    told = contacts(bumps(FRAMES, 2.0), scale=2)
    assert told[-3:] == pytest.approx(1, rel=0.25)


def test_whom_only_a_profile_sees_has_a_foot_as_well():
    told = contacts(bumps(FRAMES, 3.0), grows=0.15, focused=True, neutral=False)
    assert told == pytest.approx(1, rel=0.25)
    assert np.array_equal(told, contacts(bumps(FRAMES, 3.0), grows=0.15)[-len(told):])


def test_what_a_profile_sees_changes_nothing():
    rows = bumps(FRAMES, 3.0)
    assert np.array_equal(contacts(rows), contacts(rows, focused=True), equal_nan=True)
    assert math.isfinite(contacts(rows)[-1])


def test_tracks_are_predicted_with_the_pitch():
    """A bump throws everything 16 rows down while somebody small is hidden for a frame."""
    def box_after(pictures):
        monitor, whole = AlertMonitor(CLASSES), view()
        for step in range(8):
            down = 16 if step >= 6 else 0
            box = (640, 180 + down, 8, 20)
            mask = np.zeros(SIZE, np.uint8)
            mask[box[1]:box[1] + box[3], box[0]:box[0] + box[2]] = PERSON
            shown = picture(whole, down) if pictures else None
            pixels = Pixels(mask, mask, CLASSES, SETTINGS.class_ids, shown)
            hazards = monitor.update(
                Sight([] if step == 6 else [region(box)], pixels), None, step * 100_000_000, SIZE,
                SETTINGS, camera=CAMERA)
            if step == 6:
                coasting, = hazards.neutral.alerts
        after, = hazards.neutral.alerts
        assert after.track_id == coasting.track_id
        assert coasting.coasting
        return coasting.box[1]

    assert box_after(pictures=True) == pytest.approx(196, abs=2)
    assert box_after(pictures=False) == pytest.approx(180, abs=1)
