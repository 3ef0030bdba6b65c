from dataclasses import replace
import math

from hypothesis import example
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
import numpy as np
import pytest

from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import find_regions
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.alerts import Region
from aim_ros.hazards.alerts import Tracker
from aim_ros.hazards.components import alerted_pixels
from aim_ros.hazards.geometry import Corridor
from aim_ros.hazards.geometry import GroundCamera

PERSON, RIDER, CAR = 11, 12, 13
SIZE = (100, 200)  # height, width

# Far from the corridor and above `near_row`: never raised at once.
ASIDE = (10, 10, 20, 30)
# The foot stands at row 90 of 100, in the middle.
AHEAD = (90, 50, 20, 40)

SETTINGS = AlertSettings(
    class_ids=(PERSON, RIDER), min_area=1, raise_after=0.2, clear_after=0.5, near_m=20.0,
    near_row=0.8, corridor=Corridor(top_row=0.5, top_width=0.1, bottom_width=0.5))


def region(box=ASIDE, class_id=PERSON):
    return Region(class_id, box, box[2] * box[3], 0.5, 0.0)


def moved(box, across=0, down=0):
    return box[0] + across, box[1] + down, box[2], box[3]


class Camera:
    """Feeds a tracker, in seconds."""

    def __init__(self, settings=SETTINGS, ground=None, start=0.0):
        self.tracker = Tracker()
        self.settings = settings
        self.ground = ground
        self.start_ns = round(start * 1e9)

    def see(self, seconds, *regions, size=SIZE, settings=None):
        regions = [region(seen) if isinstance(seen, tuple) else seen for seen in regions]
        return self.tracker.update(
            regions, self.start_ns + round(seconds * 1e9), size, settings or self.settings,
            self.ground)


def ids(report):
    return [alert.track_id for alert in report.alerts]


# Pixels


def test_a_pixel_counts_when_either_decision_says_so():
    base = np.array([[0, 11, 11, 0]])
    focused = np.array([[0, 11, 0, 11]])
    assert alerted_pixels(base, focused, 11).tolist() == [[False, True, True, True]]
    assert alerted_pixels(base, base, 11).tolist() == [[False, True, True, False]]


maps = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 3, (2, 9, 13), np.uint8))


@given(maps)
def test_alerted_pixels_contain_those_without_modulation(both):
    base, focused = both
    for class_id in range(3):
        neutral = alerted_pixels(base, base, class_id)
        modulated = alerted_pixels(base, focused, class_id)
        assert (modulated >= neutral).all()
        assert (modulated == (neutral | (focused == class_id))).all()


# Regions


def regions_of(base, focused=None, probability=None, **settings):
    base = np.asarray(base, np.uint8)
    focused = base if focused is None else np.asarray(focused, np.uint8)
    settings = AlertSettings(**{'class_ids': (1,), 'min_area': 1, **settings})
    if probability is None:
        probability = np.full((len(settings.class_ids), 1, 1), 0.5, np.float32)
    return find_regions(base, focused, np.asarray(probability, np.float32), settings)


def test_regions_by_hand():
    first, second = regions_of([
        [0, 1, 1, 0, 0],
        [0, 0, 1, 0, 1],
        [0, 0, 0, 0, 1]])
    assert first == Region(1, (1, 0, 2, 2), 3, 0.5, 0.0)
    assert second == Region(1, (4, 1, 1, 2), 2, 0.5, 0.0)


