from dataclasses import replace
from itertools import pairwise
import math

from hazard_scenes import AHEAD
from hazard_scenes import ASIDE
from hazard_scenes import Camera
from hazard_scenes import ids
from hazard_scenes import moved
from hazard_scenes import region
from hazard_scenes import SETTINGS
from hazard_scenes import SIZE
import pytest

from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera

AT_ONCE = replace(SETTINGS, raise_after=0.0)

TOGETHER, LEFT, RIGHT = (20, 10, 40, 30), (20, 10, 18, 30), (42, 10, 18, 30)
"""Two people who stand together, and apart."""

# Raising


@pytest.mark.parametrize(('raise_after', 'stamps', 'raised_at'), [
    (0.2, (0, 0.1, 0.2, 0.3), 0.2),
    (0.3, (0, 0.1, 0.2, 0.3, 0.4), 0.3),
    (0.2, (0, 0.033, 0.067, 0.1, 0.133, 0.167, 0.2), 0.2),
    (0.2, (0, 0.01, 0.02, 0.19, 0.199999999, 0.25), 0.25),
    (0.2, (0, 0, 0, 0.05, 0.2), 0.2),
    (0.2, (0, 0.9), 0.9),
    (0.0, (0, 0.1), 0),
])
@pytest.mark.parametrize('start', [0.0, 1_317_376_155.123456789, -1000.0])
def test_raised_after_seconds_of_sure_sight(raise_after, stamps, raised_at, start):
    camera = Camera(replace(SETTINGS, raise_after=raise_after), start=start)
    for seconds in stamps:
        report = camera.see(seconds, ASIDE)
        assert ids(report) == ([1] if seconds >= raised_at else [])
        assert report.raised == ((1,) if seconds == raised_at else ())
        assert report.cleared == ()
        if report.alerts:
            assert report.alerts[0].age_s == pytest.approx(seconds)
            assert not report.alerts[0].coasting
            assert report.level == Level.WARN
        else:
            assert report.level == Level.OK


def test_doubtful_sight_takes_longer():
    def raised_after(confidence):
        camera = Camera()
        return next((step for step in range(60)
                     if camera.see(0.1 * step, region(ASIDE, confidence)).alerts), None)

    assert raised_after(0.9) == 2
    assert 2 < raised_after(0.55) < 10
    assert raised_after(0.45) is None


def test_what_flickers_is_not_raised():
    camera = Camera()
    for step in range(60):
        seen = [region(ASIDE, 0.6)] if step % 4 == 0 else []
        assert not camera.see(0.1 * step, *seen).alerts


def test_a_frame_that_is_lost_on_the_way_delays_nothing():
    camera = Camera()
    camera.see(0.0, ASIDE)
    camera.see(0.1, ASIDE)
    camera.see(0.2)
    assert ids(camera.see(0.3, ASIDE)) == [1]


def test_weak_sights_raise_what_is_already_followed():
    camera = Camera()
    camera.see(0.0, ASIDE)
    reports = [camera.see(0.1 * step, region(ASIDE, area=SETTINGS.min_area - 1))
               for step in (1, 2)]
    assert [ids(report) for report in reports] == [[], [1]]


def test_who_parts_from_another_is_raised_with_what_both_showed_once_it_is_seen_again():
    camera = Camera()
    for step in range(3):
        camera.see(0.1 * step, TOGETHER)
    assert len(camera.see(0.3, LEFT, RIGHT).alerts) == 1
    assert len(camera.see(0.4, LEFT, RIGHT).alerts) == 2


@pytest.mark.parametrize('interval', [0.02, 0.1, 0.15])
@pytest.mark.parametrize('later', [0, 1])
def test_what_one_frame_alone_splits_off_is_nobody(interval, later):
    camera = Camera()
    for step in range(30):
        camera.see(interval * step, TOGETHER)
    # Also if its stamp is that of the frame before, so that it takes no time.
    assert ids(camera.see(interval * (29 + later), LEFT, RIGHT)) == [1]
    for step in range(30, 32):
        assert ids(camera.see(interval * (step + later), TOGETHER)) == [1]


