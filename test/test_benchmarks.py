"""The benchmarks start: none is run here, but each is kept up with what it measures."""

import importlib
from pathlib import Path

import pytest
from rich.progress import Progress

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / 'benchmarks').glob('[!_]*.py'))
NEEDS_ROS = ('contention', 'node')


@pytest.mark.parametrize('name', NAMES)
def test_a_benchmark_explains_itself(name, monkeypatch, capsys):
    if name in NEEDS_ROS:
        pytest.importorskip('rclpy', reason='rclpy is not installed')
    monkeypatch.syspath_prepend(str(ROOT))
    main = importlib.import_module(f'benchmarks.{name}').main
    monkeypatch.setattr('sys.argv', [name, '--help'])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert 'usage:' in capsys.readouterr().out


def test_a_benchmark_begins_no_case_that_does_not_fit_its_time(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    pipeline = importlib.import_module('benchmarks.pipeline')
    now = 1000.0
    monkeypatch.setattr('time.monotonic', lambda: now)
    budget = pipeline.Budget(Progress(disable=True), cases=4, minutes=2, seconds=None)
    assert budget.seconds() == 120 / 4 / 2
    for seconds in (10, 50):
        assert not budget.is_over
        budget.begin('a case')
        now += seconds
        budget.end()
    assert budget.seconds() == 60 / 2 / 2
    assert not budget.is_over
    budget.begin('a case')
    now += 11
    budget.end()
    assert budget.is_over
