"""The CPU's kernels as one: decisions, threads and working memory."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

pytest.importorskip('numba', reason='the CPU kernel needs numba')

from decode_checks import assert_by_brute_force

from aim_ros.decoding import cpu as decode_cpu
from aim_ros.decoding import decode as decode_module
from aim_ros.decoding.cpu import bounds
from aim_ros.decoding.cpu import confidence
from aim_ros.decoding.cpu import draw
from aim_ros.decoding.cpu import entry
from aim_ros.decoding.cpu import rows
from aim_ros.decoding.cpu import upsample
from aim_ros.decoding.decode import decode
from aim_ros.decoding.grid import place_on_grid
from aim_ros.modulation import LARGEST_DRAW
from aim_ros.modulation import Modulation

KEY = 0xFEDCBA9876543210
F32 = np.float32


def test_the_kernel_is_what_decodes_on_the_cpu():
    assert decode_module._backend('cpu') is decode_cpu


# Against brute force


@st.composite
def modulations(draw, classes):
    targets = draw(st.lists(st.integers(0, classes - 1), max_size=5, unique=True))
    return Modulation(
        tuple((target, draw(st.sampled_from((1, -1)))) for target in targets),
        draw(st.sampled_from((0.0, 0.05, 0.5, 3.0, 40.0))),
        draw(st.sampled_from(('expected', 'pixel'))),
        draw(st.sampled_from((0.0, 0.0, 0.1, 1.0))))


def make_logits(classes, grid, kind, dtype, seed):
    """Logits with small gaps, with ties nearly everywhere, or smooth with a clear leader."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(classes, *grid, generator=generator)
    if kind == 'ties':
        logits = logits.round()
    elif kind == 'clear':
        logits = 0.1 * logits + 6 * torch.randn(classes, 1, 1, generator=generator)
    return (logits * (0.05 if kind == 'close' else 1)).to(dtype)


@settings(max_examples=150)
@given(data=st.data(), classes=st.one_of(st.integers(2, 70), st.sampled_from((128, 256, 300))))
def test_every_decision_is_that_of_brute_force(data, classes):
    side = st.integers(1, 9)
    size = (data.draw(st.integers(1, 40)), data.draw(st.integers(1, 60)))
    logits = make_logits(
        classes, (data.draw(side), data.draw(side)),
        data.draw(st.sampled_from(('close', 'ties', 'clear'))),
        data.draw(st.sampled_from((torch.float32, torch.float16, torch.bfloat16))),
        data.draw(st.integers(0, 2**32)))
    assert_by_brute_force(
        logits, size, data.draw(modulations(classes)), key=data.draw(st.integers(0, 2**64 - 1)),
        temperature=data.draw(st.sampled_from((0.5, 1.0, 3.0))))


@pytest.mark.parametrize('modulation', [
    Modulation(((1, 1), (2, -1)), 0.2), Modulation(((1, 1), (2, -1)), 0.2, 'pixel'),
    Modulation(((1, 1), (2, -1)), 0.2, 'pixel', utility_sigma=0.1)])
def test_the_check_can_fail(modulation, monkeypatch):
    """Bounds that are too tight by 0.5 must be noticed, or the tests above prove nothing."""
    logits = make_logits(19, (8, 8), 'close', torch.float32, seed=0)
    assert_by_brute_force(logits, (60, 60), modulation, key=KEY)
    right = entry.fill_rows

    def wrong(logits, *arguments):
        leader = torch.from_numpy(logits).mean((1, 2)).argmax()
        logits = logits.copy()
        logits[leader] += 0.5
        return right(logits, *arguments)

    monkeypatch.setattr(entry, 'fill_rows', wrong)
    with pytest.raises(AssertionError):
        assert_by_brute_force(logits, (60, 60), modulation, key=KEY)


