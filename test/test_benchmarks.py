"""The benchmarks start: none is run here, but each is kept up with what it measures."""

from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import replace
import importlib
import json
from pathlib import Path

import pytest
from rich.progress import Progress
from train_extra import skip_where_missing

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / 'benchmarks').glob('[!_]*.py'))
NEEDS_ROS = ('contention', 'node')


@pytest.mark.parametrize('name', NAMES)
def test_a_benchmark_explains_itself(name, monkeypatch, capsys):
    if name in NEEDS_ROS:
        pytest.importorskip('rclpy', reason='rclpy is not installed')
    if name == 'training':
        skip_where_missing('kornia')
    monkeypatch.syspath_prepend(str(ROOT))
    main = importlib.import_module(f'benchmarks.{name}').main
    monkeypatch.setattr('sys.argv', [name, '--help'])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert 'usage:' in capsys.readouterr().out


@pytest.fixture
def pipeline(monkeypatch):
    """The benchmark of whole frames, which leaves this process's memory as it is."""
    monkeypatch.syspath_prepend(str(ROOT))
    pipeline = importlib.import_module('benchmarks.pipeline')
    monkeypatch.setattr(pipeline, 'keep_freed_memory', lambda: None)
    monkeypatch.setattr(pipeline, 'disable_progress_bar', lambda: None)
    return pipeline


class Clock:
    """Seconds that pass when a case spends them."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr('time.monotonic', lambda: self.now)

    def spend(self, load, budget) -> tuple[float, ...]:
        """Let a case pass; return the times of its rounds."""
        call = 0.2 * load.calls
        self.now += 0.5 * load.loading + 2 * call
        rounds, end = 0, self.now + budget.seconds()
        while rounds < 15 and (rounds < 3 or self.now <= end):
            self.now += call
            rounds += 1
        self.now += call
        return (call,) * rounds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_a_budget_knows_from_the_cases_before_what_the_next_one_takes(monkeypatch, clock):
    monkeypatch.syspath_prepend(str(ROOT))
    budgets = importlib.import_module('benchmarks._budget')
    small, large = budgets.Load(1, 1), budgets.Load(2, 10)
    budget = budgets.Budget(Progress(disable=True), cases=4, minutes=2, seconds=None)
    assert budget.seconds() == 120 / 4 / 2
    # As long as nothing is known, there is only one way to learn it.
    assert budget.fits(large)
    budget.begin('a case', small)
    clock.now += 10
    budget.end({'ours': budgets.Timing((1.0, 1.0, 1.0))})
    assert budget.seconds() == 110 / 3 / 2
    # 7 s of loading for each unit, and 6 calls of 1 s.
    assert budget.fits(large)
    clock.now += 110 - (2 * 7 + 6 * 10)
    assert not budget.fits(large)
    assert budget.fits(small)


def test_a_run_begins_nothing_that_its_time_does_not_hold_and_names_it(
        pipeline, clock, monkeypatch, capsys):
    def frame(setting, models, options, device, budget):
        seconds = clock.spend(setting.load, budget)
        return pipeline.Case(str(setting), {'ours': pipeline.Timing(seconds)})

    def cameras(setting, *arguments):
        return frame(setting, None, None, None, arguments[-1])

    monkeypatch.setattr(pipeline, 'frame_case', frame)
    monkeypatch.setattr(pipeline, 'camera_case', cameras)
    monkeypatch.setattr(pipeline, 'busy_case', cameras)
    begun = clock.now
    assert pipeline.main(['--all', '--minutes', '6']) == 0
    assert clock.now - begun <= 6 * 60
    output = capsys.readouterr().out
    left_out = {name for name in map(str, pipeline.ALL) if f'{name}: left out' in output}
    assert left_out
    assert len(left_out) < len(pipeline.ALL)
    for name in map(str, pipeline.ALL):
        assert (f'{name}\n    ours: ' in output) == (name not in left_out)


def test_what_was_timed_before_a_case_failed_is_reported(pipeline, monkeypatch, capsys, tmp_path):
    def frame(setting, *_):
        if setting == pipeline.QUICK[1]:
            raise RuntimeError('no memory is left')
        return pipeline.Case('the first', {'ours': pipeline.Timing((0.25,))})

    monkeypatch.setattr(pipeline, 'frame_case', frame)
    file = tmp_path / 'figures.json'
    with pytest.raises(RuntimeError, match='no memory'):
        pipeline.main(['--json', str(file)])
    case, = json.loads(file.read_text())['cases']
    assert (case['name'], case['timings']['ours']['median_ms']) == ('the first', 250.0)
    assert '250.00' in capsys.readouterr().out


def test_a_setting_that_there_is_none_of_is_refused(pipeline, capsys):
    with pytest.raises(SystemExit):
        pipeline.main(['--settings', '0', '4'])
    assert 'numbers from 0 to 3, with --all to 11; got 0 4' in capsys.readouterr().err


def test_what_is_wanted_alone_is_timed_alone(pipeline, monkeypatch, capsys):
    timed = []

    def case(kind):
        def time(*_):
            timed.append(kind)
            return pipeline.Case(kind, {'ours': pipeline.Timing((0.25,))})
        return time

    for kind in ('frame', 'camera', 'busy'):
        monkeypatch.setattr(pipeline, f'{kind}_case', case(kind))
    assert pipeline.main(['--only', 'busy']) == 0
    assert timed == ['busy']
    assert pipeline.main(['--settings', '0', '--only', 'frame', 'cameras']) == 0
    assert timed == ['busy', 'frame', 'camera']


def test_the_input_of_the_network_can_be_chosen(pipeline, monkeypatch, capsys):
    timed = []

    def case(setting, *_):
        timed.append(setting)
        return pipeline.Case('frame', {'ours': pipeline.Timing((0.25,))})

    monkeypatch.setattr(pipeline, 'frame_case', case)
    assert pipeline.main(['--settings', '0', '--only', 'frame', '--input', '256', '832']) == 0
    assert timed == [replace(pipeline.QUICK[0], network=(256, 832))]


@pytest.fixture
def default_torch(monkeypatch):
    """The module of what runs on torch as it is by default."""
    monkeypatch.syspath_prepend(str(ROOT))
    module = importlib.import_module('benchmarks._default_torch')
    monkeypatch.setenv('GOMP_SPINCOUNT', '7')
    monkeypatch.setenv('OMP_WAIT_POLICY', 'passive')
    return module


SAYS_HOW_IT_STARTS = """
import os
import sys

