import itertools

import pytest

from aim_ros.perception.stamp_clock import StampClock

MS = 1_000_000
JUMP = 500


def times(*frames) -> list[int]:
    """Return the times, in ms, of frames (stamp, receipt), in ms, with jumps of half a second."""
    clock = StampClock()
    return [clock.time_ns(stamp * MS, received * MS, JUMP * MS) // MS
            for stamp, received in frames]


def test_time_is_the_stamp():
    assert times((500, 7), (600, 9), (601, 900)) == [500, 600, 601]


@pytest.mark.parametrize('back', [500, 501, 100_000])
def test_a_jump_back_starts_afresh(back):
    stamp = 200_000 - back
    assert times((200_000, 8), (stamp, 9), (stamp + 100, 10)) == [200_000, stamp, stamp + 100]


@pytest.mark.parametrize('back', [1, 15, 499])
def test_a_step_a_little_back_is_taken_at_the_time_of_the_last_frame(back):
    assert times((5_000, 7), (5_000 - back, 8), (5_600, 9)) == [5_000, 5_000, 5_600]


def test_a_nanosecond_back_is_one_too():
    clock = StampClock()
    assert clock.time_ns(10**18, 5, JUMP * MS) == clock.time_ns(10**18 - 1, 6, JUMP * MS) == 10**18


def test_small_steps_back_that_add_up_to_a_jump_start_afresh():
    frames = [(5_000 - 100 * i, 7 + i) for i in range(7)]
    got = times(*frames)
    assert got[0] == 5_000
    assert min(got[1:5]) >= 5_000
    assert got[5:] == [4_500, 4_500]


def test_two_drivers_whose_clocks_differ_make_one_time_that_goes_on():
    first = [(100 * i, 100 * i) for i in range(40)]
    second = [(received - 40, received) for received in range(20, 4_000, 100)]
    frames = sorted(first + second, key=lambda frame: frame[1])
    got = times(*((stamp + 10_000, received) for stamp, received in frames))
    assert all(b >= a for a, b in itertools.pairwise(got))
    assert all(abs(time - 10_000 - received) <= 40
               for time, (_, received) in zip(got, frames, strict=True))


def test_stamps_that_stay_back_do_not_hold_the_time_for_long():
    frames = [(5_000, 0), *((4_600 + 100 * i, 100 * (i + 1)) for i in range(8))]
    got = times(*frames)
    assert got == [5_000, 5_000, 5_200, 5_300, 5_400, 5_500, 5_500, 5_600, 5_700]


def test_a_frame_that_comes_twice_takes_no_time():
    assert times((500, 10), (500, 40), (600, 110)) == [500, 500, 600]


@pytest.mark.parametrize('stamp', [0, 77_000])
def test_where_stamps_stand_still_time_goes_on_from_there(stamp):
    frames = [(stamp, 5_000 + 100 * i) for i in range(6)]
    assert times(*frames) == [stamp, stamp, *(stamp + 100 * i for i in range(2, 6))]


def test_a_frame_without_a_stamp_is_no_jump():
    assert times((90_000, 0), (0, 100), (90_200, 200)) == [90_000, 90_000, 90_200]
    assert times((90_000, 0), (0, 100), (0, 200), (0, 300)) == [90_000, 90_000, 90_200, 90_300]


def test_time_never_goes_back_when_the_stamps_move_again():
    still = [(500, 1_000 + 100 * i) for i in range(5)]  # until 900
    assert times(*still, (950, 1_500), (1_050, 1_600))[-2:] == [950, 1_050]
    assert times(*still, (600, 1_500), (700, 1_600))[-2:] == [900, 1_000]


def test_after_stamps_that_stood_still_a_jump_is_one_of_the_stamps():
    still = [(5_000, 1_000 + 100 * i) for i in range(5)]  # until 5,400
    assert times(*still, (5_100, 1_500), (4_700, 1_600))[-2:] == [5_400, 5_400]
    assert times(*still, (5_100, 1_500), (4_600, 1_600), (4_700, 1_700))[-3:] == [
        5_400, 4_600, 4_700]