def test_regions_join_over_corners():
    only, = regions_of([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert (only.box, only.area) == ((0, 0, 3, 3), 3)


def test_regions_come_by_class_in_the_order_of_the_settings():
    found = regions_of([[2, 0, 1], [3, 3, 3]], class_ids=(1, 2))
    assert [(one.class_id, one.box) for one in found] == [(1, (2, 0, 1, 1)), (2, (0, 0, 1, 1))]
    assert regions_of([[3, 3]], class_ids=(1, 2)) == []
    assert regions_of([[3, 3]], class_ids=()) == []


@pytest.mark.parametrize(('min_area', 'areas'), [(1, [3, 2]), (2, [3, 2]), (3, [3]), (4, [])])
def test_regions_below_min_area_do_not_count(min_area, areas):
    found = regions_of([[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1]], min_area=min_area)
    assert [one.area for one in found] == areas


def test_modulation_may_carry_a_region_over_min_area():
    base, focused = [[1, 1, 0, 0]], [[0, 1, 1, 0]]
    assert regions_of(base, min_area=3) == []
    only, = regions_of(base, focused, min_area=3)
    assert (only.box, only.area) == ((0, 0, 3, 1), 3)


def test_modulated_share_is_of_the_pixels_that_only_modulation_turned():
    base = [[1, 0, 0, 0], [0, 0, 0, 0]]
    focused = [[1, 1, 0, 0], [1, 1, 0, 0]]
    assert regions_of(base, focused)[0].modulated_share == pytest.approx(3 / 4)
    assert regions_of(np.zeros((2, 4)), focused)[0].modulated_share == 1
    # What modulation takes away is there all the same, and is not modulated.
    assert regions_of(base, np.zeros((2, 4)))[0].modulated_share == 0
    assert regions_of(base)[0].modulated_share == 0


def test_confidence_is_the_mean_over_the_region_on_the_logit_grid():
    # Each of the grid's 2 x 2 cells covers 2 x 3 pixels; the region has 1, 2, 1 and 2 of them.
    base = np.zeros((4, 6), np.uint8)
    base[1:3, 2:5] = 1
    grid = [[[0.1, 0.2], [0.3, 0.4]]]
    assert regions_of(base, probability=grid)[0].confidence == pytest.approx(
        (0.1 + 2 * 0.2 + 0.3 + 2 * 0.4) / 6)
    # Beside another class: each has the probability of its own.
    base[0, 0] = 2
    found = regions_of(base, probability=[*grid, [[0.9, 0.0], [0.0, 0.0]]], class_ids=(1, 2))
    assert found[1].confidence == pytest.approx(0.9)


def test_confidence_takes_no_pixel_of_another_region_in_its_box():
    base = [[1, 1, 1], [1, 0, 0], [1, 0, 1]]
    probability = np.where(np.array(base) == 1, 1.0, 0.0)[None]
    probability[0, 2, 2] = 0.5
    ring, dot = regions_of(base, probability=probability)
    assert (ring.box, dot.box) == ((0, 0, 3, 3), (2, 2, 1, 1))
    assert ring.confidence == pytest.approx(1.0)
    assert dot.confidence == pytest.approx(0.5)


def test_regions_of_wide_masks_and_of_a_single_pixel():
    mask = np.array([[299]], np.uint16)
    settings = AlertSettings((299,), min_area=1)
    assert find_regions(mask, mask, np.ones((1, 3, 3), np.float32), settings) == [
        Region(299, (0, 0, 1, 1), 1, 1.0, 0.0)]


def contains(outer, inner):
    return (outer[0] <= inner[0] and outer[1] <= inner[1]
            and outer[0] + outer[2] >= inner[0] + inner[2]
            and outer[1] + outer[3] >= inner[1] + inner[3])


@given(maps, st.integers(1, 20))
def test_every_region_lies_in_one_with_modulation(both, min_area):
    base, focused = both
    neutral = regions_of(base, min_area=min_area, class_ids=(1, 2))
    modulated = regions_of(base, focused, min_area=min_area, class_ids=(1, 2))
    for inner in neutral:
        assert any(outer.class_id == inner.class_id and outer.area >= inner.area
                   and contains(outer.box, inner.box) for outer in modulated)


# Raising


@pytest.mark.parametrize(('raise_after', 'stamps', 'raised_at'), [
    (0.2, (0, 0.1, 0.2, 0.3), 0.2),
    (0.3, (0, 0.1, 0.2, 0.3, 0.4), 0.3),
    (0.7, (0, 0.1, 0.3, 0.6, 0.7), 0.7),
    (0.2, (0, 0.033, 0.067, 0.1, 0.133, 0.167, 0.2), 0.2),
    (0.2, (0, 0.01, 0.02, 0.19, 0.199999999, 0.25), 0.25),
    (0.2, (0, 0, 0, 0.05, 0.2), 0.2),
    (0.2, (0, 0.9), 0.9),
    (0.0, (0, 0.1), 0),
])
@pytest.mark.parametrize('start', [0.0, 1_317_376_155.123456789])
def test_raised_after_seconds_of_stamp(raise_after, stamps, raised_at, start):
    camera = Camera(replace(SETTINGS, raise_after=raise_after), start=start)
    for seconds in stamps:
        report = camera.see(seconds, ASIDE)
        assert ids(report) == ([1] if seconds >= raised_at else [])
        assert report.raised == ((1,) if seconds == raised_at else ())
        assert report.cleared == ()
        assert len(report.regions) == 1
        if report.alerts:
            assert report.alerts[0].age_s == pytest.approx(seconds)
            assert report.alerts[0].unseen_s == 0
            assert report.level == Level.WARN
        else:
            assert report.level == Level.OK


def test_a_hazard_that_blinks_is_raised_by_its_first_and_last_sight():
    camera = Camera()
    camera.see(0.0, ASIDE)
    assert not camera.see(0.1).alerts
    assert not camera.see(0.2).alerts, 'not raised while it is not seen'
    assert camera.see(0.3, ASIDE).raised == (1,)


@pytest.mark.parametrize(('box', 'at_once'), [
    (AHEAD, True),
    (moved(AHEAD, down=-15), False),  # in the corridor, not near
    (moved(AHEAD, across=-70), False),  # near, not in the corridor
    (ASIDE, False),
])
@pytest.mark.parametrize('ground', [
    None, GroundCamera(fx=100, fy=100, cx=100, cy=39.5, height=10.0)])
def test_raised_at_once_when_near_and_in_the_corridor(box, at_once, ground):
    # Row 90 is 10 / (50 / 100) = 20 m away, and `near_m` is just above it.
    camera = Camera(replace(SETTINGS, near_m=20.001), ground)
    report = camera.see(5.0, box)
    assert bool(report.alerts) == at_once
    assert report.level == (Level.ERROR if at_once else Level.OK)
    camera.see(5.1, box)
    alert, = camera.see(5.2, box).alerts
    assert alert.track_id == 1
    assert alert.level == (Level.ERROR if at_once else Level.WARN)
    assert alert.level == (Level.ERROR if alert.near and alert.in_corridor else Level.WARN)


def test_a_hazard_that_comes_near_is_raised_before_its_time():
    camera = Camera(replace(SETTINGS, raise_after=5.0))
    assert not camera.see(0.0, moved(AHEAD, down=-11)).alerts
    report = camera.see(0.1, AHEAD)
    assert report.raised == (1,)
    assert report.alerts[0].age_s == pytest.approx(0.1)


@pytest.mark.parametrize(('foot', 'near'), [(79, False), (80, True), (100, True)])
def test_near_without_calibration_is_by_the_row_of_the_foot(foot, near):
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    alert, = camera.see(0.0, (10, foot - 20, 20, 20)).alerts
    assert alert.near == near
    assert math.isnan(alert.distance_m)
    assert math.isnan(alert.bearing_deg)


@pytest.mark.parametrize(('near_m', 'near'), [(19.99, False), (20.0, False), (20.01, True)])
def test_near_with_calibration_is_by_the_distance(near_m, near):
    ground = GroundCamera(fx=100, fy=100, cx=100, cy=39.5, height=10.0)
    camera = Camera(replace(SETTINGS, raise_after=0.0, near_m=near_m, near_row=0.0), ground)
    alert, = camera.see(0.0, moved(AHEAD, across=-50)).alerts
    assert alert.distance_m == pytest.approx(20)
    assert alert.bearing_deg == pytest.approx(math.degrees(math.atan(50.5 / 100)))
    assert alert.near == near


def test_a_hazard_above_the_horizon_is_infinitely_far():
    ground = GroundCamera(fx=100, fy=100, cx=100, cy=60, height=10.0)
    camera = Camera(replace(SETTINGS, raise_after=0.0, near_m=1e9), ground)
    alert, = camera.see(0.0, ASIDE).alerts
    assert alert.distance_m == math.inf
    assert not alert.near


@pytest.mark.parametrize(('box', 'truncated'), [
    ((1, 1, 198, 98), False), ((0, 1, 5, 5), True), ((1, 0, 5, 5), True), ((195, 1, 5, 5), True),
    ((1, 95, 5, 5), True), ((194, 94, 5, 5), False)])
def test_truncated_at_any_border(box, truncated):
    alert, = Camera(replace(SETTINGS, raise_after=0.0)).see(0.0, box).alerts
    assert alert.truncated == truncated


def test_the_level_of_a_report_is_the_worst():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    report = camera.see(0.0, ASIDE, AHEAD, region(moved(ASIDE, across=100), RIDER))
    assert sorted(alert.level for alert in report.alerts) == [Level.WARN, Level.WARN, Level.ERROR]
    assert report.level == Level.ERROR
    assert AlertReport().level == Level.OK


def test_levels_have_the_values_of_diagnostic_status():
    assert (Level.OK, Level.WARN, Level.ERROR, Level.STALE) == (0, 1, 2, 3)


# Clearing


@pytest.mark.parametrize(('clear_after', 'unseen', 'cleared_at'), [
    (0.5, (0.1, 0.3, 0.5, 0.6, 0.7), 0.6),
    (0.3, (0.1, 0.2, 0.3, 0.4), 0.4),
    (0.5, (0.499999999, 0.500000001), 0.500000001),
    (0.5, (2.0, 2.1), 2.0),
    (0.0, (0.1, 0.2), 0.1),
    (0.0, (0.0, 0.1), 0.1),
])
@pytest.mark.parametrize('start', [0.0, 1_317_376_155.123456789])
def test_cleared_after_seconds_of_stamp(clear_after, unseen, cleared_at, start):
    camera = Camera(replace(SETTINGS, raise_after=0.0, clear_after=clear_after), start=start)
    camera.see(0.0, ASIDE)
    for seconds in unseen:
        report = camera.see(seconds)
        assert report.raised == ()
        assert report.regions == ()
        assert report.cleared == ((1,) if seconds == cleared_at else ())
        assert ids(report) == ([1] if seconds < cleared_at else [])
        for alert in report.alerts:
            assert alert.unseen_s == pytest.approx(seconds)
            assert alert.age_s == pytest.approx(seconds)
            assert alert.region.box == ASIDE


def test_what_was_never_raised_is_never_cleared():
    camera = Camera()
    camera.see(0.0, ASIDE)
    assert camera.see(9.0) == AlertReport()


def test_the_same_hazard_comes_back_within_its_time():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    camera.see(0.0, ASIDE)
    camera.see(0.4)
    report = camera.see(0.5, ASIDE)
    assert (ids(report), report.raised, report.cleared) == ([1], (), ())
    assert report.alerts[0].unseen_s == 0
    assert report.alerts[0].age_s == pytest.approx(0.5)


def test_another_hazard_comes_after_its_time():
    camera = Camera()
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, ASIDE)
    camera.see(0.3)
    report = camera.see(0.8, ASIDE)
    assert (ids(report), report.raised, report.cleared) == ([], (), (1,))
    assert camera.see(1.0, ASIDE).raised == (2,)


def test_what_was_in_the_last_frame_counts_as_just_seen():
    """A camera that is slower than `clear_after` has hazards that grow old all the same."""
    camera = Camera(replace(SETTINGS, raise_after=2.0, clear_after=0.0))
    assert [ids(camera.see(seconds, moved(ASIDE, across=int(seconds)))) for seconds in range(5)
            ] == [[], [], [1], [1], [1]]


# Identity


def test_a_hazard_that_moves_keeps_its_id():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    for step in range(40):
        assert ids(camera.see(step * 0.1, moved(ASIDE, across=4 * step))) == [1]


def test_a_hazard_that_comes_closer_keeps_its_id():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    for step in range(20):
        box = (100 - step, 50 - step, 2 * step + 5, 2 * step + 5)
        assert ids(camera.see(step * 0.1, box)) == [1]


def test_hazards_side_by_side_keep_their_ids_whatever_their_order():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    left, right = (10, 10, 20, 30), (60, 10, 20, 30)
    camera.see(0.0, left, right)
    report = camera.see(0.1, moved(right, across=3), moved(left, across=3))
    assert {alert.track_id: alert.region.box[0] for alert in report.alerts} == {1: 13, 2: 63}
    assert ids(report) == [1, 2]


def test_the_best_overlap_decides_the_id():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    camera.see(0.0, (10, 10, 20, 20), (22, 10, 20, 20))
    report = camera.see(0.1, (20, 10, 20, 20))
    seen = [alert for alert in report.alerts if alert.unseen_s == 0]
    assert [alert.track_id for alert in seen] == [2]


def test_a_jump_is_another_hazard():
    camera = Camera(replace(SETTINGS, raise_after=0.0))
    camera.see(0.0, ASIDE)
    report = camera.see(0.1, moved(ASIDE, across=100))
    assert (ids(report), report.raised) == ([1, 2], (2,))


def test_classes_do_not_share_tracks():
    camera = Camera()
    for seconds in (0.0, 0.1):
        camera.see(seconds, region(ASIDE, PERSON))
    report = camera.see(0.2, region(ASIDE, RIDER))
    assert not report.alerts, 'a rider does not inherit the age of a person'
    report = camera.see(0.3, region(ASIDE, RIDER), region(ASIDE, PERSON))
    assert {alert.track_id: alert.region.class_id for alert in report.alerts} == {1: PERSON}


def test_a_raised_hazard_that_splits_stays_raised_in_all_its_parts():
    camera = Camera()
    whole, large, small = (10, 10, 60, 30), (10, 10, 40, 30), (55, 10, 15, 30)
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, whole)
    report = camera.see(0.3, large, small)
    assert {alert.track_id: alert.region.box for alert in report.alerts} == {1: large, 2: small}
    assert report.raised == (2,)
    assert [alert.age_s for alert in report.alerts] == pytest.approx([0.3, 0.3])


