"""What modulation and profile add to the neutral alerts, and that they can add only."""

from dataclasses import replace

from hazard_scenes import AHEAD
from hazard_scenes import ASIDE
from hazard_scenes import BICYCLE
from hazard_scenes import Camera
from hazard_scenes import CAR
from hazard_scenes import CLASSES
from hazard_scenes import ids
from hazard_scenes import moved
from hazard_scenes import PERSON
from hazard_scenes import POLE
from hazard_scenes import region
from hazard_scenes import RIDER
from hazard_scenes import SETTINGS
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
import numpy as np

from aim_ros.hazards import regions
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.boxes import contains
from aim_ros.hazards.colours import Picture
from aim_ros.hazards.components import Scores
from aim_ros.hazards.emphasis import FIRST_ID
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import MEASURES
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.monitor import AlertMonitor
from aim_ros.hazards.sight import perceive
from aim_ros.hazards.tracks import Tracks

ELSEWHERE = (120, 10, 20, 30)
TURNED = {'confidence': 0.35, 'modulated_share': 1.0}
"""What only the modulation sees."""

EVERYTHING = EmphasisFilter((0.0,) * len(MEASURES), 9.0, 0.5, 'model')
NOTHING = EmphasisFilter((0.0,) * len(MEASURES), -9.0, 0.5, 'model')


def grown(box, by=6):
    return box[0] - by, box[1] - by, box[2] + 2 * by, box[3] + 2 * by


def play(camera, frames, neutral=(), focused=()):
    """Show the same for some frames; return the hazards of each."""
    return [camera.watch(0.1 * step, *neutral, focused=[*focused]) for step in range(frames)]


# Extending


def test_modulation_extends_a_neutral_road_user():
    larger = region(grown(ASIDE), 0.7, modulated_share=0.4)
    for hazards in play(Camera(), 6, [ASIDE], [larger])[2:]:
        neutral, = hazards.neutral.alerts
        published, = hazards.published.alerts
        assert (neutral.box, published.box) == (ASIDE, grown(ASIDE))
        assert neutral.track_id == published.track_id == 1
        assert published.modulated_share == 0.4
        assert neutral.modulated_share == 0
        assert not published.emphasised


def test_an_extension_may_raise_the_level():
    lower = (90, 30, 20, 60)
    hazards = play(Camera(), 6, [(90, 30, 20, 40)], [region(lower, modulated_share=0.3)])[-1]
    assert hazards.neutral.level == Level.WARN
    assert hazards.published.level == Level.ERROR


def test_an_extension_that_touches_the_corridor_for_a_moment_raises_no_level():
    camera, own = Camera(), (90, 30, 20, 40)
    lower, other = (region(box, modulated_share=0.3) for box in ((90, 30, 20, 60), own))
    for step, added in enumerate([other] * 4 + [lower, other, other] * 4):
        hazards = camera.watch(0.1 * step, own, focused=[added])
        assert hazards.published.level <= Level.WARN


def test_a_smaller_region_takes_nothing_away():
    smaller = region((26, 16, 8, 18), 0.7)
    hazards = play(Camera(), 6, [ASIDE], [smaller])[-1]
    assert hazards.published.alerts[0].box == ASIDE


def test_a_region_that_joins_two_is_parted_between_them():
    left, right = (20, 10, 20, 30), (60, 10, 20, 30)
    both = region((18, 8, 64, 34), 0.6, modulated_share=0.5)
    one, other = play(Camera(), 8, [left, right], [both])[-1].published.alerts
    assert contains(one.box, left)
    assert contains(other.box, right)
    assert one.box[0] + one.box[2] <= 60
    assert other.box[0] >= 40


def test_what_modulation_alone_still_sees_stays_with_its_id():
    camera = Camera()
    seen = region(ASIDE, modulated_share=0.2)
    for step in range(5):
        camera.watch(0.1 * step, ASIDE, focused=[seen])
    faint = region(ASIDE, **TURNED)
    for step in range(5, 25):
        hazards = camera.watch(0.1 * step, focused=[faint])
        alert, = hazards.published.alerts
        assert (alert.track_id, alert.coasting) == (1, False)
    assert alert.emphasised
    assert hazards.neutral.alerts == ()


# Beside


def test_an_emphasised_road_user_needs_more_evidence_and_is_marked():
    frames = play(Camera(), 20, focused=[region(ASIDE, **TURNED)])
    raised = [bool(hazards.published.alerts) for hazards in frames]
    assert not any(raised[:6])
    assert raised[-1]
    alert, = frames[-1].published.alerts
    assert alert.emphasised
    assert alert.track_id == FIRST_ID
    assert all(hazards.neutral.alerts == () for hazards in frames)


