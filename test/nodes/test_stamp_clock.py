import pytest

from aim_ros.nodes.stamp_clock import StampClock

MS = 1_000_000


def times(*frames) -> list[int]:
    """Return the times, in ms, of frames (stamp, receipt), in ms."""
    clock = StampClock()
    return [clock.time_ns(stamp * MS, received * MS) // MS for stamp, received in frames]


def test_time_is_the_stamp():
    assert times((500, 7), (600, 9), (601, 900)) == [500, 600, 601]


def test_a_stamp_before_the_last_starts_afresh():
    assert times((500, 7), (600, 8), (100, 9), (200, 10)) == [500, 600, 100, 200]


def test_a_frame_that_comes_twice_takes_no_time():
    assert times((500, 10), (500, 40), (600, 110)) == [500, 500, 600]


@pytest.mark.parametrize('stamp', [0, 77_000])
def test_where_stamps_stand_still_time_goes_on_from_there(stamp):
    frames = [(stamp, 5_000 + 100 * i) for i in range(6)]
    assert times(*frames) == [stamp, stamp, *(stamp + 100 * i for i in range(2, 6))]


def test_time_never_goes_back_when_the_stamps_move_again():
    still = [(500, 1_000 + 100 * i) for i in range(5)]  # until 900
    assert times(*still, (950, 1_500), (1_050, 1_600))[-2:] == [950, 1_050]
    assert times(*still, (600, 1_500), (700, 1_600))[-2:] == [900, 1_000]
    assert times(*still, (600, 1_500), (300, 1_600), (400, 1_700))[-2:] == [300, 400]
