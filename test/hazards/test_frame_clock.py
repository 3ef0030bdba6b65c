import pytest

from aim_ros.hazards.frame_clock import FrameClock

SIZE = (100, 200)
MS = 1_000_000


@pytest.fixture
def clock():
    clock = FrameClock()
    assert clock.advance(1000 * MS, SIZE, 0.5) == (1000 * MS, '', 0.0)
    return clock


def test_time_goes_on_with_the_stamps(clock):
    assert clock.advance(1100 * MS, SIZE, 0.5) == (1100 * MS, '', 0.0)
    assert clock.advance(1100 * MS, SIZE, 0.5) == (1100 * MS, '', 0.0)
    assert clock.advance(90_000 * MS, SIZE, 0.5) == (90_000 * MS, '', 0.0)


@pytest.mark.parametrize('back', [1, 100, 499])
def test_a_small_step_back_is_a_jitter(clock, back):
    tick = clock.advance((1000 - back) * MS, SIZE, 0.5)
    assert tick.now_ns == 1000 * MS
    assert not tick.restarted
    assert tick.stepped_back_s == pytest.approx(back / 1000)
    assert clock.advance(1050 * MS, SIZE, 0.5) == (1050 * MS, '', 0.0)


@pytest.mark.parametrize('back', [500, 900])
def test_a_large_step_back_starts_afresh(clock, back):
    tick = clock.advance((1000 - back) * MS, SIZE, 0.5)
    assert tick.now_ns == (1000 - back) * MS
    assert tick.restarted == f'the stamp went back by {back / 1000:.3f} s'


def test_another_size_starts_afresh(clock):
    tick = clock.advance(1100 * MS, (50, 100), 0.5)
    assert tick.restarted == 'the image size changed from 200x100 to 100x50'
    assert clock.advance(1200 * MS, (50, 100), 0.5).restarted == ''
