import pytest

from aim_ros.hazards.motion import Motion


def follow(box_at, seconds, step=0.1):
    """Show a motion the boxes of a function of time."""
    motion, now = Motion(box_at(0.0)), 0.0
    while now < seconds - 1e-9:
        motion.predict(step)
        now += step
        motion.update(box_at(now))
    return motion


def steady(seconds):
    return round(100 + 40 * seconds), 50, 20, 60


def test_what_stands_is_predicted_to_stand():
    motion = follow(lambda _: (100, 50, 20, 60), 1.0)
    motion.predict(0.5)
    assert motion.rounded == (100, 50, 20, 60)
    assert motion.velocity == pytest.approx((0, 0), abs=1e-6)


def test_what_moves_is_predicted_to_move_on():
    motion = follow(steady, 2.0)
    assert motion.velocity[0] == pytest.approx(40, rel=0.1)
    motion.predict(0.5)
    assert motion.box[0] == pytest.approx(200, abs=5)


def test_what_grows_is_predicted_to_grow():
    motion = follow(lambda t: (100, 100 - round(40 * 1.3**t), 20, round(60 * 1.3**t)), 2.0)
    before = motion.height
    motion.predict(0.5)
    assert motion.height > 1.08 * before


def test_swinging_arms_do_not_make_a_prediction_wider_and_wider():
    motion = follow(lambda t: (100, 50, 20 + round(20 * (t % 0.5)), 60), 2.0)
    width = motion.box[2]
    motion.predict(0.5)
    assert motion.box[2] == pytest.approx(width, rel=0.01)


def test_a_cut_box_counts_for_less():
    free, cut = (follow(lambda _: (100, 50, 20, 60), 1.0) for _ in range(2))
    for motion, is_cut in ((free, False), (cut, True)):
        motion.predict(0.1)
        motion.update((110, 50, 20, 60), is_cut)
    assert 100 < cut.box[0] < free.box[0] < 110


def test_the_velocity_is_that_of_the_middle():
    motion = follow(lambda t: (100, 50 + round(20 * t), 20, 60), 2.0)
    assert motion.velocity[1] == pytest.approx(20, rel=0.15)