@pytest.mark.parametrize('offset', [1.0, -300.0, 1e4])
def test_rounding_rules_no_winner_out(offset):
    """Where classes differ by rounding alone, the winner is still that of all classes."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-9, 10, (40, 6, 9), generator=generator) * 2.0**-20
    logits = logits * abs(offset) + offset
    grid, work = entry.grid_of(6, 9, 50, 70), entry.workspace(40, 9, 70)
    cells_of_rows, _ = place_on_grid(6, 50)
    values = np.empty((40, 50, 70), F32)
    for c in range(40):
        run = np.array([c, 0, 9, 0, 70], np.int32)
        for y in range(50):
            upsample.interpolate(
                logits.numpy(), int(cells_of_rows[y]), grid.row_weight[y], run, grid.cells,
                grid.columns, work.corners, values[c, y])
    assert len(np.unique(values.argmax(0))) > 20
    decoded = decode(logits, (50, 70), Modulation())
    assert (decoded.base.numpy() == values.argmax(0)).all()


# Threads and memory


MODULATIONS = [
    Modulation(), Modulation(((2, 1), (5, -1)), 0.3), Modulation(((2, 1), (5, -1)), 0.3, 'pixel'),
    Modulation(((2, 1), (5, -1)), 0.3, 'pixel', utility_sigma=0.2)]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def assert_same(one, other):
    for name in ('mask', 'base', 'focused', 'changed', 'confidence'):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize('modulation', MODULATIONS)
@pytest.mark.parametrize(('grid', 'size'), [((9, 13), (70, 101)), ((1, 13), (9, 40))])
def test_the_number_of_threads_changes_nothing(modulation, grid, size, threads):
    logits = make_logits(19, grid, 'close', torch.float32, seed=3)
    results = []
    for count in (1, 2, 3, 16):
        threads(count)
        results.append(decode(logits, size, modulation, key=KEY, confidence=True))
    for other in results[1:]:
        assert_same(results[0], other)


def test_callers_at_the_same_time_do_not_meet(threads):
    threads(2)
    frames = [make_logits(19 + i, (9, 13), 'close', torch.float32, seed=i) for i in range(4)]
    size, modulation = (70, 101), MODULATIONS[-1]
    alone = [decode(logits, size, modulation, key=KEY, confidence=True) for logits in frames]
    with ThreadPoolExecutor(4) as callers:
        for _ in range(5):
            together = list(callers.map(
                lambda logits: decode(logits, size, modulation, key=KEY, confidence=True),
                frames))
            for one, other in zip(alone, together, strict=True):
                assert_same(one, other)


def test_a_frame_leaves_the_last_one_as_it_was():
    frames = [make_logits(19, (9, 13), 'close', torch.float32, seed=seed) for seed in (0, 1)]
    first = decode(frames[0], (70, 101), MODULATIONS[-1], key=KEY, confidence=True)
    before = [getattr(first, name).clone() for name in ('mask', 'base', 'focused', 'confidence')]
    second = decode(frames[1], (70, 101), MODULATIONS[-1], key=KEY, confidence=True)
    assert not torch.equal(first.mask, second.mask)
    for name, copy in zip(('mask', 'base', 'focused', 'confidence'), before, strict=True):
        assert torch.equal(getattr(first, name), copy)


def test_working_memory_is_kept_and_far_smaller_than_the_upsampled_logits():
    one = entry.workspace(150, 160, 1242)
    assert entry.workspace(150, 160, 1242) is one
    arrays = [*one[:-1], *one.draws]
    assert sum(array.nbytes for array in arrays) * 100 < 150 * 1242 * 375 * 4
    latest = [entry.workspace(2, 2, columns + 1) for columns in range(entry.KEPT_SHAPES - 1)]
    assert entry.workspace(150, 160, 1242) is one  # and so the one used last
    entry.workspace(2, 2, entry.KEPT_SHAPES)
    assert entry.workspace(150, 160, 1242) is one
    assert entry.workspace(2, 2, entry.KEPT_SHAPES - 1) is latest[-1]
    assert entry.workspace(2, 2, 1) is not latest[0]


# Noise


@pytest.mark.parametrize('modulation', [
    Modulation(((2, 1), (5, -1), (7, 1)), 0.3, 'pixel'), Modulation(utility_sigma=0.1),
    Modulation(((2, 1), (5, -1)), 0.3, 'pixel', utility_sigma=0.1)])
@pytest.mark.parametrize('kind', ['close', 'clear'])
def test_where_no_noise_is_drawn_any_draw_would_do(modulation, kind, threads):
    threads(1)
    logits, size = make_logits(19, (9, 13), kind, torch.float32, seed=4), (70, 101)
    results = []
    for value in (0, LARGEST_DRAW, -LARGEST_DRAW):
        entry.workspace(19, 13, 101).draws.noise[:] = value
        results.append(decode(logits, size, modulation, key=KEY, confidence=True))
    for other in results[1:]:
        assert_same(results[0], other)


# Compilation


def test_loops_know_that_pixels_lie_side_by_side():
    """Arrays of unknown stride make no vector code, which costs several times the time."""
    decode(torch.zeros(19, 2, 2), (4, 4), MODULATIONS[-1], confidence=True)
    for module in (bounds, confidence, draw, rows, upsample):
        for name, function in vars(module).items():
            for signature in getattr(function, 'signatures', ()):
                assert layouts(signature) <= {'C'}, name
    assert layouts(rows.fill_rows.signatures[0]) == {'C'}


def layouts(kinds):
    """Return the layouts of all arrays among types, those in named tuples too."""
    found = set()
    for kind in kinds:
        found |= layouts(kind.types) if hasattr(kind, 'types') else {getattr(kind, 'layout', 'C')}
    return found