@pytest.mark.parametrize('late', [-0.003, 0.0, 0.003])
def test_who_parts_from_another_is_raised_in_the_second_frame_also_if_stamps_jitter(late):
    camera = Camera()
    for step in range(10):
        camera.see(0.1 * step, TOGETHER)
    camera.see(1.0 - late, LEFT, RIGHT)
    assert len(camera.see(1.1 + late, LEFT, RIGHT).alerts) == 2


def test_who_is_left_of_a_road_user_that_leaves_the_picture_is_alerted_without_a_gap():
    camera = Camera()
    for step in range(12):
        left = 30 - 4 * step
        camera.see(0.1 * step, (max(left, 0), 10, 40 + min(left, 0), 60))
    assert camera.see(1.2, (0, 15, 6, 20)).alerts


def test_who_parts_from_another_near_in_the_corridor_is_raised_at_once():
    camera = Camera()
    together, left, right = ((x, AHEAD[1], width, AHEAD[3])
                             for x, width in ((80, 40), (80, 18), (102, 18)))
    for step in range(3):
        camera.see(0.1 * step, together)
    alerts = camera.see(0.3, left, right).alerts
    assert [alert.level for alert in alerts] == [Level.ERROR, Level.ERROR]


@pytest.mark.parametrize(('confidence', 'raised'), [(0.9, 2), (0.55, 1)])
def test_who_parts_from_another_is_as_sure_as_it_looks_by_itself(confidence, raised):
    camera = Camera()
    for step in range(30):
        camera.see(0.1 * step, TOGETHER)
    camera.see(3.0, LEFT, region(RIGHT, confidence))
    assert len(camera.see(3.1, LEFT, region(RIGHT, confidence)).alerts) == raised


def test_a_fragment_that_turns_into_a_whole_goes_on_with_its_evidence():
    camera = Camera()
    head, whole = (24, 10, 12, 7), (20, 8, 22, 40)
    for step in range(2):
        assert not camera.see(0.1 * step, head).alerts
    assert len(camera.see(0.2, whole).alerts) == 1


def test_a_fragment_beside_a_road_user_that_is_seen_is_not_raised_at_once():
    camera = Camera()
    for step in range(5):
        camera.see(0.1 * step, ASIDE)
    assert ids(camera.see(0.5, ASIDE, (20, 32, 10, 6))) == [1]


def test_a_spot_where_a_road_user_was_expected_is_not_raised_at_once():
    camera = Camera()
    for step in range(5):
        camera.see(0.1 * step, ASIDE)
    cut, spot = (20, 10, 14, 30), (35, 12, 5, 7)
    assert ids(camera.see(0.5, cut, spot)) == [1]


@pytest.mark.parametrize(('box', 'at_once'), [
    (AHEAD, True),
    (moved(AHEAD, down=-15), False),  # in the corridor, not near
    (moved(AHEAD, across=-70), False),  # near, not in the corridor
    (moved(ASIDE, down=20), False),
])
@pytest.mark.parametrize('ground', [
    None, GroundCamera(fx=500, fy=500, cx=100, cy=39.5, height=2.0)])
def test_raised_at_once_when_near_and_in_the_corridor(box, at_once, ground):
    # Row 90 is 2 / (50 / 500) = 20 m away, and `near_m` is just above it.
    camera = Camera(replace(SETTINGS, near_m=20.001), ground)
    report = camera.see(5.0, box)
    assert bool(report.alerts) == at_once
    assert report.level == (Level.ERROR if at_once else Level.OK)
    camera.see(5.1, box)
    alert, = camera.see(5.2, box).alerts
    assert alert.track_id == 1
    assert alert.level == (Level.ERROR if at_once else Level.WARN)


@pytest.mark.parametrize('doubtful', [
    region(AHEAD, 0.6), region(AHEAD, area=2 * SETTINGS.min_area)])
def test_doubtful_evidence_raises_nothing_at_once(doubtful):
    assert not Camera().see(0.0, doubtful).alerts


def test_a_road_user_that_comes_near_is_raised_before_its_time():
    camera = Camera(replace(SETTINGS, raise_after=5.0))
    assert not camera.see(0.0, moved(AHEAD, down=-11)).alerts
    assert camera.see(0.1, AHEAD).raised == (1,)


@pytest.mark.parametrize(('foot', 'near'), [(79, False), (80, True), (100, True)])
def test_near_without_calibration_is_by_the_row_of_the_foot(foot, near):
    alert, = Camera(AT_ONCE).see(0.0, (20, foot - 20, 20, 20)).alerts
    assert alert.near == near
    assert math.isnan(alert.distance_m)
    assert math.isnan(alert.bearing_deg)


