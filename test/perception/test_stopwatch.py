import torch

from aim_ros.perception.stopwatch import Stopwatch


def test_a_stage_lasts_from_the_end_of_the_one_before(monkeypatch):
    times = iter((1.0, 1.5, 3.5, 3.75))
    monkeypatch.setattr('time.perf_counter', lambda: next(times))
    watch = Stopwatch(torch.device('cpu'))
    for stage in ('network', 'decode', 'network'):
        watch.lap(stage)
    assert watch.laps() == {'network': 250.0, 'decode': 2000.0}