def test_a_hazard_that_splits_before_its_time_hands_on_its_age():
    camera = Camera()
    camera.see(0.0, (10, 10, 60, 30))
    camera.see(0.1, (10, 10, 40, 30), (55, 10, 15, 30))
    assert camera.see(0.2, (10, 10, 40, 30), (55, 10, 15, 30)).raised == (1, 2)


def test_hazards_that_merge_stay_raised():
    camera = Camera()
    small, large = (10, 10, 15, 30), (30, 10, 40, 30)
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, small)
    # The other one is larger and not raised, and gives the id.
    camera.see(0.3, small, large)
    report = camera.see(0.4, (10, 10, 60, 30))
    assert report.raised == (2,)
    merged = report.alerts[1]
    assert (merged.track_id, merged.region.box) == (2, (10, 10, 60, 30))
    assert merged.age_s == pytest.approx(0.4)
    # The one that went in is held for its time, and then cleared.
    assert (report.alerts[0].track_id, report.alerts[0].unseen_s) == (1, pytest.approx(0.1))
    assert camera.see(0.9, (10, 10, 60, 30)).cleared == (1,)


def test_a_place_remembers_what_was_there_wherever_its_track_went():
    """Else a modulated patch that lures a track away would delay the hazard's alert."""
    camera = Camera()
    camera.see(0.0, (10, 10, 20, 20))
    camera.see(0.1, (20, 10, 20, 20))
    camera.see(0.2, (30, 10, 20, 20))
    # Only the first is touched, and its own track is elsewhere by now.
    report = camera.see(0.3, (0, 10, 12, 20))
    assert [alert.region.box for alert in report.alerts if alert.unseen_s == 0] == [
        (0, 10, 12, 20)]


