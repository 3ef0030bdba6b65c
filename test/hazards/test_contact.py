import math

import numpy as np
import pytest

from aim_ros.hazards.contact import Approaches
from aim_ros.hazards.contact import Feet
from aim_ros.hazards.contact import WINDOW


class Approach:
    """How one road user comes nearer."""

    def __init__(self):
        self.table = Approaches.unknown(1)
        self.resize = self.table.resize

    def add(self, seconds, height, foot=None, unsure=0.0):
        feet = foot and foot._replace(drop=np.array([foot.drop]))
        self.table.add(seconds, np.array([height]), np.array([True]), feet, unsure)

    def forget(self):
        self.table.add(-1e9, np.array([1.0]), np.array([False]))

    def time_to_contact(self, now):
        (ttc,), (error,) = self.table.times_to_contact(now)
        return ttc, error


def seen(distance, speed, *, seconds=0.8, rate=10.0, noise=0.0, height=1.7 * 720):
    """Return the growth of somebody who comes nearer, and the time of the last look."""
    generator, growth = np.random.default_rng(0), Approach()
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
    growth = Approach()
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


# By height and foot


def approaching(*, bias=0.0, pitch=0.0, feet=True, epochs=None, unsure=0.0):
    """
    Return the approach of somebody 18 m away at 6 m/s, after 0.8 s: contact is in 2.2 s.

    :param bias: by how much faster than him his box grows, a share in a second.
    :param pitch: rows by which his foot is seen lower in the end than it should be.
    :param epochs: of each of 9 frames.
    :param unsure: how unsure the masks are, 0..1.
    """
    approach = Approach()
    for step in range(9):
        seconds = 0.1 * step
        scale = 720 / (18 - 6 * seconds)
        foot = Feet(1.65 * scale + pitch * seconds / 0.8, 3.0, 1.0, epochs[step] if epochs else 0)
        approach.add(seconds, 1.7 * scale * (1 + bias * (seconds - 0.8)), foot if feet else None,
                     unsure)
    return approach


def test_height_and_foot_agree_on_a_steady_approach():
    ttc, error = approaching().time_to_contact(0.8)
    assert ttc == pytest.approx(2.2, rel=1e-6)
    alone, alone_error = approaching(feet=False).time_to_contact(0.8)
    assert alone == pytest.approx(2.2, rel=1e-6)
    assert 0 < error < alone_error


def test_a_box_that_grows_faster_than_its_road_user_counts_for_less_than_its_foot():
    wrong, _ = approaching(bias=0.2, feet=False).time_to_contact(0.8)
    ttc, _ = approaching(bias=0.2).time_to_contact(0.8)
    assert abs(ttc - 2.2) < 0.5 * abs(wrong - 2.2)


def test_the_error_says_how_much_boxes_may_grow_by_themselves():
    ttc, error = approaching(bias=0.1, feet=False).time_to_contact(0.8)
    assert abs(ttc - 2.2) < 1.5 * error


@pytest.mark.parametrize('feet', [False, True])
def test_the_less_sure_masks_are_the_larger_is_the_error_until_nothing_is_told(feet):
    told = [approaching(feet=feet, unsure=unsure).time_to_contact(0.8)
            for unsure in np.linspace(0, 0.5, 11)]
    errors = [error for _, error in told if not math.isnan(error)]
    assert 2 < len(errors) < 11
    assert errors == sorted(set(errors))
    assert all(ttc == pytest.approx(2.2, rel=1e-6) for ttc, _ in told[:len(errors)])
    assert all(map(math.isnan, np.ravel(told[len(errors):])))


def test_of_masks_that_are_not_sure_the_foot_tells_more_than_the_height():
    sure, unsure = (approaching(bias=0.2, unsure=share).time_to_contact(0.8)[0]
                    for share in (0.0, 0.15))
    assert abs(unsure - 2.2) < 0.7 * abs(sure - 2.2)


@pytest.mark.parametrize('unsure', [0.0, 0.1, 0.15])
@pytest.mark.parametrize('pitch', [-24.0, -16.0, -10.0, -6.0, -3.0, 3.0, 6.0, 10.0])
def test_a_foot_that_pitch_moves_is_held_by_the_height(pitch, unsure):
    """Too late is worse than too soon, and than nothing."""
    ttc, error = approaching(pitch=pitch, unsure=unsure).time_to_contact(0.8)
    if abs(pitch) > 10:
        assert math.isnan(ttc)
    else:
        assert 0.6 * 2.2 < ttc < 1.5 * 2.2
        assert abs(ttc - 2.2) < 2.5 * error


def test_who_comes_no_nearer_by_his_height_has_no_contact_by_his_foot():
    approach = Approach()
    for step in range(9):
        approach.add(0.1 * step, 80.0, Feet(40.0 + 2 * step, 3.0, 1.0, 0))
    assert all(map(math.isnan, approach.time_to_contact(0.8)))


@pytest.mark.parametrize('unsure', ['slack', 'drift'])
def test_the_error_says_how_unsure_the_horizon_is(unsure):
    def error(slack=0.0, drift=0.0):
        approach = Approach()
        for step in range(9):
            scale = 720 / (18 - 0.6 * step)
            approach.add(0.1 * step, 1.7 * scale, Feet(1.65 * scale, slack, drift, 0))
        return approach.time_to_contact(0.8)[1]

    assert error(**{unsure: 20.0}) > 1.2 * error()


