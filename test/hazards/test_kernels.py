"""The loops that are compiled give the same where Numba is not installed."""

import builtins
import subprocess
import sys

import numpy as np
import pytest

from aim_ros.hazards import colours
from aim_ros.hazards import contact
from aim_ros.hazards import kernels
from aim_ros.hazards import pairs
from aim_ros.hazards.contact import Approaches
from aim_ros.hazards.contact import Feet


@pytest.fixture
def numba():
    """The compiler."""
    return pytest.importorskip('numba', reason='nothing is compiled without numba')


def approaches(seed):
    """Return the times to contact of a crowd, and their errors, over some frames."""
    generator, table, told = np.random.default_rng(seed), Approaches.unknown(8), []
    distance, speed = generator.uniform(8, 30, 8), generator.uniform(-1, 9, 8)
    for step in range(12):
        scale = 720 / np.maximum(distance - speed * step / 10, 1)
        table.add(step / 10, 1.7 * scale + generator.normal(0, 1, 8), generator.random(8) < 0.95,
                  Feet(1.65 * scale, 3.0, 1.0, step // 9))
        told.append(table.times_to_contact(step / 10))
    return np.array(told)


def meetings(seed):
    """Return which of random boxes meet, as indices, and how many do."""
    generator = np.random.default_rng(seed)
    a, b = (generator.integers((0, 0, 1, 1), (90, 90, 30, 30), (count, 4)) for count in (30, 40))
    return np.concatenate(pairs.neighbours(a, b))


def sets(seed):
    """Return to which sets random pairs connect things."""
    return pairs.connected(60, *np.random.default_rng(seed).integers(0, 60, (2, 25)))


def clothes(seed):
    """Return the colours of a random crop of an image."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (60, 40, 3), np.uint8)
    return colours.histogram(
        colours.Picture(image, (2, 1, 0)), generator.random((50, 20)) < 0.7, (5, 5), (5.0, 50.0))


@pytest.mark.usefixtures('numba')
@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize(('compute', 'module', 'names'), [
    (approaches, contact, ('_insert', '_rates', '_merged')), (meetings, pairs, ('_sweep',)),
    (sets, pairs, ('connected',)), (clothes, colours, ('_mean_of_bands',))])
def test_python_gives_what_numba_does(compute, module, names, seed, monkeypatch):
    compiled = compute(seed)
    assert np.isfinite(compiled).sum() > 10
    for name in names:
        monkeypatch.setattr(module, name, getattr(module, name).__wrapped__)
    np.testing.assert_allclose(compute(seed), compiled, rtol=1e-6)


@pytest.fixture
def without_numba(monkeypatch):
    """An installation in which Numba cannot be imported."""
    real = builtins.__import__

    def refuse(name, *rest, **options):
        if name == 'aim_ros.decoding.compilation':
            raise ImportError('No module named numba')
        return real(name, *rest, **options)

    kernels.compiler.cache_clear()
    monkeypatch.setattr(builtins, '__import__', refuse)
    yield
    monkeypatch.undo()
    kernels.compiler.cache_clear()


def test_without_numba_python_runs_them_and_one_warning_says_so(without_numba, caplog):
    twice, thrice = (kernels.compiled_at_first_call(lambda x, n=n: n * x) for n in (2, 3))
    assert (twice(2), thrice(2), twice(3)) == (4, 6, 6)
    assert len(caplog.records) == 1
    assert 'No module named numba' in caplog.text


@pytest.mark.usefixtures('numba')
def test_what_is_prepared_is_compiled_once_and_for_all(monkeypatch):
    """Whoever drives does not wait for a compiler."""
    found = {name: function for module in (colours, contact, pairs)
             for name, function in vars(module).items() if hasattr(function, 'kernel')}
    assert len(found) == 6
    fresh = {name: kernels.compiled_at_first_call(function.__wrapped__)
             for name, function in found.items()}
    for module in (colours, contact, pairs):
        for name in fresh.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, fresh[name])
    for module in (colours, contact, pairs):
        module.prepare()
    for seed in range(2):
        for compute in (approaches, meetings, sets, clothes):
            compute(seed)
    grey = colours.Picture(np.zeros((60, 40, 1), np.uint8), (0, 0, 0))
    grey.image.flags.writeable = False
    colours.histogram(grey, np.ones((50, 20), bool), (5, 5), (5.0, 50.0))
    assert {name: len(call.kernel().signatures) for name, call in fresh.items()} == dict.fromkeys(
        found, 1)


@pytest.mark.usefixtures('numba')
def test_numba_is_imported_with_the_first_call_alone():
    code = ('import sys; import aim_ros.hazards.monitor; assert "numba" not in sys.modules; '
            'from aim_ros.hazards import pairs; pairs.prepare(); assert "numba" in sys.modules')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=300)