@pytest.mark.parametrize(('across', 'down', 'touches'), [
    (19, 0, True), (-19, 0, True), (0, 24, True), (0, -24, True), (19, 24, True),
    (20, 0, False), (-20, 0, False), (0, 25, False), (0, -25, False), (20, 25, False)])
def test_what_touches_a_raised_hazard_is_raised_with_it(across, down, touches):
    camera = Camera()
    box = (30, 25, 20, 25)
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, box)
    report = camera.see(0.3, moved(box, across, down))
    assert ids(report) == ([1, 2] if touches else [1])
    assert report.raised == ((2,) if touches else ())


# Breaks


def raised_camera():
    camera = Camera()
    for seconds in (1.0, 1.1, 1.2):
        report = camera.see(seconds, ASIDE, moved(ASIDE, across=100))
    assert ids(report) == [1, 2]
    return camera


def test_a_stamp_that_goes_back_starts_afresh():
    camera = raised_camera()
    report = camera.see(0.7, ASIDE)
    assert report.restarted == 'the stamp went back by 0.500 s'
    assert (report.cleared, report.alerts, report.raised) == ((1, 2), (), ())
    assert camera.see(0.8, ASIDE).restarted == ''
    report = camera.see(0.9, ASIDE)
    assert report.raised == (3,)
    assert report.alerts[0].age_s == pytest.approx(0.2)


