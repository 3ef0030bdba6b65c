import numpy as np
import pytest

from aim_ros.hazards.motion import Motions


def seen(motion, box, cut=False):
    motion.update(np.array([box], float), np.array([cut]))


def follow(box_at, seconds, step=0.1):
    """Show a motion the boxes of a function of time."""
    motion, now = Motions.beginning_at(np.array([box_at(0.0)], float)), 0.0
    while now < seconds - 1e-9:
        motion.predict(step)
        now += step
        seen(motion, box_at(now))
    return motion


def steady(seconds):
    return round(100 + 40 * seconds), 50, 20, 60


def growing(seconds):
    return 100, 100 - round(40 * 1.3**seconds), 20, round(60 * 1.3**seconds)


def test_what_stands_is_predicted_to_stand():
    motion = follow(lambda _: (100, 50, 20, 60), 1.0)
    motion.predict(0.5)
    assert motion.rounded.tolist() == [[100, 50, 20, 60]]
    assert motion.velocity[0] == pytest.approx((0, 0), abs=1e-6)


def test_what_moves_is_predicted_to_move_on():
    motion = follow(steady, 2.0)
    assert motion.velocity[0, 0] == pytest.approx(40, rel=0.1)
    motion.predict(0.5)
    assert motion.box[0, 0] == pytest.approx(200, abs=5)


def test_what_grows_is_predicted_to_grow():
    motion = follow(growing, 2.0)
    before = motion.box[0, 3]
    motion.predict(0.5)
    assert motion.box[0, 3] > 1.08 * before


def test_swinging_arms_do_not_make_a_prediction_wider_and_wider():
    motion = follow(lambda t: (100, 50, 20 + round(20 * (t % 0.5)), 60), 2.0)
    width = motion.box[0, 2]
    motion.predict(0.5)
    assert motion.box[0, 2] == pytest.approx(width, rel=0.01)


def test_a_cut_box_counts_for_less():
    free, cut = (follow(lambda _: (100, 50, 20, 60), 1.0) for _ in range(2))
    for motion, is_cut in ((free, False), (cut, True)):
        motion.predict(0.1)
        seen(motion, (110, 50, 20, 60), is_cut)
    assert 100 < cut.box[0, 0] < free.box[0, 0] < 110


def test_the_velocity_is_that_of_the_middle():
    motion = follow(lambda t: (100, 50 + round(20 * t), 20, 60), 2.0)
    assert motion.velocity[0, 1] == pytest.approx(20, rel=0.15)


def test_each_of_many_moves_as_it_does_alone():
    alone = [follow(box_at, 1.0) for box_at in (steady, growing)]
    together = alone[0].joined(alone[1])
    boxes, cut = (steady(1.2), (104, 50, 9, 61)), (False, True)
    for motion, box, is_cut in zip(alone, boxes, cut, strict=True):
        motion.predict(0.2)
        seen(motion, box, is_cut)
    together.predict(0.2)
    together.update(np.array(boxes, float), np.array(cut))
    for name, column in vars(together).items():
        assert np.array_equal(column, [getattr(motion, name)[0] for motion in alone]), name
