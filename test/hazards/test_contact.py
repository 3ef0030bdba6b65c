import math

import numpy as np
import pytest

from aim_ros.hazards.contact import Growth


def seen(distance, speed, *, seconds=0.8, rate=10.0, noise=0.0, height=1.7 * 720):
    """Return the growth of somebody who comes nearer, and the time of the last look."""
    generator, growth = np.random.default_rng(0), Growth()
    times = np.arange(0, seconds + 1e-9, 1 / rate)
    for now in times:
        pixels = height / (distance - speed * now)
        growth.add(now, pixels + generator.normal(0, noise))
    return growth, times[-1]


@pytest.mark.parametrize(('distance', 'speed'), [(30, 10), (20, 5), (12, 4), (10, 3)])
def test_a_steady_approach_is_reported_exactly(distance, speed):
    growth, now = seen(distance, speed)
    ttc, error = growth.time_to_contact(now)
    assert ttc == pytest.approx(distance / speed - now, rel=1e-6)
    assert 0 < error < 0.5 * ttc


@pytest.mark.parametrize('noise', [0.5, 1.0])
def test_noise_of_a_pixel_leaves_it_within_a_fifth(noise):
    growth, now = seen(15, 6, noise=noise)
    ttc, error = growth.time_to_contact(now)
    assert ttc == pytest.approx(2.5 - now, rel=0.2)
    assert error > 0


@pytest.mark.parametrize(('distance', 'speed'), [(20, 0), (20, -3), (20, 0.5)])
def test_what_does_not_come_nearer_has_none(distance, speed):
    growth, now = seen(distance, speed, noise=0.5)
    assert all(map(math.isnan, growth.time_to_contact(now)))


@pytest.mark.parametrize(('seconds', 'rate', 'known'), [
    (0.2, 30.0, False), (0.3, 10.0, True), (0.3, 30.0, True), (0.4, 5.0, False)])
def test_it_takes_a_look_of_at_least_three_tenths_of_a_second(seconds, rate, known):
    growth, now = seen(8, 6, seconds=seconds, rate=rate)
    assert math.isfinite(growth.time_to_contact(now)[0]) == known


def test_only_the_last_moments_count():
    growth = Growth()
    for step in range(30):
        growth.add(0.1 * step, 100.0)
    for step in range(10):
        growth.add(3 + 0.1 * step, 1000 / (10 - step))
    ttc, _ = growth.time_to_contact(3.9)
    assert ttc == pytest.approx(0.1, rel=1e-6)


def test_it_goes_on_while_nothing_new_is_seen():
    growth, now = seen(12, 4)
    before, _ = growth.time_to_contact(now)
    after, _ = growth.time_to_contact(now + 0.3)
    assert after == pytest.approx(before - 0.3)


def test_stamps_that_stand_still_and_a_new_start():
    growth, now = seen(12, 4)
    growth.add(now, 5.0)
    assert growth.time_to_contact(now)[0] == pytest.approx(3 - now)
    growth.forget()
    assert math.isnan(growth.time_to_contact(now)[0])