@pytest.mark.parametrize(('near_m', 'near'), [(19.99, False), (20.0, False), (20.01, True)])
def test_near_with_calibration_is_by_the_distance(near_m, near):
    ground = GroundCamera(fx=100, fy=100, cx=100, cy=39.5, height=10.0)
    camera = Camera(replace(AT_ONCE, near_m=near_m, near_row=0.0), ground)
    alert, = camera.see(0.0, moved(AHEAD, across=-50)).alerts
    assert alert.distance_m == pytest.approx(20)
    assert alert.bearing_deg == pytest.approx(math.degrees(math.atan(50.5 / 100)))
    assert alert.near == near


def test_a_hazard_above_the_horizon_is_infinitely_far():
    ground = GroundCamera(fx=100, fy=100, cx=100, cy=60, height=10.0)
    alert, = Camera(replace(AT_ONCE, near_m=1e9), ground).see(0.0, ASIDE).alerts
    assert alert.distance_m == math.inf
    assert not alert.near


def test_the_level_of_a_report_is_the_worst():
    report = Camera(AT_ONCE).see(0.0, ASIDE, AHEAD)
    assert [alert.level for alert in report.alerts] == [Level.WARN, Level.ERROR]
    assert report.level == Level.ERROR
    assert AlertReport().level == Level.OK
    assert (Level.OK, Level.WARN, Level.ERROR, Level.STALE) == (0, 1, 2, 3)


# What is reported


def test_the_velocity_and_the_time_to_contact_are_reported():
    camera = Camera()
    for step in range(10):
        distance = 3.0 - 0.1 * step
        height = round(90 / distance)
        report = camera.see(0.1 * step, (60 + 2 * step, 10, 20, height))
    alert, = report.alerts
    assert alert.vx == pytest.approx(20, rel=0.3)
    assert alert.vy > 0
    assert alert.ttc_s == pytest.approx(2.1, rel=0.2)
    assert 0 < alert.ttc_error_s < alert.ttc_s


def test_a_mask_that_is_not_sure_makes_the_time_to_contact_less_sure():
    def error(confidence):
        camera = Camera()
        for step in range(10):
            height = round(300 / (3.0 - 0.1 * step))
            report = camera.see(0.1 * step, region((60, 10, 40, height), confidence),
                                size=(400, 1200))
        return report.alerts[0].ttc_error_s

    assert error(0.9) > 1.2 * error(0.95) > 1.2 * error(1.0) > 0


def test_what_is_cut_by_the_border_has_no_time_to_contact():
    camera = Camera(AT_ONCE)
    for step in range(10):
        height = round(40 / (1 - 0.05 * step))
        alert, = camera.see(0.1 * step, (60, 100 - height, 20, height)).alerts
    assert math.isnan(alert.ttc_s)
    assert alert.truncated


def test_the_kind_follows_evidence_over_several_frames():
    camera, rider = Camera(AT_ONCE), {'parts': (0.1, 0.5, 0.4)}
    kinds = []
    for step in range(30):
        look = rider if step >= 10 else {}
        alert, = camera.see(0.1 * step, region(ASIDE, **look)).alerts
        kinds.append(alert.kind)
        assert alert.track_id == 1
    assert kinds[:12] == ['pedestrian'] * 12
    assert kinds[-1] == 'cyclist'
    assert sum(one != other for one, other in pairwise(kinds)) == 1


@pytest.mark.parametrize(('parts', 'kind'), [
    ((0.0, 0.6, 0.4), 'cyclist'), ((0.4, 0.5, 0.1), 'pedestrian'), ((0.6, 0.0, 0.4), 'pedestrian'),
])
def test_only_who_plainly_rides_is_a_cyclist_soon(parts, kind):
    camera = Camera(AT_ONCE)
    for step in range(13):
        alert, = camera.see(0.1 * step, region(ASIDE, parts=parts if step >= 10 else (1,))).alerts
    assert alert.kind == kind


def test_a_flicker_of_class_changes_no_kind():
    camera = Camera(AT_ONCE)
    for step in range(40):
        parts = (0, 0.6, 0.4) if step % 5 == 4 else (1,)
        alert, = camera.see(0.1 * step, region(ASIDE, parts=parts)).alerts
        assert alert.kind == 'pedestrian'