@pytest.mark.parametrize('last', [1, 3])
def test_feet_of_several_epochs_are_not_compared(last):
    """The horizon was lost: what it says of the last few frames is too little."""
    epochs = [0] * (9 - last) + [1] * last
    alone = approaching(bias=0.2, feet=False).time_to_contact(0.8)
    assert approaching(bias=0.2, epochs=epochs).time_to_contact(0.8) == alone
    assert approaching(bias=0.2, epochs=[1] * 9).time_to_contact(0.8) != alone


@pytest.mark.parametrize('drop', [1.0, 0.0, -5.0])
def test_a_foot_at_the_horizon_tells_nothing(drop):
    approach = approaching(feet=False)
    for step in range(9, 18):
        approach.add(0.1 * step, 1.7 * 720 / (18 - 0.6 * step), Feet(drop, 3.0, 1.0, 0))
    ttc, _ = approach.time_to_contact(1.7)
    assert ttc == pytest.approx(1.3, rel=1e-6)


def test_it_goes_on_in_an_image_of_another_size():
    approach = approaching(bias=0.1)
    before = approach.time_to_contact(0.8)
    approach.resize(0.5)
    assert approach.time_to_contact(0.8) == pytest.approx(before, rel=1e-6)
    whole = approaching(bias=0.1)
    for one, size in ((approach, 360), (whole, 720)):
        one.add(0.9, 1.7 * size / 12.6, Feet(1.65 * size / 12.6, size / 240, size / 720, 0))
    assert approach.time_to_contact(0.9)[0] == pytest.approx(
        whole.time_to_contact(0.9)[0], rel=0.01)


def test_nothing_is_known_of_whom_it_forgot():
    approach = approaching()
    approach.forget()
    assert all(map(math.isnan, approach.time_to_contact(0.8)))


# Many at once


def crowd(seed, count=12, frames=14):
    """Yield the time of each frame, and the heights, who is seen whole, and the feet."""
    generator = np.random.default_rng(seed)
    distance, speed = generator.uniform(6, 40, count), generator.uniform(-2, 9, count)
    epoch = 0
    for step in range(frames):
        seconds = 0.1 * step
        scale = 720 / np.maximum(distance - speed * seconds, 1)
        epoch += generator.random() < 0.05
        yield (seconds, 1.7 * scale + generator.normal(0, 1, count),
               generator.random(count) < 0.95,
               Feet(1.65 * scale + generator.normal(0, 1, count), 3.0, 1.0, epoch))


@pytest.mark.parametrize('seed', range(5))
def test_each_of_many_is_told_what_he_is_told_alone(seed):
    together, alone = Approaches.unknown(12), [Approaches.unknown(1) for _ in range(12)]
    told = 0
    for seconds, heights, whole, feet in crowd(seed):
        together.add(seconds, heights, whole, feet)
        for i, one in enumerate(alone):
            one.add(seconds, heights[[i]], whole[[i]], feet._replace(drop=feet.drop[[i]]))
        ttc = together.times_to_contact(seconds)
        np.testing.assert_array_equal(
            ttc, np.concatenate([one.times_to_contact(seconds) for one in alone], 1))
        told += np.isfinite(ttc[0]).sum()
    assert told > 10


@pytest.mark.parametrize('rate', [20.0, 30.0, 40.0, 60.0])
def test_of_usual_cameras_every_frame_counts(rate):
    growth, now = seen(15, 6, rate=rate)
    kept = np.isfinite(growth.table.seconds[0, 0]).sum()
    assert kept == round(0.8 * rate) + 1
    assert growth.time_to_contact(now)[0] == pytest.approx(2.5 - now, rel=1e-6)


@pytest.mark.parametrize('start', [0.0, 1.7e9])
@pytest.mark.parametrize('jitter', [0.0, 0.004])
def test_stamps_may_be_large_and_jitter(start, jitter):
    growth = Approach()
    for step in range(4):
        now = start + 0.1 * step + (jitter if step % 2 == 0 else -jitter)
        growth.add(now, 1224 / (18 - 6 * (now - start)))
    assert growth.time_to_contact(now)[0] == pytest.approx(3 - (now - start), rel=1e-4)


def test_rows_keep_to_themselves():
    """Those that leave, come back, and are joined by others take what is known of them along."""
    frames, table = list(crowd(3)), Approaches.unknown(12)
    for seconds, heights, whole, feet in frames[:7]:
        table.add(seconds, heights, whole, feet)
    expected = table.times_to_contact(seconds)
    order = np.random.default_rng(0).permutation(12)
    shuffled = table.select(order)
    np.testing.assert_array_equal(
        shuffled.times_to_contact(seconds), np.take(expected, order, 1))
    halves = shuffled.select(np.arange(6)).joined(shuffled.select(np.arange(6, 12)))
    back = Approaches.unknown(12)
    back.put(order, halves)
    for seconds, heights, whole, feet in frames[7:]:
        table.add(seconds, heights, whole, feet)
        back.add(seconds, heights, whole, feet)
        np.testing.assert_array_equal(
            back.times_to_contact(seconds), table.times_to_contact(seconds))


@pytest.mark.parametrize('rate', [20.0, 30.0, 60.0, 200.0])
def test_with_fast_cameras_the_whole_window_counts(rate):
    growth, now = seen(15, 6, seconds=1.0, rate=rate, noise=1.0)
    assert growth.time_to_contact(now)[0] == pytest.approx(1.5, rel=0.2)
    seconds = growth.table.seconds[0, 0]
    assert np.ptp(seconds[np.isfinite(seconds)]) >= WINDOW - 0.06


def test_of_nobody_nothing_is_told():
    assert np.shape(Approaches.unknown(0).times_to_contact(1.0)) == (2, 0)