def test_a_new_size_starts_afresh():
    camera = raised_camera()
    report = camera.see(1.3, ASIDE, size=(480, 640))
    assert report.restarted == 'the image size changed from 200x100 to 640x480'
    assert (report.cleared, report.alerts) == ((1, 2), ())
    assert camera.see(1.4, ASIDE, size=(480, 640)).restarted == ''


def test_a_hazard_ahead_is_raised_in_the_very_frame_that_starts_afresh():
    camera = raised_camera()
    report = camera.see(0.0, AHEAD)
    assert (report.restarted != '', report.cleared, report.raised) == (True, (1, 2), (3,))


def test_nothing_else_starts_afresh():
    camera = Camera()
    assert camera.see(5.0, ASIDE).restarted == ''
    assert camera.see(5.0, ASIDE).restarted == '', 'the same stamp again'
    assert camera.see(500.0, ASIDE).restarted == '', 'a long pause'


# Settings that change


def test_a_class_that_leaves_the_settings_is_cleared():
    camera = Camera()
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, ASIDE, region(moved(ASIDE, across=100), RIDER))
    report = camera.see(0.3, region(moved(ASIDE, across=100), RIDER),
                        settings=replace(SETTINGS, class_ids=(RIDER,)))
    assert (ids(report), report.cleared) == ([2], (1,))


