import pytest

from aim_ros.nodes.health import CameraHealth

PERIOD_NS = 100_000_000


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return CameraHealth(clock)


def test_silence_and_staleness_count_from_the_last_frame(health, clock):
    clock.now += 2
    assert health.silence() == health.staleness() == 2
    health.receive(1)
    clock.now += 0.5
    assert health.silence() == 0.5
    assert health.staleness() == 2.5
    health.answer({})
    assert health.staleness() == 0


def test_restart_measures_anew(health, clock):
    health.receive(1)
    clock.now += 9
    health.restart()
    assert health.silence() == health.staleness() == 0


def test_rates_counts_and_percentiles(health, clock):
    for i in range(1, 11):
        clock.now += 0.1
        health.receive(i * PERIOD_NS)
        health.answer({'network': float(i)})
    health.replace()
    health.refuse()
    summary = health.summary()
    assert summary['input_hz'] == pytest.approx(10)
    assert summary['output_hz'] == pytest.approx(10)
    assert summary['frames_received'] == summary['frames_answered'] == 10
    assert summary['frames_replaced'] == summary['frames_refused'] == 1
    assert summary['network_ms_p50'] == pytest.approx(5.5)
    assert summary['network_ms_p95'] == pytest.approx(9.55)


def test_a_regular_stream_misses_nothing(health):
    for i in range(20):
        health.receive(i * PERIOD_NS)
    assert health.missing_share() == 0


def test_every_third_frame_missing_is_a_third(health):
    for i in range(1, 60):
        if i % 3:
            health.receive(i * PERIOD_NS)
    assert health.missing_share() == pytest.approx(1 / 3, abs=0.03)


def test_a_gap_now_and_then_shows(health):
    for i in range(60):
        if i % 5:
            health.receive(i * PERIOD_NS)
    assert health.missing_share() == pytest.approx(0.2, abs=0.03)


def test_a_few_frames_tell_nothing(health):
    for i in (0, 1, 5, 9):
        health.receive(i * PERIOD_NS)
    assert health.missing_share() == 0


def test_a_backward_stamp_is_counted_and_no_gap(health):
    for i in (*range(10, 20), *range(10)):
        health.receive(i * PERIOD_NS)
    assert health.count('out_of_order') == 1
    assert health.missing_share() == 0


@pytest.mark.parametrize('stamp', [0, 77])
def test_stamps_that_stand_still_are_frozen(health, stamp):
    for _ in range(2):
        health.receive(stamp)
    assert not health.stamps_frozen()
    health.receive(stamp)
    assert health.stamps_frozen()
    assert health.missing_share() == 0
    health.receive(PERIOD_NS)
    assert not health.stamps_frozen()


def test_stamps_that_stand_still_after_a_good_start_are_frozen(health):
    for i in range(40):
        health.receive(min(i, 37) * PERIOD_NS)
    assert health.stamps_frozen()
