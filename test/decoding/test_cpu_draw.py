"""The noise of the CPU's kernels: where it is drawn, and its mathematics."""

import numpy as np
import pytest

pytest.importorskip('numba', reason='the CPU kernel needs numba')

from aim_ros.decoding.cpu.confidence import exp
from aim_ros.decoding.cpu.draw import draw
from aim_ros.decoding.cpu.draw import draw_where_it_counts
from aim_ros.decoding.cpu.draw import log
from aim_ros.decoding.cpu.draw import philox
from aim_ros.decoding.cpu.draw import sine_and_cosine
from aim_ros.decoding.cpu.draw import uniform
from aim_ros.decoding.cpu.records import new_workspace
from aim_ros.decoding.cpu.records import Source
from aim_ros.modulation import FOCUS_STREAM
from aim_ros.modulation import LARGEST_DRAW
from aim_ros.modulation import philox4x32
from aim_ros.modulation import standard_normal_range

KEY = 0xFEDCBA9876543210
F32 = np.float32


def source(class_index):
    return Source(class_index, FOCUS_STREAM, np.uint32(KEY & 0xFFFFFFFF), np.uint32(KEY >> 32))


def drawn_noise(gaps, reach, row_pixel, runs):
    """Return the noise of pixels that lie `gaps` behind the best; NaN where none is drawn."""
    pixels = len(gaps)
    runs = np.array([(3, 0, 0, start, end) for start, end in runs], np.int32)
    draws = new_workspace(4, 1, pixels).draws
    draws.noise[:], draws.counts[:] = np.nan, 1
    draw_where_it_counts(
        -gaps, runs, F32(reach), F32(0), np.zeros(pixels, F32), np.uint64(row_pixel),
        source(3), draws)
    offset = row_pixel % 4
    return draws.noise[offset:offset + pixels]


@pytest.mark.parametrize('row_pixel', [0, 1, 2, 3, 2**34 + 5])
def test_noise_is_drawn_for_the_blocks_of_pixels_that_it_may_turn(row_pixel):
    pixels, turning = 200, [0, 17, 18, 90, 150, 199]
    gaps = np.full(pixels, 1.01, F32)
    gaps[turning] = 1
    noise = drawn_noise(gaps, 1, row_pixel, [(0, 100), (120, 151), (198, 200)])
    blocks = (row_pixel + np.arange(pixels)) // 4
    drawn = np.isin(blocks, blocks[turning])
    assert (~np.isnan(noise) == drawn).all()
    expected = standard_normal_range(row_pixel, pixels, 3, KEY, FOCUS_STREAM).numpy()
    np.testing.assert_allclose(noise[drawn], expected[drawn], rtol=0, atol=2e-6)


def test_no_noise_is_drawn_outside_the_runs():
    noise = drawn_noise(np.zeros(200, F32), 1, 0, [(8, 16), (100, 104)])
    assert np.flatnonzero(~np.isnan(noise)).tolist() == [*range(8, 16), *range(100, 104)]


# Mathematics


@pytest.mark.parametrize('key', [0, KEY, 2**64 - 1])
@pytest.mark.parametrize('index', [0, 11, 2**32 - 1])
def test_words_are_those_of_the_package_bit_for_bit(index, key):
    words = np.uint32
    for block in (0, 1, 2**32 - 1):
        counter = (block, 7, index, FOCUS_STREAM)
        given_words = philox(
            *map(words, counter), words(key & 0xFFFFFFFF), words(key >> 32))
        assert tuple(map(int, given_words)) == philox4x32(counter, key)


@pytest.mark.parametrize('start', [0, 4 * 10**6, 2**34 - 4])
def test_draws_are_those_of_the_package(start):
    count = 1_000_000
    out = np.empty(count, F32)
    draw(np.uint64(start // 4), np.arange(count // 4, dtype=np.uint32), source(11), out)
    expected = standard_normal_range(start, count, 11, KEY, FOCUS_STREAM).numpy()
    np.testing.assert_allclose(out, expected, rtol=0, atol=2e-6)
    assert np.abs(out).max() <= LARGEST_DRAW


def test_the_largest_and_the_smallest_draw():
    ends = np.array([uniform(np.uint32(word)) for word in (0, 2**32 - 1)], F32)
    assert ends.tolist() == [2.0**-33, 1.0]
    assert np.sqrt(F32(-2) * log(ends[0])) <= LARGEST_DRAW
    assert log(ends[1]) == 0


def test_functions_are_exact_to_a_few_units_in_the_last_place():
    unit = np.exp2(-np.linspace(0, 33, 5001)).astype(F32)
    logs = [log(x) for x in unit]
    np.testing.assert_allclose(logs, np.log(unit.astype(float)), rtol=3e-7, atol=1e-7)
    angles = np.linspace(0, 2 * np.pi, 5001).astype(F32)
    turned = np.array([sine_and_cosine(x) for x in angles])
    np.testing.assert_allclose(turned[:, 0], np.sin(angles.astype(float)), rtol=0, atol=2e-7)
    np.testing.assert_allclose(turned[:, 1], np.cos(angles.astype(float)), rtol=0, atol=2e-7)
    below = np.linspace(-86, 0, 5001).astype(F32)
    exps = [exp(x) for x in below]
    np.testing.assert_allclose(exps, np.exp(below.astype(float)), rtol=5e-7)
    assert 0 <= exp(F32(-1e30)) < 1e-37
    assert exp(F32(0)) == 1
