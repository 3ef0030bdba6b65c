"""Whatever stamps and sizes a stream has, who is seen in every frame is alerted."""

from hazard_scenes import AHEAD
from hazard_scenes import ASIDE
from hazard_scenes import Camera
from hazard_scenes import SIZE
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from aim_ros.hazards.alerts import Level
from aim_ros.perception.stamp_clock import StampClock

PERIOD = 0.1
START = 1.7e9
STAMPS = st.one_of(
    st.just(0.0), st.floats(-5, 5), st.floats(START - 1e4, START + 1e4), st.just(START),
    st.floats(-2.1e9, 4e9))
SIZES = st.sampled_from([SIZE, (50, 100), (200, 400), (99, 201), (150, 200)])


class Stream:
    """A camera whose frames show somebody, received at a steady rate."""

    def __init__(self):
        self.clock, self.camera = StampClock(), Camera()
        self.received = 0.0

    def see(self, box, stamp, size, gap=PERIOD):
        self.received += gap
        now = self.clock.time_ns(round(stamp * 1e9), round(self.received * 1e9), 500_000_000)
        scaled = (round(box[0] * size[1] / SIZE[1]), round(box[1] * size[0] / SIZE[0]),
                  round(box[2] * size[1] / SIZE[1]), round(box[3] * size[0] / SIZE[0]))
        return self.camera.see(now / 1e9, scaled, size=size)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STAMPS, SIZES, st.sampled_from([0.0, PERIOD, 1.0, 7200.0])),
                max_size=30))
def test_after_any_disorder_alerts_come_again(frames):
    stream = Stream()
    for stamp, size, gap in frames:
        stream.see(ASIDE, stamp, size, gap)
    # Clocks that were apart are remembered for ten seconds.
    reports = [stream.see(ASIDE, 5e9 + PERIOD * step, SIZE) for step in range(12)]
    assert reports[-1].level == Level.WARN


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STAMPS, SIZES), min_size=3, max_size=30))
def test_who_is_near_and_ahead_is_an_error_in_every_frame(frames):
    stream = Stream()
    levels = [stream.see(AHEAD, stamp, size).level for stamp, size in frames]
    assert set(levels) == {Level.ERROR}
