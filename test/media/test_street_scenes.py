import numpy as np
import pytest

from aim_ros.media.frames import MediaError
from aim_ros.media.sources import open_source
from aim_ros.media.street import Street
from aim_ros.street.rocking import Rocking
from aim_ros.street.scenes import SCENES

SMALL = {'size': (188, 621), 'frames': 120}
PEOPLE = ('person', 'cyclist')


def frame(street, index):
    return next(street.frames(start=index))


def people(street, index=70):
    return [thing for thing in street.truth(index, PEOPLE) if thing.distance < 40]


@pytest.fixture(scope='module')
def plain():
    return Street(seed=1, **SMALL)


@pytest.mark.parametrize('scene', sorted(set(SCENES) - {'empty'}))
def test_a_scene_brings_more_people_into_the_same_street(plain, scene):
    street = Street(seed=1, scene=scene, **SMALL)
    assert len(people(street)) > len(people(plain))
    after = frame(street, 70).labels
    high = np.isin(after, (14, 15, 16))  # what is as high as a bus hides some of the sky
    sky = (frame(plain, 70).labels == 10) & ~high
    assert (after[sky] == 10).mean() > 0.98


def test_an_empty_street_has_nobody():
    street = Street(seed=1, scene='empty', **SMALL)
    for index in (0, 60, 119):
        assert street.truth(index, (*PEOPLE, 'bicycle')) == ()
        assert not np.isin(frame(street, index).labels, (11, 12, 18)).any()


def test_children_are_small():
    grown = Street(seed=1, scene='children', **SMALL)
    heights = [thing.visible[3] * thing.distance for thing in people(grown)
               if thing.kind == 'person' and thing.share > 0.9 and not thing.truncated]
    assert min(heights) < 0.85 * max(heights)


@pytest.mark.parametrize('weather', ['dusk', 'rain'])
def test_weather_changes_the_picture_and_not_the_labels(plain, weather):
    street = Street(seed=1, weather=weather, **SMALL)
    before, after = frame(plain, 60), frame(street, 60)
    assert np.array_equal(before.labels, after.labels)
    assert after.image.mean() < before.image.mean() - 5


def test_a_camera_that_pitches_moves_everything_up_or_down_by_the_same_rows(plain):
    street, moved = Street(seed=1, pitch=0.3, **SMALL), set()
    assert street.camera == plain.camera
    for index in range(60, 72, 3):
        before, after = frame(plain, index).labels, frame(street, index).labels
        height = len(before)
        places = {thing.track_id: thing.visible for thing in people(plain, index)
                  if not thing.truncated}
        rows = {thing.visible[1] - places[thing.track_id][1] for thing in people(street, index)
                if thing.track_id in places and not thing.truncated}
        (down,) = rows
        same = (after[max(down, 0):height + min(down, 0)]
                == before[max(-down, 0):height - max(down, 0)])
        assert same.mean() > 0.999
        moved |= rows
    assert len(moved) > 2


def test_the_pitch_is_as_large_as_is_asked_for():
    rocking = Rocking(1, 0.3, 720.0)
    rows = [rocking.rows(0.1 * step) for step in range(3000)]
    assert np.std(rows) == pytest.approx(720 * np.radians(0.3), rel=0.1)
    assert max(map(abs, rows)) <= rocking.reach
    assert not any(Rocking(1, 0.0, 720.0).rows(0.1 * step) for step in range(100))


def test_ids_stay_and_boxes_hold_what_is_seen(plain):
    seen = {}
    for index in range(60, 70):
        labels = frame(plain, index).labels
        for thing in plain.truth(index, ('person',)):
            x, y, width, height = thing.visible
            assert (labels[y:y + height, x:x + width] == 11).any()
            assert 0 < thing.share <= 1
            seen.setdefault(thing.track_id, []).append(thing.distance)
    assert any(len(distances) == 10 for distances in seen.values())
    for distances in seen.values():
        assert np.abs(np.diff(distances)).max(initial=0) < 2


def test_what_is_hidden_is_not_listed():
    street = Street(seed=1, scene='groups', **SMALL)
    shares = [thing.share for index in (56, 60, 64) for thing in people(street, index)]
    assert min(shares) < 0.9
    listed = {thing.track_id for thing in street.truth(60, PEOPLE)}
    assert listed <= {thing.track_id for thing in street.objects(60)}


@pytest.mark.parametrize(('options', 'sentence'), [
    ('scene=circus', "no scene 'circus'; scenes: groups"),
    ('weather=snow', "no weather 'snow'; weathers: dusk, rain"),
    ('pitch=3', 'pitches by 0 to 2 degrees; got 3'), ('pitch=-1', 'got -1'),
    ('pitch=nan', 'got nan'), ('pitch=much', 'a number is expected')])
def test_scenes_that_there_are_not(options, sentence):
    with pytest.raises(MediaError, match=sentence):
        open_source(f'street:{options}')


def test_a_scene_is_an_option_of_the_source():
    assert open_source('street:seed=3,scene=groups,weather=rain,pitch=0.3').name == (
        'rendered street, seed 3, groups, rain, pitch 0.3')
