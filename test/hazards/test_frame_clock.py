import pytest

from aim_ros.hazards.frame_clock import FrameClock
from aim_ros.hazards.frame_clock import Tick

SIZE = (100, 200)
MS = 1_000_000


@pytest.fixture
def clock():
    clock = FrameClock()
    assert clock.advance(1000 * MS, SIZE, 0.5) == Tick(1000 * MS)
    return clock


def test_time_goes_on_with_the_stamps(clock):
    assert clock.advance(1100 * MS, SIZE, 0.5) == Tick(1100 * MS)
    assert clock.advance(1100 * MS, SIZE, 0.5) == Tick(1100 * MS)
    assert clock.advance(9_000 * MS, SIZE, 0.5) == Tick(9_000 * MS)


@pytest.mark.parametrize('back', [1, 100, 499])
def test_a_small_step_back_is_a_jitter(clock, back):
    tick = clock.advance((1000 - back) * MS, SIZE, 0.5)
    assert tick.now_ns == 1000 * MS
    assert not tick.restarted
    assert tick.stepped_back_s == pytest.approx(back / 1000)
    assert clock.advance(1050 * MS, SIZE, 0.5) == Tick(1050 * MS)


@pytest.mark.parametrize('back', [500, 900])
def test_a_large_step_back_starts_afresh(clock, back):
    tick = clock.advance((1000 - back) * MS, SIZE, 0.5)
    assert tick.now_ns == (1000 - back) * MS
    assert tick.restarted == f'the stamp went back by {back / 1000:.3f} s'


def test_another_size_goes_on():
    clock = FrameClock()
    other = 50, 100
    clock.advance(1000 * MS, SIZE, 0.5)
    assert clock.advance(1100 * MS, other, 0.5) == Tick(
        1100 * MS, resized_from=SIZE, like_ns=1000 * MS - 1)
    assert clock.advance(1200 * MS, other, 0.5) == Tick(1200 * MS)
    assert clock.advance(1300 * MS, SIZE, 0.5) == Tick(
        1300 * MS, resized_from=other, like_ns=1000 * MS)
    tick = clock.advance(1290 * MS, other, 0.5)
    assert tick == Tick(1300 * MS, '', pytest.approx(0.01), SIZE, 1200 * MS)


def test_a_size_of_long_ago_is_forgotten(clock):
    other = 50, 100
    for step in range(10):
        clock.advance((1100 + 100 * step) * MS, other, 0.5)
    assert clock.advance(3000 * MS, SIZE, 0.5) == Tick(
        3000 * MS, resized_from=other, like_ns=2000 * MS - 1)


def test_a_jump_with_another_size_starts_afresh(clock):
    other = 50, 100
    tick = clock.advance(100 * MS, other, 0.5)
    assert tick.restarted
    assert tick.resized_from is None
    assert clock.advance(200 * MS, SIZE, 0.5).like_ns == 100 * MS - 1


def test_a_gap_over_which_nothing_can_be_predicted_starts_afresh(clock):
    assert clock.advance(11_000 * MS, SIZE, 0.5) == Tick(11_000 * MS)
    tick = clock.advance(21_001 * MS, SIZE, 0.5)
    assert tick.restarted == 'no frame came for 10.001 s, by the stamps'
    assert clock.advance(21_101 * MS, SIZE, 0.5) == Tick(21_101 * MS)
