"""The loops that are compiled give the same where Numba is not installed."""

import builtins
from pathlib import Path
import subprocess
import sys

from hazard_scenes import region
import numpy as np
import pytest

from aim_ros import hazards
from aim_ros.hazards import assignment
from aim_ros.hazards import colours
from aim_ros.hazards import kernels
from aim_ros.hazards import pairs
from aim_ros.hazards import regions
from aim_ros.hazards import splitting
from aim_ros.hazards.components import Components
from aim_ros.hazards.contact import Approaches
from aim_ros.hazards.contact import Feet
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.motion import Motions
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.preparation import MODULES
from aim_ros.hazards.preparation import prepare
from aim_ros.hazards.tracks import Tracks
from aim_ros.segmentation.labels import CITYSCAPES

KERNELS = {
    f'{module.__name__.rpartition(".")[2]}.{name}': (module, name) for module in MODULES
    for name, function in vars(module).items()
    if hasattr(function, 'kernel') and function.__module__ == module.__name__}


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
                  Feet(1.65 * scale, 3.0, 1.0, step // 9), generator.uniform(0, 0.2, 8))
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
    """Return the colours of random crops of an image, and what is known after both."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (60, 40, 3), np.uint8)
    one, other = (colours.histogram(
        colours.Picture(image, (2, 1, 0)), generator.random((50, 20)) < share, (5, 5),
        (5.0, 50.0)) for share in (0.7, 0.2))
    return np.stack((one, other, colours.mixed(one, other, 0.3)))


def moves(seed):
    """Return where random boxes are predicted that are followed over some frames."""
    generator = np.random.default_rng(seed)
    boxes = generator.uniform((0, 0, 5, 10), (900, 300, 40, 90), (12, 4))
    motions, predicted = Motions.beginning_at(boxes), []
    for _ in range(8):
        motions.predict(0.1)
        predicted.append(motions.box.copy())
        boxes = boxes * generator.uniform(0.97, 1.05, boxes.shape)
        motions.update(boxes, generator.random(12) < 0.3)
    return np.array(predicted)


def crowd(generator, count):
    """Return regions at random, many of them close to others."""
    boxes = generator.integers((0, 0, 6, 12), (300, 40, 14, 40), (count, 4))
    return [region(tuple(box)) for box in boxes.tolist()]


def pairings(seed):
    """Return which regions are assigned to which tracks of a crowd."""
    generator = np.random.default_rng(seed)
    seen, shown = crowd(generator, 40), crowd(generator, 50)
    tracks = Tracks.beginning_with(
        range(40), seen, regions.boxes_of(seen), [0] * 40, [0] * 40)
    tracks.raised = generator.random(40) < 0.5
    return np.concatenate(assignment.assign(tracks, np.arange(40), shown, 100_000_000))


def wholes(seed):
    """Return the boxes, areas and probabilities of random components that came together."""
    generator = np.random.default_rng(seed)
    count = 30
    parts = generator.integers(0, 9, (count, 8))
    found = Components(
        np.ones(count, int), generator.integers(1, 40, (count, 4)), parts.sum(1) + 1, parts,
        *generator.integers(0, 9, (2, count)), *generator.random((2, count)))
    # Strided, as from a list of pairs.
    found = regions._sum_up(found, *generator.integers(0, count, (18, 2)).T)
    return np.concatenate([np.ravel(values) for values in found])


def heads(seed):
    """Return the heads of random outlines, and these, smoothed."""
    generator, found = np.random.default_rng(seed), []
    for _ in range(8):
        heights = np.repeat(generator.integers(0, 40, 15), generator.integers(1, 7, 15))
        bodies = np.arange(40)[:, None] >= 40 - heights
        found += splitting.find_heads(bodies, splitting.STRANGERS)
    return np.concatenate(found)


def what_is_below(seed):
    """Return which random boxes stand on vehicles."""
    ids = np.random.default_rng(seed).choice((0, 13), (60, 80)).astype(np.uint8)
    boxes = np.random.default_rng(seed + 9).integers((0, 0, 1, 1), (79, 58, 30, 30), (40, 4))
    boxes = boxes.astype(float)
    return Pixels(ids, ids, RoadUserClasses.of(CITYSCAPES), (11,)).stand_on_vehicles(boxes)


COMPUTED = (approaches, meetings, sets, clothes, moves, pairings, wholes, heads, what_is_below)


@pytest.mark.usefixtures('numba')
@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('compute', COMPUTED)
def test_python_gives_what_numba_does(compute, seed, monkeypatch):
    compiled = compute(seed)
    assert np.isfinite(compiled).sum() > 10
    for module, name in KERNELS.values():
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


def test_all_that_is_compiled_at_its_first_call_is_prepared():
    named = {path.stem for path in Path(hazards.__path__[0]).glob('*.py')
             if '@compiled_at_first_call' in path.read_text()}
    assert named == {key.partition('.')[0] for key in KERNELS}
    assert len(KERNELS) >= 18


@pytest.mark.usefixtures('numba')
def test_what_is_prepared_is_compiled_once_and_for_all(monkeypatch):
    """Whoever drives does not wait for a compiler."""
    fresh = {key: kernels.compiled_at_first_call(getattr(module, name).__wrapped__)
             for key, (module, name) in KERNELS.items()}
    for key, (module, name) in KERNELS.items():
        for user in MODULES:
            # Also where it was imported by its name.
            if getattr(user, name, None) is getattr(module, name):
                monkeypatch.setattr(user, name, fresh[key])
    prepare()
    # Masks of more than 256 classes are of another type.
    prepared = dict.fromkeys(KERNELS, 1) | {'pixels._stand_on': 2}
    assert {key: len(call.kernel().signatures) for key, call in fresh.items()} == prepared
    for seed in range(2):
        for compute in COMPUTED:
            compute(seed)
    grey = colours.Picture(np.zeros((60, 40, 1), np.uint8), (0, 0, 0))
    grey.image.flags.writeable = False
    colours.histogram(grey, np.ones((60, 40), bool), (0, 0), (5.0, 50.0))
    assert {key: len(call.kernel().signatures) for key, call in fresh.items()} == prepared


@pytest.mark.usefixtures('numba')
def test_numba_is_imported_with_the_first_call_alone():
    code = ('import sys; import aim_ros.hazards.monitor; assert "numba" not in sys.modules; '
            'from aim_ros.hazards import pairs; pairs.prepare(); assert "numba" in sys.modules')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=300)