def test_the_ids_of_both_streams_stay_apart_for_a_year():
    # Begun for what is seen for a moment, too: on the street one in three frames.
    tracks_a_second = 30
    assert tracks_a_second * 365 * 24 * 3600 < FIRST_ID


def test_with_a_filter_it_takes_less_time_or_is_never_raised():
    def first(filter_):
        frames = play(Camera(emphasis_filter=filter_), 20, focused=[region(ASIDE, **TURNED)])
        return next((i for i, one in enumerate(frames) if one.published.alerts), None)

    assert first(EVERYTHING) < first(None)
    assert first(NOTHING) is None


def test_a_rider_who_floats_is_not_raised_because_a_profile_wishes_it():
    faint = region(ASIDE, **TURNED, floats=True)
    assert not any(one.published.alerts for one in play(Camera(), 30, focused=[faint]))


def test_an_emphasised_road_user_that_is_unlikely_takes_longer():
    ground = GroundCamera(fx=500, fy=500, cx=100, cy=9.5, height=2.0)

    def first(box):
        camera = Camera(replace(SETTINGS, near_m=1.0), ground)
        frames = play(camera, 40, focused=[region(box, **TURNED)])
        return next(i for i, one in enumerate(frames) if one.published.alerts)

    assert first((20, 70, 20, 10)) > 2 * first((20, 15, 20, 65))


def test_neutral_alerts_pass_no_filter():
    camera = Camera(emphasis_filter=NOTHING)
    assert play(camera, 4, [ASIDE], [region(ASIDE)])[-1].published.alerts


def test_an_emphasised_road_user_is_no_error_at_once():
    frames = play(Camera(), 30, focused=[region(AHEAD, **TURNED)])
    levels = [hazards.published.level for hazards in frames]
    assert set(levels[:3]) == {Level.OK}
    assert levels[-1] == Level.ERROR


def test_an_emphasised_road_user_keeps_its_id_when_the_model_sees_it_too():
    camera = Camera()
    for step in range(12):
        published = camera.see(0.1 * step, focused=[region(ASIDE, **TURNED)])
    assert ids(published) == [FIRST_ID]
    for step in range(12, 24):
        hazards = camera.watch(0.1 * step, ASIDE, focused=[region(ASIDE)])
        alert, = hazards.published.alerts
        assert alert.track_id == FIRST_ID
        assert not alert.emphasised
    assert ids(hazards.neutral) == [1]


def test_a_profile_may_alert_more_classes_and_sooner():
    owner = replace(SETTINGS, class_ids=(PERSON,), raise_after=0.5)
    in_force = replace(SETTINGS, class_ids=(PERSON, CAR), raise_after=0.2)
    camera, car = Camera(in_force, owner=owner), region(ELSEWHERE, group='vehicle')
    frames = play(camera, 8, [ASIDE], [ASIDE, car])
    assert [ids(one.neutral) for one in frames] == [[]] * 5 + [[1]] * 3
    assert [len(one.published.alerts) for one in frames] == [0, 0, 2, 2, 2, 2, 2, 2]
    assert not any(alert.emphasised for alert in frames[-1].published.alerts)


def test_without_modulation_published_and_neutral_are_the_same():
    camera = Camera()
    for step in range(12):
        hazards = camera.watch(0.1 * step, moved(ASIDE, 3 * step), AHEAD)
        assert hazards.published == hazards.neutral


# The guarantee, over random drives

_GRID, _SIZE, _SCALE = (9, 14), (72, 112), 8
_GROUND = GroundCamera(fx=70, fy=70, cx=56, cy=24, height=1.65)
_LONG = GroundCamera(fx=300, fy=300, cx=56, cy=24, height=1.65)
"""A long lens, which shows enough of what lies about the horizon to tell its pitch."""

_BACKGROUND = np.random.default_rng(0).integers(0, 256, (*_SIZE, 3), np.uint8)
_SCENES = st.lists(st.tuples(
    st.integers(0, 2**32 - 1), st.integers(0, 2),
    st.sampled_from((0, 0.05, 0.1, 0.3, 0.7, -0.1, -0.8)),
), min_size=3, max_size=10)


def _picture(generator, before):
    """Return class ids that look like those of the frame before, in blocks."""
    cells = generator.choice((0, PERSON, RIDER, BICYCLE, CAR), _GRID, p=(.6, .15, .1, .1, .05))
    if before is not None:
        cells = np.where(generator.random(_GRID) < 0.75, before, cells)
    return cells


def _whole(cells):
    return np.kron(cells, np.ones((_SCALE, _SCALE), int)).astype(np.uint8)