def test_a_class_that_joins_the_settings_is_new():
    camera = Camera()
    assert camera.see(0.0, region(ASIDE, CAR), settings=replace(
        SETTINGS, class_ids=(PERSON, CAR), raise_after=0.0)).raised == (1,)


def test_a_longer_raise_after_takes_nothing_back():
    camera = raised_camera()
    report = camera.see(
        1.3, ASIDE, moved(ASIDE, across=100), settings=replace(SETTINGS, raise_after=5.0))
    assert (ids(report), report.cleared) == ([1, 2], ())


def test_a_shorter_raise_after_holds_from_the_next_sight():
    camera = Camera(replace(SETTINGS, raise_after=5.0))
    camera.see(0.0, ASIDE)
    camera.see(0.1, ASIDE)
    assert camera.see(0.2, ASIDE, settings=SETTINGS).raised == (1,)


# Whatever happens: sequences of rectangles, on a coarse lattice so that they often meet

STEPS = (0, 50_000_000, 100_000_000, 130_000_000, 300_000_000, 700_000_000)
HEIGHT, WIDTH = 32, 48

rectangles = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 6), st.integers(1, 4), st.integers(1, 3)),
    max_size=3)

# Of a frame: the step of its stamp, what is there, and what modulation adds and takes away.
frames = st.lists(
    st.tuples(st.sampled_from(STEPS), rectangles, rectangles, rectangles),
    min_size=1, max_size=8)

