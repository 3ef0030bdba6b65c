from dataclasses import replace

from hazard_scenes import Camera
from hazard_scenes import ids
from hazard_scenes import region
from hazard_scenes import SETTINGS
import numpy as np
import pytest

from aim_ros.hazards.evidence import doubt
from aim_ros.hazards.evidence import sureness
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import VEHICLE

SIZE = (375, 1242)
GROUND = GroundCamera(fx=721.0, fy=721.0, cx=609.0, cy=172.0, height=1.65)
BICYCLE_ONLY = (0, 0, 1)


def standing(distance, height, hidden=0.0, ground=0.0):
    """
    Return the box of who is so tall and stands so far away; lengths in metres.

    :param hidden: up to which height something nearer hides it.
    :param ground: how much higher the ground is there than below the camera.
    """
    def row(above):
        return GROUND.cy + GROUND.fy * (GROUND.height - ground - above) / distance

    top, bottom = round(row(height)), round(row(hidden))
    return 600, top, max((bottom - top) // 3, 1), bottom - top


def is_unlikely(box, **options):
    one, = doubt([region(box, **options)], GROUND, SIZE)
    return one.unlikely


@pytest.mark.parametrize('distance', [8, 12, 20, 30, 50, 80])
@pytest.mark.parametrize(('height', 'hidden'), [
    (1.0, 0.0), (1.75, 0.0), (2.0, 0.0), (1.0, 0.5), (1.75, 1.0), (1.75, 1.5)],
    ids=['child', 'adult', 'cyclist', 'upper half of a child', 'behind a car', 'head'])
def test_people_are_likely_at_any_distance(distance, height, hidden):
    assert not is_unlikely(standing(distance, height, hidden))


@pytest.mark.parametrize('distance', [10, 20, 30, 50])
@pytest.mark.parametrize('slope', [-0.02, 0.02])
@pytest.mark.parametrize('height', [1.0, 1.75])
def test_people_on_slopes_are_likely(distance, slope, height):
    assert not is_unlikely(standing(distance, height, ground=slope * distance))


@pytest.mark.parametrize('box', [
    standing(8, 0.4), standing(12, 0.3), standing(10, 4.0), standing(30, 5.0, hidden=1.7)],
    ids=['edge of a shadow', 'kerb', 'post', 'statue above the horizon'])
def test_what_nobody_could_be_is_unlikely(box):
    assert is_unlikely(box)


@pytest.mark.parametrize('options', [{'parts': BICYCLE_ONLY}, {'group': VEHICLE}])
def test_only_people_are_measured(options):
    assert not is_unlikely(standing(8, 0.4), **options)


@pytest.mark.parametrize('box', [(600, 335, 30, 40), (600, 0, 30, 160)])
def test_of_what_the_image_cuts_nothing_is_known(box):
    assert not is_unlikely(box)


def test_far_away_a_low_thing_may_be_a_person_below_a_hilltop():
    assert not is_unlikely(standing(60, 0.4))


def test_without_a_calibration_and_where_all_are_likely_regions_stay_the_same():
    low, tall = region(standing(8, 0.4)), region(standing(10, 1.75))
    for regions, camera in (([low], None), ([tall], GROUND), ([], GROUND)):
        assert doubt(regions, camera, SIZE) is regions


def test_what_is_unlikely_takes_longer_and_is_raised():
    settings = replace(SETTINGS, near_m=1.0)

    def raised_after(height):
        camera = Camera(settings, GROUND)
        return next((step for step in range(60) if camera.see(
            0.1 * step, standing(10, height), size=SIZE).alerts), None)

    assert raised_after(1.75) == 2
    assert raised_after(0.3) == 6


def test_what_is_near_with_strong_evidence_is_raised_at_once_however_low():
    camera = Camera(SETTINGS, GROUND)
    assert ids(camera.see(0.0, standing(10, 0.4), size=SIZE)) == [1]


@pytest.mark.parametrize('options', [{'floats': True}, {'unlikely': True}])
def test_what_is_doubted_never_counts_for_more(options):
    confidences = np.linspace(0, 1, 21)
    doubted = sureness([region(confidence=one, **options) for one in confidences])
    others = sureness([region(confidence=one) for one in confidences])
    assert (doubted <= others).all()
    assert (doubted < others).any()
    assert doubted[-1] > 0


def test_a_rider_who_floats_counts_in_full_when_sure():
    assert sureness([region(confidence=1.0, floats=True)]) == [1.0]