def _in_force(number):
    """Return alert settings that a profile may choose: each alerts more, and sooner."""
    return (SETTINGS, replace(SETTINGS, near_row=0.4, raise_after=0.1, min_area=5),
            replace(SETTINGS, class_ids=(PERSON, RIDER, BICYCLE, CAR), clear_after=1.0))[number]


@given(_SCENES, st.booleans(), st.booleans(), st.sampled_from((None, _GROUND, _LONG)),
       st.booleans())
@hypothesis_settings(max_examples=40)
def test_no_modulation_and_no_profile_take_an_alert_away(scenes, filtered, changing, camera, seen):
    alone, modulated = AlertMonitor(CLASSES), AlertMonitor(CLASSES)
    cells, now = None, 0.0
    for seed, number, step in scenes:
        generator = np.random.default_rng(seed)
        cells = _picture(generator, cells)
        # Modulation turns any pixel into anything, or nothing.
        turned = np.where(generator.random(_GRID) < 0.4, _picture(generator, None), cells)
        base, focused = _whole(cells), _whole(turned)
        probability = generator.random((2, *_GRID)).astype(np.float32)
        now = max(now + step, 0.0)
        in_force = _in_force(number) if changing else SETTINGS
        options = {'stamp_ns': round(now * 1e9), 'size': _SIZE, 'camera': camera}
        if seen:
            # The camera pitches, now and then farther than can be.
            down = int(generator.choice((0, 1, -2, 3, -20)))
            options['picture'] = Picture(np.roll(_BACKGROUND, down, 0))

        _check(alone, modulated, base, focused, probability, in_force,
               filter_=EVERYTHING if filtered else None, **options)


def _check(alone, modulated, base, focused, probability, in_force, *, picture=None, filter_=None,
           **options):
    """Show a frame with and without modulation and profile, and hold the one to the other."""
    def sight(other, settings):
        count = len(CLASSES.groups_of(settings.class_ids))
        scores = Scores(probability[:count], probability[:count], np.empty((0, *_GRID)))
        return perceive(base, other, scores, CLASSES, settings.class_ids, settings.min_area,
                        picture=picture)

    expected = alone.update(sight(base, SETTINGS), None, settings=SETTINGS, **options)
    actual = modulated.update(
        sight(base, SETTINGS), sight(focused, in_force), settings=in_force, owner=SETTINGS,
        filter_=filter_, **options)
    assert actual.neutral == expected.neutral == expected.published
    for alert in actual.neutral.alerts:
        assert any(contains(other.box, alert.box) and other.level >= alert.level
                   for other in actual.published.alerts), alert
    assert len(set(ids(actual.published))) == len(actual.published.alerts)


def _walkers(seed, frames=40):
    """Yield images and class ids of people of one colour each, who pass each other and posts."""
    generator = np.random.default_rng(seed)
    colours = generator.permutation([(200, 30, 30), (30, 180, 40), (40, 60, 200), (230, 220, 60)])
    x, speed = generator.uniform(5, 95, 4), generator.uniform(-4, 4, 4)
    for _ in range(frames):
        image = np.full((*_SIZE, 3), 120, np.uint8)
        labels = np.zeros(_SIZE, np.uint8)
        for number, colour in enumerate(colours):
            left, top = int(x[number]), 20 + 3 * number  # the last is the nearest
            image[top:top + 36, left:left + 12] = colour
            labels[top:top + 36, left:left + 12] = PERSON
        for post in (34, 75):
            labels[:, post:post + 4] = POLE
        yield image, labels
        x += speed
        speed = np.where((x < 2) | (x > 98), -speed, speed)


def test_nor_do_they_where_people_pass_each_other_and_posts(monkeypatch):
    moves, move, halves, find = [], Tracks.move, [], regions.find_halves

    def find_halves(*some):
        found = find(*some)
        halves.extend(found[0])
        return found

    monkeypatch.setattr(Tracks, 'move', lambda *some: (moves.append(some), move(*some))[1])
    monkeypatch.setattr(regions, 'find_halves', find_halves)
    for seed in range(6):
        alone, modulated = AlertMonitor(CLASSES), AlertMonitor(CLASSES)
        generator = np.random.default_rng(seed)
        for step, (image, base) in enumerate(_walkers(seed)):
            cells = base[_SCALE // 2::_SCALE, _SCALE // 2::_SCALE]
            turned = np.where(generator.random(_GRID) < 0.2, _picture(generator, None), cells)
            focused = np.where(_whole(turned != cells), _whole(turned), base).astype(np.uint8)
            probability = np.full((2, *_GRID), 0.9, np.float32)
            _check(alone, modulated, base, focused, probability, _in_force(step // 8 % 3),
                   picture=Picture(image), stamp_ns=step * 100_000_000, size=_SIZE, camera=None)
    # They were told apart by their colours, and seen on either side of a post.
    assert moves
    assert halves