# Clearing


@pytest.mark.parametrize(('clear_after', 'unseen', 'cleared_at'), [
    (0.5, (0.1, 0.3, 0.5, 0.6, 0.7), 0.6),
    (0.3, (0.1, 0.2, 0.3, 0.4), 0.4),
    (0.5, (0.499999999, 0.500000001), 0.500000001),
    (0.5, (2.0, 2.1), 2.0),
    (0.0, (0.1, 0.2), 0.1),
])
@pytest.mark.parametrize('start', [0.0, 1_317_376_155.123456789, -1000.0])
def test_cleared_after_seconds_unseen_and_predicted_until_then(
        clear_after, unseen, cleared_at, start):
    camera = Camera(replace(AT_ONCE, clear_after=clear_after), start=start)
    camera.see(0.0, ASIDE)
    for seconds in unseen:
        report = camera.see(seconds)
        assert report.raised == ()
        assert report.cleared == ((1,) if seconds == cleared_at else ())
        assert ids(report) == ([1] if seconds < cleared_at else [])
        for alert in report.alerts:
            assert alert.coasting
            assert alert.unseen_s == pytest.approx(seconds)
            assert alert.box == ASIDE


def test_what_is_predicted_moves():
    camera = Camera(AT_ONCE)
    for step in range(20):
        camera.see(0.1 * step, moved(ASIDE, 4 * step))
    alert, = camera.see(2.2).alerts
    assert alert.coasting
    assert alert.box[0] == pytest.approx(ASIDE[0] + 4 * 22, abs=4)


def test_what_is_near_and_in_the_corridor_is_held_for_a_second():
    camera = Camera()
    camera.see(0.0, AHEAD)
    for seconds in (0.3, 0.6, 0.9, 1.0):
        report = camera.see(seconds)
        assert report.level == Level.ERROR
        assert report.alerts[0].coasting
    assert camera.see(1.1).cleared == (1,)


def test_who_is_held_for_longer_than_a_prediction_is_good_for_stays_where_he_was():
    camera = Camera()
    for step in range(10):
        camera.see(0.1 * step, moved(AHEAD, 2 * step - 9), ASIDE)
    boxes = [camera.see(0.1 * step, ASIDE).alerts[1].box for step in range(10, 19)]
    assert boxes[4] != boxes[0]
    assert set(boxes[5:]) == {boxes[4]}


def test_an_error_is_held_for_a_second_after_it_left_the_corridor():
    camera = Camera()
    camera.see(0.0, AHEAD)
    levels = {seconds: camera.see(seconds, moved(AHEAD, across=-round(70 * min(seconds, 1))))
              .level for seconds in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2)}
    assert levels[1.0] == Level.ERROR
    assert levels[2.2] == Level.WARN
    changes = list(levels.values())
    assert changes == sorted(changes, reverse=True)


def test_what_was_never_raised_is_never_cleared():
    camera = Camera()
    camera.see(0.0, ASIDE)
    assert camera.see(9.0) == AlertReport()


def test_another_hazard_comes_after_its_time():
    camera = Camera()
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, ASIDE)
    camera.see(0.3)
    report = camera.see(0.8, ASIDE)
    assert (ids(report), report.raised, report.cleared) == ([], (), (1,))
    assert camera.see(1.0, ASIDE).raised == (2,)


# Stamps


def test_stamps_that_jitter_forget_nothing():
    camera = Camera()
    stamps = (0.0, 0.1, 0.05, 0.2, 0.15, 0.3, 0.1)
    reports = [camera.see(seconds, ASIDE) for seconds in stamps]
    assert [ids(report) for report in reports] == [[], [], [], [1], [1], [1], [1]]
    assert [report.stepped_back_s for report in reports] == pytest.approx(
        [0, 0, 0.05, 0, 0.05, 0, 0.2])
    assert not any(report.restarted for report in reports)


def test_a_jump_starts_afresh():
    camera = Camera()
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, ASIDE)
    report = camera.see(-1.0, ASIDE)
    assert report.restarted
    assert report.cleared == (1,)
    assert report.alerts == ()
    report = camera.see(-0.8, ASIDE)
    assert ids(report) == [2]
    assert not report.restarted