@pytest.mark.parametrize('offset', [
    lambda i: -700 * (i % 2), lambda i: -3_600_000 * (i % 2), lambda i: -700 * (i % 3 == 0),
    lambda i: -3_600_000 * (i % 10 == 9), lambda i: 3_600_000 * (i % 10 == 0),
    lambda i: -1_500 * (i % 20 >= 10)],
    ids=['a little', 'an hour', 'each third', 'wrong now and then', 'ahead now and then', 'late'])
def test_stamps_that_jump_to_and_fro_start_afresh_once(offset):
    frames = [(90_000_000 + 100 * i + offset(i), 100 * i) for i in range(300)]
    got = times(*frames)
    steps = [b - a for a, b in itertools.pairwise(got)]
    assert sum(step < 0 for step in steps) == 1
    # Once that is known, time goes on as the frames are received.
    assert set(steps[40:]) == {100}


def test_after_stamps_that_jumped_to_and_fro_time_is_the_stamp_again():
    to_and_fro = [(90_000 + 100 * i - 700 * (i % 2), 100 * i) for i in range(20)]
    after = [(92_000 + 50 * i, 2_000 + 100 * i) for i in range(1, 140)]
    got = times(*to_and_fro, *after)
    assert all(b >= a for a, b in itertools.pairwise(got[20:]))
    assert [b - a for a, b in itertools.pairwise(got[-10:])] == [50] * 9
    assert times(*to_and_fro, *after, (95_000, 16_100))[-1] == 95_000


def test_a_recording_that_begins_again_and_again_starts_afresh_each_time():
    frames = [(5_000 + 100 * (i % 30), 20 * i) for i in range(300)]
    assert times(*frames) == [stamp for stamp, _ in frames]


def test_a_leap_forward_is_taken_by_receipt():
    hour = 3_600_000
    frames = [(5_000 + 100 * i + hour * (i >= 3), 100 * i) for i in range(6)]
    assert times(*frames) == [5_000 + 100 * i for i in range(6)]


def test_stamps_that_begin_with_zeros_lose_no_time():
    frames = [((10**12 + 100 * i) * (i >= 4), 100 * i) for i in range(8)]
    # Of stamps of zero the third is the first that is taken by receipt.
    assert times(*frames) == [0, 0, *(100 * i for i in range(2, 8))]


def test_a_wild_stamp_costs_nothing():
    frames = [(5_000 + 100 * i + 10**12 * (i == 3), 100 * i) for i in range(7)]
    assert times(*frames) == [5_000 + 100 * i for i in range(7)]


@pytest.mark.parametrize('ahead', [600, 3_000, 9_000])
def test_a_stamp_that_was_ahead_is_no_reason_to_start_afresh(ahead):
    frames = [(5_000 + 100 * i + ahead * (i % 50 == 10), 100 * i) for i in range(150)]
    got = times(*frames)
    assert all(b > a for a, b in itertools.pairwise(got))
    assert all(b - a == 100 for a, b in itertools.pairwise(got[11:60]))


def test_several_stamps_ahead_are_a_clock_that_is_set_and_set_back():
    frames = [(5_000 + 100 * i + 3_000 * (10 <= i < 12), 100 * i) for i in range(20)]
    assert times(*frames) == [stamp for stamp, _ in frames]


def test_where_stamps_creep_time_is_that_of_receipt():
    # As of a driver that counts frames in nanoseconds, or takes microseconds for these.
    clock = StampClock()
    got = [clock.time_ns(10**18 + step * i, 100 * MS * i, JUMP * MS) - 10**18
           for step in (1,) for i in range(40)]
    assert all(0 <= b - a <= 200 * MS for a, b in itertools.pairwise(got))
    assert got[-1] - got[3] == 100 * MS * 36
    # A pause of the camera is none of its stamps.
    frames = [(100 * i, 100 * i + 600_000 * (i >= 5)) for i in range(10)]
    assert times(*frames) == [stamp for stamp, _ in frames]


def test_a_gap_that_receipt_shows_too_is_one():
    assert times((5_000, 0), (65_000, 60_000), (65_100, 60_100)) == [5_000, 65_000, 65_100]


def test_a_recording_that_is_played_fast_keeps_its_time():
    frames = [(5_000 + 1_000 * i, 20 * i) for i in range(5)]
    assert times(*frames) == [stamp for stamp, _ in frames]
