"""The benchmarks start: none is run here, but each is kept up with what it measures."""

import importlib
from pathlib import Path

import pytest

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
