"""When frames are due, whatever their stamps say."""

import pytest

from aim_ros.nodes.replay.pace import Pace

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND
TENTH = SECOND // 10


def dues(stamps, recorded, rate=1.0, every=1):
    """Return when each frame is due, and what was doubted."""
    pace = Pace(rate, every)
    result, doubts = [], []
    for stamp, time in zip(stamps, recorded, strict=True):
        result.append(pace.due(stamp, 0.0, time))
        if pace.doubt:
            doubts.append(pace.doubt)
    return result, doubts


def test_due_times_do_not_drift():
    pace = Pace(2.0)
    # The caller is late in various ways; that changes nothing.
    dues = [pace.due(stamp, 100.0 + late) for stamp, late in zip(
        (0, 100_000_000, 200_000_000, 500_000_000), (0, 0.3, 0.02, 5), strict=True)]
    assert dues == pytest.approx([100.0, 100.05, 100.10, 100.25])


def test_the_step_before_a_loop_is_repeated():
    pace = Pace(1.0)
    assert pace.due(7_000_000_000, 10.0) == 10
    assert pace.due(7_040_000_000, 10.0) == pytest.approx(10.04)
    assert pace.due(7_000_000_000, 10.0) == pytest.approx(10.08)
    assert Pace(0.0).due(1, 55.0) == 55


@pytest.mark.parametrize('recorded_ns', [None, 9])
def test_a_loop_of_one_frame_is_no_flood(recorded_ns):
    pace = Pace(0.5)
    assert pace.due(1, 0.0, recorded_ns) == 0
    pace.begin_again()
    assert pace.due(1, 0.0, recorded_ns) == pytest.approx(0.2)


def test_a_shifted_pace_goes_on_from_there():
    pace = Pace(1.0)
    pace.due(0, 10.0)
    pace.shift(12.0)
    assert pace.due(100_000_000, 12.0) == pytest.approx(12.1)
    pace.shift(12.05)
    assert pace.due(200_000_000, 12.0) == pytest.approx(12.2)


RECORDED = [EPOCH + index * TENTH for index in range(30)]
STEADY = pytest.approx([index / 10 for index in range(30)], abs=0.51)


@pytest.mark.parametrize('stamps', [
    [0, *RECORDED[1:]],
    [*RECORDED[:10], *[0] * 20],
    [0] * 30,
    list(range(30)),
    [*RECORDED[:10], *[time + 3600 * SECOND for time in RECORDED[10:]]],
    [*RECORDED[:10], *[time - 3600 * SECOND for time in RECORDED[10:]]],
    RECORDED[::-1],
    [time * 1000 for time in range(0, 30 * SECOND, SECOND)],
    [EPOCH + (index % 2) * 3600 * SECOND for index in range(30)],
], ids=['first is zero', 'then zero', 'all zero', 'counter', 'an hour ahead', 'an hour back',
        'backwards', 'wrong unit', 'two clocks'])
def test_stamps_that_the_clock_of_the_recording_does_not_have(stamps):
    result, doubts = dues(stamps, RECORDED)
    assert result == STEADY
    assert result == sorted(result)
    assert len(doubts) == 1
    assert 'from here on the time of recording counts' in doubts[0]


def test_stamps_count_where_the_recorder_was_only_late():
    late = [time + (index % 3) * 40_000_000 for index, time in enumerate(RECORDED)]
    result, doubts = dues(RECORDED, late)
    assert result == pytest.approx([index / 10 for index in range(30)])
    assert not doubts


def test_a_pause_that_both_clocks_have_is_kept():
    times = [EPOCH, EPOCH + TENTH, EPOCH + 3600 * SECOND]
    assert dues(times, times) == (pytest.approx([0, 0.1, 3600]), [])


@pytest.mark.parametrize('stamps', [
    RECORDED,
    [*RECORDED[:10], *[time + 50 * 365 * 86400 * SECOND for time in RECORDED[10:]]],
    [0] * 30,
], ids=['of the camera', 'set too', 'none'])
def test_a_clock_that_is_set_while_it_records_is_not_waited_for(stamps):
    set_later = [*RECORDED[:10], *[time + 50 * 365 * 86400 * SECOND for time in RECORDED[10:]]]
    result, doubts = dues(stamps, set_later)
    assert result == STEADY
    assert 'the clock was set meanwhile' in doubts[-1]


def test_a_clock_that_is_set_by_an_hour_leaves_the_stamps_in_force():
    set_later = [*RECORDED[:10], *[time + 3600 * SECOND for time in RECORDED[10:]]]
    result, doubts = dues(RECORDED, set_later)
    assert result == pytest.approx([index / 10 for index in range(30)])
    assert len(doubts) == 1


@pytest.mark.parametrize('stamps', [
    [0, EPOCH, EPOCH + TENTH],
    [EPOCH, EPOCH + 3600 * SECOND, EPOCH + 3600 * SECOND + TENTH]])
def test_a_gap_that_no_clock_confirms_is_not_waited_for(stamps):
    result, doubts = dues(stamps, [None] * 3)
    assert result == pytest.approx([0, 0.1, 0.2])
    assert len(doubts) == 1
    assert 'no clock of the recording confirms it' in doubts[0]


def test_zero_stamps_without_a_clock_are_no_flood():
    result, _ = dues([0] * 4, [None] * 4, rate=2.0)
    assert result == pytest.approx([0, 0.05, 0.1, 0.15])


def test_frames_far_apart_are_no_gap_where_few_are_played():
    stamps = [EPOCH + index * 50 * SECOND for index in range(3)]
    assert dues(stamps, [None] * 3, every=500) == (pytest.approx([0, 50, 100]), [])


def test_a_pause_is_not_repeated_at_the_beginning_of_a_loop():
    pace = Pace(1.0)
    for time in (EPOCH, EPOCH + TENTH, EPOCH + 3600 * SECOND):
        due = pace.due(time, 0.0, time)
    pace.begin_again()
    assert pace.due(EPOCH, 0.0, EPOCH) == pytest.approx(due + 0.1)
    assert not pace.doubt
