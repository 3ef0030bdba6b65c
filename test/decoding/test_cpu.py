"""The CPU's kernel: its mathematics, what it rules out, and that threads leave no trace."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

pytest.importorskip('numba', reason='the CPU kernel needs numba')

from decode_checks import assert_by_brute_force
from decode_checks import scores_of

from aim_ros.decoding import cpu as decode_cpu
from aim_ros.decoding import decode as decode_module
from aim_ros.decoding.decode import decode
from aim_ros.modulation import expected_shift
from aim_ros.modulation import FOCUS_STREAM
from aim_ros.modulation import LARGEST_DRAW
from aim_ros.modulation import Modulation
from aim_ros.modulation import philox4x32
from aim_ros.modulation import standard_normal_range

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
    right = decode_cpu._fill_rows

    def wrong(logits, *arguments):
        leader = torch.from_numpy(logits).mean((1, 2)).argmax()
        logits = logits.copy()
        logits[leader] += 0.5
        return right(logits, *arguments)

    monkeypatch.setattr(decode_cpu, '_fill_rows', wrong)
    with pytest.raises(AssertionError):
        assert_by_brute_force(logits, (60, 60), modulation, key=KEY)


@pytest.mark.parametrize('offset', [1.0, -300.0, 1e4])
def test_rounding_rules_no_winner_out(offset):
    """Where classes differ by rounding alone, the winner is still that of all classes."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-9, 10, (40, 6, 9), generator=generator) * 2.0**-20
    logits = logits * abs(offset) + offset
    _, rows, down = decode_cpu._axis(6, 50)
    _, cells, across = decode_cpu._axis(9, 70)
    values = np.empty((40, 50, 70), F32)
    corners = np.empty((2, 9), F32)
    run = np.array([0, 0, 9, 0, 70], np.int32)
    for c in range(40):
        for y in range(50):
            decode_cpu._interpolate(
                logits.numpy(), c, int(rows[y]), down[y], run, cells, across, corners,
                values[c, y])
    assert len(np.unique(values.argmax(0))) > 20
    decoded = decode(logits, (50, 70), Modulation())
    assert (decoded.base.numpy() == values.argmax(0)).all()


# What is ruled out