@pytest.mark.parametrize('gap', [1.0, 9.0, 60.0, 3600.0, 1e5, 1.3e9])
def test_any_gap_is_survived(gap):
    camera = Camera()
    for step in range(10):
        # Growing fast: so it would go on.
        camera.see(0.1 * step, (20, 10, 20 + 2 * step, 30 + 4 * step))
    for step in range(3):
        report = camera.see(0.9 + gap + 0.1 * step, ASIDE)
    assert len(report.alerts) == 1


# Sizes


def scaled(box, size):
    """Return a box of an image of `SIZE` in the same image resized."""
    down, across = size[0] / SIZE[0], size[1] / SIZE[1]
    return (round(box[0] * across), round(box[1] * down), round(box[2] * across),
            round(box[3] * down))


SIZES = [(200, 400), (50, 100), (150, 200), (99, 201)]


@pytest.mark.parametrize('size', SIZES)
def test_another_size_forgets_nothing(size):
    camera = Camera()
    for seconds in (0.0, 0.1, 0.2):
        camera.see(seconds, AHEAD, ASIDE)
    report = camera.see(0.3, scaled(AHEAD, size), size=size)
    assert (ids(report), report.raised, report.cleared) == ([1, 2], (), ())
    assert report.resized_from == SIZE
    assert not report.restarted
    coasting, seen = report.alerts
    assert seen.box == scaled(AHEAD, size)
    assert coasting.box == pytest.approx(scaled(ASIDE, size), abs=1)
    assert (seen.level, coasting.level) == (Level.ERROR, Level.WARN)
    assert coasting.coasting
    assert coasting.area == pytest.approx(
        ASIDE[2] * ASIDE[3] * size[0] * size[1] / (SIZE[0] * SIZE[1]), abs=1)


@pytest.mark.parametrize('sizes', [[SIZE, *others] for others in (
    *([size] for size in SIZES), SIZES)])
@pytest.mark.parametrize('step', [0.05, 0.1, 0.4, 1.0])
@pytest.mark.parametrize('box', [AHEAD, ASIDE])
def test_sizes_in_turns_raise_as_one_does(sizes, step, box):
    one, several = Camera(), Camera()
    for index in range(20):
        size = sizes[index % len(sizes)]
        expected = one.see(step * index, box)
        found = several.see(step * index, scaled(box, size), size=size)
        assert ids(found) == ids(expected)
        assert found.raised == expected.raised
        assert found.cleared == ()
        assert [alert.level for alert in found.alerts] == [
            alert.level for alert in expected.alerts]


@pytest.mark.parametrize('step', [0.05, 0.1, 0.4, 1.0])
@pytest.mark.parametrize('others', [(), [(150, 10, 18, 30)]])
def test_two_views_in_turns_raise_as_each_alone_does(step, others):
    size = (120, 200)
    alone, both = Camera(), Camera()
    raised = []
    for index in range(20):
        if index % 2:
            report = both.see(step * index, *others, size=size)
        else:
            expected = alone.see(step * index, ASIDE)
            report = both.see(step * index, ASIDE)
            assert set(ids(expected)) <= set(ids(report))
        if raised:
            # Nor do the other's images let go of it.
            assert 1 in ids(report)
        raised += ids(report)
    assert raised


@pytest.mark.parametrize('size', SIZES)
def test_what_a_modulation_adds_goes_on_in_another_size(size):
    camera = Camera()
    added = region(ASIDE, modulated_share=1.0)
    for step in range(10):
        camera.see(0.1 * step, focused=[added])
    before = camera.see(1.0, focused=[added])
    after = camera.see(1.1, focused=[], size=size)
    assert ids(after) == ids(before) != []
    assert after.alerts[0].box == pytest.approx(scaled(ASIDE, size), abs=1)


def test_speed_and_contact_are_those_of_the_size():
    camera, small = Camera(), (50, 100)
    for step in range(9):
        grown = 20 + 2 * step
        report = camera.see(0.1 * step, (20 + 2 * step, 10, 20, grown))
    wide = report.alerts[0]
    box = scaled((38, 10, 20, 38), small)
    near = camera.see(0.9, box, size=small).alerts[0]
    assert near.vx == pytest.approx(wide.vx / 2, rel=0.2)
    assert near.ttc_s == pytest.approx(wide.ttc_s - 0.1, rel=0.2)