alert_settings = st.builds(
    AlertSettings, class_ids=st.just((1,)), min_area=st.sampled_from((1, 40, 100)),
    raise_after=st.sampled_from((0.0, 0.1, 0.2, 0.5)),
    clear_after=st.sampled_from((0.0, 0.1, 0.3, 0.5)),
    near_row=st.sampled_from((0.5, 0.7, 1.0)),
    corridor=st.sampled_from((Corridor(0.3, 0.1, 0.3), Corridor(0.5, 0.0, 0.6))))


def painted(ground, rectangles, value):
    picture = ground.copy()
    for column, row, width, height in rectangles:
        picture[4 * row:4 * (row + height), 4 * column:4 * (column + width)] = value
    return picture


def perceive(frames, settings, modulated):
    """Return the report of every frame, with the modulation or without."""
    tracker, stamp, reports = Tracker(), 0, []
    probability = np.full((len(settings.class_ids), 1, 1), 0.5, np.float32)
    for step, there, added, taken in frames:
        stamp += step
        base = painted(np.zeros((HEIGHT, WIDTH), np.uint8), there, 1)
        focused = painted(painted(base, added, 1), taken, 0) if modulated else base
        reports.append(tracker.update(
            find_regions(base, focused, probability, settings), stamp, (HEIGHT, WIDTH), settings))
    return reports


def is_seen(alert, report):
    return any(alert.region is region for region in report.regions)


def assert_no_less_alerted(neutral, modulated):
    """Every alert of `neutral` has one in `modulated`: if it is seen, around it and no milder."""
    for alert in neutral.alerts:
        others = [other for other in modulated.alerts
                  if other.region.class_id == alert.region.class_id]
        if is_seen(alert, neutral):
            others = [other for other in others
                      if is_seen(other, modulated) and other.level >= alert.level
                      and contains(other.region.box, alert.region.box)
                      and other.age_s >= alert.age_s]
        assert others, f'{alert} has no alert in {modulated.alerts}'


LURED_AWAY = [
    (0, [(2, 0, 2, 2)], [], []),
    (100_000_000, [], [(3, 0, 2, 2)], []),
    (100_000_000, [], [(4, 0, 2, 2)], []),
    (100_000_000, [(2, 0, 1, 2)], [], []),
]


@example(LURED_AWAY, AlertSettings((1,), min_area=1, raise_after=0.2, near_row=1.0))
@hypothesis_settings(max_examples=300)
@given(frames, alert_settings)
def test_no_modulation_delays_or_silences_an_alert(frames, settings):
    for neutral, modulated in zip(
            perceive(frames, settings, False), perceive(frames, settings, True), strict=True):
        assert_no_less_alerted(neutral, modulated)


@hypothesis_settings(max_examples=200)
@given(frames, alert_settings, st.tuples(*[st.booleans()] * 6))
def test_nor_do_settings_that_a_driver_may_choose(frames, settings, changes):
    """A driver may move each only to the side on which more is alerted, earlier and longer."""
    choices = {
        'class_ids': (1, 2), 'min_area': max(1, settings.min_area // 2),
        'raise_after': settings.raise_after / 2, 'clear_after': settings.clear_after + 0.2,
        'near_row': settings.near_row - 0.2,
        'corridor': Corridor(0.2, 0.4, 0.8)}
    chosen = {name: value for (name, value), change in zip(choices.items(), changes, strict=True)
              if change}
    for neutral, modulated in zip(
            perceive(frames, settings, False),
            perceive(frames, replace(settings, **chosen), True), strict=True):
        assert_no_less_alerted(neutral, modulated)


@hypothesis_settings(max_examples=100)
@given(frames, alert_settings, st.booleans())
def test_the_books_of_raised_and_cleared_are_kept(frames, settings, modulated):
    before, known = set(), set()
    for report in perceive(frames, settings, modulated):
        now = set(ids(report))
        assert len(now) == len(report.alerts)
        assert ids(report) == sorted(now)
        assert set(report.raised) == now - before
        assert set(report.cleared) == before - now
        assert not known & set(report.raised), 'an id is raised once'
        seen = [alert for alert in report.alerts if is_seen(alert, report)]
        assert all((alert.unseen_s == 0) for alert in seen)
        assert all(alert.unseen_s <= settings.clear_after for alert in report.alerts)
        known |= now
        before = now