def kept_classes(logits, size, modulation):
    """Return a bool array (C, H, W): the classes that the bounds leave at each pixel."""
    classes, height, width = logits.shape
    highs = np.empty((classes, width), F32)
    floors = np.empty((5, width), F32)
    kept = np.empty(((classes + 63) // 64, width), np.uint64)
    signs = np.zeros(classes, np.int8)
    for target, sign in modulation.signs:
        signs[target] = sign
    pixel = modulation.sampling == 'pixel'
    shift = F32(expected_shift(modulation.sigma))
    reach = F32(modulation.sigma * LARGEST_DRAW) if pixel else shift
    _, cells_y, _ = decode_cpu._axis(height, size[0])
    _, cells_x, _ = decode_cpu._axis(width, size[1])
    table = np.empty((classes, height, width), bool)
    for row in range(height):
        decode_cpu._rule_out(
            logits.numpy(), row, signs, not pixel, shift, reach,
            F32(2 * LARGEST_DRAW * modulation.utility_sigma), highs, floors, kept)
        for c in range(classes):
            table[c, row] = kept[c // 64] >> np.uint64(c % 64) & np.uint64(1)
    return table[:, cells_y][:, :, cells_x]


@pytest.mark.parametrize('classes', [19, 150])
@pytest.mark.parametrize('modulation', [
    Modulation(), Modulation(((1, 1), (2, -1), (5, -1)), 0.3),
    Modulation(((1, 1), (2, -1), (5, -1)), 0.1, 'pixel'),
    Modulation(((1, 1),), 0.05, 'pixel', utility_sigma=0.05)])
def test_winners_stay_and_most_others_go(modulation, classes):
    generator = torch.Generator().manual_seed(1)
    logits = (3 * torch.randn(classes, 1, 1, generator=generator)
              + 0.5 * torch.randn(classes, 8, 12, generator=generator))
    kept = torch.from_numpy(kept_classes(logits, (60, 90), modulation))
    for score in scores_of(logits, (60, 90), modulation, KEY).values():
        assert kept.gather(0, score.argmax(0)[None]).all()
    assert kept.float().sum(0).mean() < classes / 4


def test_a_suppressed_class_rules_nobody_out():
    """Class 0 leads everywhere by 2, but its noise may take more than that."""
    logits = torch.zeros(5, 4, 4)
    logits[0] = 2
    assert not kept_classes(logits, (8, 8), Modulation())[1:].any()
    assert kept_classes(logits, (8, 8), Modulation(((0, -1),), 1.0, 'pixel')).all()
    # The expected shift is known: 0.4 leaves it the lead.
    assert not kept_classes(logits, (8, 8), Modulation(((0, -1),), 0.5))[1:].any()


def test_a_target_stays_as_far_as_its_largest_draw_reaches():
    logits = torch.zeros(5, 4, 4)
    logits[0] = 6.7
    assert kept_classes(logits, (8, 8), Modulation(((3, 1),), 1.0, 'pixel'))[3].all()
    logits[0] = 6.8
    assert not kept_classes(logits, (8, 8), Modulation(((3, 1),), 1.0, 'pixel'))[3].any()


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
    one = decode_cpu._scratch(150, 160, 1242)
    assert decode_cpu._scratch(150, 160, 1242) is one
    assert sum(array.nbytes for array in one) * 100 < 150 * 1242 * 375 * 4
    for columns in range(2 * decode_cpu._SCRATCH_SHAPES):
        decode_cpu._scratch(2, 2, columns + 1)
    assert len(decode_cpu._local.scratch) == decode_cpu._SCRATCH_SHAPES


# Noise


@pytest.mark.parametrize('modulation', [
    Modulation(((2, 1), (5, -1), (7, 1)), 0.3, 'pixel'), Modulation(utility_sigma=0.1),
    Modulation(((2, 1), (5, -1)), 0.3, 'pixel', utility_sigma=0.1)])
@pytest.mark.parametrize('kind', ['close', 'clear'])
def test_where_no_noise_is_drawn_any_draw_would_do(modulation, kind, threads):
    threads(1)
    logits, size = make_logits(19, (9, 13), kind, torch.float32, seed=4), (70, 101)
    results = []
    for draw in (0, LARGEST_DRAW, -LARGEST_DRAW):
        noise = decode_cpu._scratch(19, 13, 101)[_NOISE]
        noise[:] = draw
        results.append(decode(logits, size, modulation, key=KEY, confidence=True))
    for other in results[1:]:
        assert_same(results[0], other)


_NOISE = 8
"""Where `_scratch` has the noise."""


def draw_where_it_counts(gaps, reach, row_pixel, runs):
    """Return the noise of pixels that lie `gaps` behind the best; NaN where none is drawn."""
    words = np.array([KEY & 0xFFFFFFFF, KEY >> 32], np.uint32)
    pixels = len(gaps)
    noise = np.full(pixels + 8, np.nan, F32)
    runs = np.array([(3, 0, 0, start, end) for start, end in runs], np.int32)
    decode_cpu._draw_where_it_counts(
        -gaps, runs, F32(reach), F32(0), np.zeros(pixels, F32), np.uint64(row_pixel), 3,
        FOCUS_STREAM, words, np.ones(pixels + 8 & ~3, np.uint8), np.empty(pixels, np.uint32),
        np.empty(4 * pixels, F32), noise)
    offset = row_pixel % 4
    return noise[offset:offset + pixels]


@pytest.mark.parametrize('row_pixel', [0, 1, 2, 3, 2**34 + 5])
def test_noise_is_drawn_for_the_blocks_of_pixels_that_it_may_turn(row_pixel):
    pixels, turning = 200, [0, 17, 18, 90, 150, 199]
    gaps = np.full(pixels, 1.01, F32)
    gaps[turning] = 1
    noise = draw_where_it_counts(gaps, 1, row_pixel, [(0, 100), (120, 151), (198, 200)])
    blocks = (row_pixel + np.arange(pixels)) // 4
    drawn = np.isin(blocks, blocks[turning])
    assert (~np.isnan(noise) == drawn).all()
    expected = standard_normal_range(row_pixel, pixels, 3, KEY, FOCUS_STREAM).numpy()
    np.testing.assert_allclose(noise[drawn], expected[drawn], rtol=0, atol=2e-6)


def test_no_noise_is_drawn_outside_the_runs():
    noise = draw_where_it_counts(np.zeros(200, F32), 1, 0, [(8, 16), (100, 104)])
    assert np.flatnonzero(~np.isnan(noise)).tolist() == [*range(8, 16), *range(100, 104)]


# Compilation


def test_loops_know_that_pixels_lie_side_by_side():
    """Arrays of unknown stride make no vector code, which costs several times the time."""
    decode(torch.zeros(19, 2, 2), (4, 4), MODULATIONS[-1], confidence=True)
    for function in ('_fill_rows', '_rule_out', '_bound_row', '_list_runs', '_interpolate',
                     '_challenge', '_draw_where_it_counts', '_add_noise', '_draw', '_confide'):
        for signature in getattr(decode_cpu, function).signatures:
            layouts = {kind.layout for kind in signature if hasattr(kind, 'layout')}
            assert layouts == {'C'}, function


# Mathematics


@pytest.mark.parametrize('key', [0, KEY, 2**64 - 1])
@pytest.mark.parametrize('index', [0, 11, 2**32 - 1])
def test_words_are_those_of_the_package_bit_for_bit(index, key):
    words = decode_cpu.u32
    for block in (0, 1, 2**32 - 1):
        counter = (block, 7, index, FOCUS_STREAM)
        given_words = decode_cpu._philox(
            *map(words, counter), words(key & 0xFFFFFFFF), words(key >> 32))
        assert tuple(map(int, given_words)) == philox4x32(counter, key)


@pytest.mark.parametrize('start', [0, 4 * 10**6, 2**34 - 4])
def test_draws_are_those_of_the_package(start):
    count = 1_000_000
    out = np.empty(count, F32)
    words = np.array([KEY & 0xFFFFFFFF, KEY >> 32], np.uint32)
    decode_cpu._draw(np.uint64(start // 4), np.arange(count // 4, dtype=np.uint32), 11,
                     FOCUS_STREAM, words, out)
    expected = standard_normal_range(start, count, 11, KEY, FOCUS_STREAM).numpy()
    np.testing.assert_allclose(out, expected, rtol=0, atol=2e-6)
    assert np.abs(out).max() <= LARGEST_DRAW


def test_the_largest_and_the_smallest_draw():
    uniform = np.array([decode_cpu._uniform(np.uint32(word)) for word in (0, 2**32 - 1)], F32)
    assert uniform.tolist() == [2.0**-33, 1.0]
    assert np.sqrt(F32(-2) * decode_cpu._log(uniform[0])) <= LARGEST_DRAW
    assert decode_cpu._log(uniform[1]) == 0


def test_functions_are_exact_to_a_few_units_in_the_last_place():
    unit = np.exp2(-np.linspace(0, 33, 5001)).astype(F32)
    logs = [decode_cpu._log(x) for x in unit]
    np.testing.assert_allclose(logs, np.log(unit.astype(float)), rtol=3e-7, atol=1e-7)
    angles = np.linspace(0, 2 * np.pi, 5001).astype(F32)
    turned = np.array([decode_cpu._sine_and_cosine(x) for x in angles])
    np.testing.assert_allclose(turned[:, 0], np.sin(angles.astype(float)), rtol=0, atol=2e-7)
    np.testing.assert_allclose(turned[:, 1], np.cos(angles.astype(float)), rtol=0, atol=2e-7)
    below = np.linspace(-86, 0, 5001).astype(F32)
    exps = [decode_cpu._exp(x) for x in below]
    np.testing.assert_allclose(exps, np.exp(below.astype(float)), rtol=5e-7)
    assert 0 <= decode_cpu._exp(F32(-1e30)) < 1e-37
    assert decode_cpu._exp(F32(0)) == 1