class EndAtTorch:
    def find_spec(self, name, path=None, target=None):
        if name == 'torch':
            own = sorted({'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & set(os.environ))
            print([len(own), 0], flush=True)
            os._exit(0)

sys.meta_path.insert(0, EndAtTorch())
"""


def test_torch_by_default_is_imported_where_nothing_says_how_its_threads_wait(
        default_torch, monkeypatch):
    models = importlib.import_module('benchmarks._models')
    monkeypatch.setattr(default_torch, 'PROGRAM', SAYS_HOW_IT_STARTS + default_torch.PROGRAM)
    with default_torch.default_torch('a model', models.QUICK[0], None) as candidate:
        candidate()
        assert candidate.timing(default_torch.Timing((9.0,))).seconds == (0,)
        with pytest.raises(RuntimeError, match='has ended'):
            candidate()


def test_a_turn_in_another_process_counts_as_it_measured_it(default_torch, monkeypatch):
    models = importlib.import_module('benchmarks._models')
    monkeypatch.setattr(default_torch, 'PROGRAM', """
import sys
for count, _ in enumerate(sys.stdin):
    print([count, 2 * count], flush=True)
""")
    with default_torch.default_torch('a model', models.QUICK[0], 1) as candidate:
        for _ in range(4):
            candidate()
        timing = candidate.timing(default_torch.Timing((9.0, 9.0), cpu_seconds=(0.0, 0.0)))
    assert timing == default_torch.Timing((2, 3), cpu_seconds=(4, 6))


def test_each_model_is_loaded_when_it_is_asked_for_and_once(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    candidates = importlib.import_module('benchmarks._candidates')
    models = importlib.import_module('benchmarks._models')
    log = []

    @contextmanager
    def checkpoint(setting):
        log.append(f'load {setting.model} {setting.classes}')
        yield f'{setting.model}-{setting.classes}'
        log.append('end')

    monkeypatch.setattr(candidates, 'checkpoint', checkpoint)
    monkeypatch.setattr(candidates, 'Recipe', lambda model, device: f'recipe of {model}')
    with ExitStack() as stack:
        present = candidates.Models(stack, 'cpu')
        assert not log
        for setting in models.ALL[:4]:
            present.of(setting)
        assert present.of(models.ALL[3]) == ('b0-150', 'recipe of b0-150')
        assert log == ['load b0 19', 'end', 'load b0 150']
    assert log[-1] == 'end'
