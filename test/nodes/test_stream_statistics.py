import pytest

from aim_ros.nodes.segmentation.stream_statistics import StreamStatistics

PERIOD_NS = 100_000_000


@pytest.fixture
def statistics(clock):
    return StreamStatistics(clock)


def test_silence_and_staleness_count_from_the_last_frame(statistics, clock):
    clock.now += 2
    assert statistics.silence() == statistics.staleness() == 2
    statistics.receive(1)
    clock.now += 0.5
    assert statistics.silence() == 0.5
    assert statistics.staleness() == 2.5
    statistics.answer({})
    assert statistics.staleness() == 0


def test_a_restart_forgets_by_how_much_the_stamps_were_ahead(statistics):
    for _ in range(3):
        statistics.answer({'capture_to_publish': -5000.0})
    assert statistics.ahead() == 5.0
    statistics.restart()
    assert statistics.ahead() == 0.0
    assert not any(key.startswith('capture_to_publish') for key in statistics.summary())


def test_restart_measures_anew(statistics, clock):
    statistics.receive(1)
    clock.now += 9
    statistics.restart()
    assert statistics.silence() == statistics.staleness() == 0


def test_rates_counts_and_percentiles(statistics, clock):
    for i in range(1, 11):
        clock.now += 0.1
        statistics.receive(i * PERIOD_NS)
        statistics.answer({'network': float(i)})
    statistics.replace()
    statistics.outdate()
    statistics.refuse()
    summary = statistics.summary()
    assert summary['input_hz'] == pytest.approx(10)
    assert summary['output_hz'] == pytest.approx(10)
    assert summary['frames_received'] == summary['frames_answered'] == 10
    assert summary['frames_replaced'] == summary['frames_outdated'] == 1
    assert summary['frames_refused'] == 1
    assert summary['network_ms_p50'] == pytest.approx(5.5)
    assert summary['network_ms_p95'] == pytest.approx(9.55)


def test_silence_counts_from_the_moment_of_matching(statistics, clock):
    clock.now += 6
    statistics.match(0)
    assert statistics.matched_for() == 0
    statistics.match(1)
    assert statistics.silence() == 0
    clock.now += 1.5
    statistics.match(2)
    assert statistics.silence() == statistics.matched_for() == 1.5
    statistics.receive(1)
    clock.now += 4
    statistics.match(0)
    assert statistics.silence() == 4
    statistics.match(1)
    assert statistics.silence() == 0


def jittered(share: float) -> list[float]:
    """Return steps around 1 that are off by up to `share`."""
    return [1 + share * (-1) ** i * (i % 7) / 6 for i in range(60)]


@pytest.mark.parametrize('steps', [
    pytest.param([1] * 60, id='even'),
    pytest.param(jittered(0.1), id='jitter of 10 %'),
    pytest.param([0.5, 1.5] * 30, id='uneven'),
    pytest.param([1] * 30 + [2] * 30, id='half the rate at dusk'),
    pytest.param([1, 2] * 30, id='every third is missing'),
    pytest.param([0] * 30 + [1e7] + [1] * 20, id='stamps of zero first'),
    pytest.param([1] * 20 + [-3600] + [1] * 20, id='clock set back'),
    pytest.param([1] * 20 + [3600] + [1] * 20, id='clock set forward'),
])
def test_no_stamp_accuses_the_transport(statistics, clock, steps):
    stamp = 0
    for step in steps:
        stamp += round(step * PERIOD_NS)
        statistics.receive(max(stamp, 0))
        clock.now += 0.1
        assert statistics.lost_share() == 0


def test_what_the_middleware_lost_is_reported_for_as_long_as_it_is_recent(statistics, clock):
    for i in range(40):
        clock.now += 0.1
        statistics.receive(i * PERIOD_NS)
        if i % 4 == 0:
            statistics.lose(2)
    assert statistics.count('lost') == statistics.summary()['frames_lost'] == 20
    assert statistics.lost_share() == pytest.approx(1 / 3)
    for i in range(40, 160):
        clock.now += 0.1
        statistics.receive(i * PERIOD_NS)
    assert statistics.lost_share() == 0


def test_a_frame_that_is_lost_now_and_then_is_no_trouble(statistics):
    for i in range(40):
        statistics.receive(i * PERIOD_NS)
    statistics.lose(4)
    assert statistics.lost_share() == 0
    assert statistics.count('lost') == 4


def test_the_steps_of_the_stamps_are_reported(statistics):
    for i in (0, 1, 2, 4):
        statistics.receive(i * PERIOD_NS)
    summary = statistics.summary()
    assert summary['stamp_step_ms_p50'] == pytest.approx(100)
    assert summary['stamp_step_ms_p95'] == pytest.approx(190)


def test_steps_back_are_counted_below_a_jump(statistics):
    for stamp in (10, 20, 19, 30, 25, 40, 2, 50):
        statistics.receive(stamp * PERIOD_NS)
    assert statistics.count('out_of_order') == 3
    assert statistics.jitter(1.0).startswith('2 of the last stamps step back, by up to 500.000 ms')


@pytest.mark.parametrize('stamp', [0, 77])
def test_stamps_that_stand_still_are_frozen(statistics, stamp):
    for _ in range(2):
        statistics.receive(stamp)
    assert not statistics.stamps_frozen()
    statistics.receive(stamp)
    assert statistics.stamps_frozen()
    statistics.receive(PERIOD_NS)
    assert not statistics.stamps_frozen()


def test_stamps_that_stand_still_after_a_good_start_are_frozen(statistics):
    for i in range(40):
        statistics.receive(min(i, 37) * PERIOD_NS)
    assert statistics.stamps_frozen()


def test_stamps_that_creep_stand_still(statistics, clock):
    for stamp in range(3):
        clock.now += 0.1
        statistics.receive(stamp)
    assert statistics.stamps_frozen()


def test_a_pause_of_the_camera_is_no_stamp_that_stands_still(statistics, clock):
    stamp = 0
    for pause in (0.1, 0.1, 60.0, 0.1):
        clock.now += pause
        stamp += PERIOD_NS
        statistics.receive(stamp)
        assert not statistics.stamps_frozen()
