"""
Decoding on the CPU: one pass over the grid of the logits, compiled by Numba.

The image falls into cells, the areas between four neighbouring points of the logit grid. A
bilinear value lies between its cell's corners, so bounds on the corners rule out most classes in
most cells, exactly:

- A class's value lies in [smallest corner + lowest shift, largest corner + highest shift]. The
  shift of a decision is 0 (base), the expected shift (focused), or for the mask whatever the
  noise can add: up to sigma * `LARGEST_DRAW` for a target, of the target's sign.
- A class is out where its upper bound is below some class's lower bound, in each of the three
  decisions. Utility noise moves both by up to utility_sigma * `LARGEST_DRAW`.
- Both bounds are widened by `_SLACK` of their size, beyond what float32 can add by rounding.

Where one class is left, its cell is filled; elsewhere those that are left are interpolated and
compared pixel by pixel: first those without a target, whose best is the same in all decisions
but for utility noise, then the suppressed targets, which can only fall, then the others. Noise is
drawn only for pixels at which the class that it acts on may still win with it. A class that is
kept for nothing changes no result, so masks do not depend on any of this.

The compiled code holds no lock of Python. Each thread takes every n-th row of the grid, which
shares the work evenly and changes no result.
"""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from functools import lru_cache
import os
import threading

import numpy as np
import torch
from torch import Tensor

from aim_ros.decoding.compilation import compiled
from aim_ros.decoding.decoded import Decoded
from aim_ros.decoding.grid import place_on_grid
from aim_ros.modulation import Modulation
from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import LARGEST_DRAW
from aim_ros.modulation.noise import UTILITY_STREAM

_SLACK = np.float32(2.0**-19)
"""Rounding adds less than 12 units of 2**-24 to an interpolated value, relative to its corners."""

_SCRATCH_SHAPES = 8
"""Shapes (of cameras and models) whose working memory a thread keeps."""


def _compile(function):
    return compiled(function, fastmath={'contract'})


def _inline(function):
    """Compile what loops should hold as their own, so that they become vector code."""
    return compiled(function, fastmath={'contract'}, inline='always')


# Random draws, as aim_ros.modulation.noise lays down. They are in this file since Numba's cache
# on disk does not notice changes of another.

u32, u64, i32, f32, f64 = np.uint32, np.uint64, np.int32, np.float32, np.float64


@_inline
def _philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 of a counter, all words uint32."""
    for _ in range(10):
        product_0 = u64(c0) * u64(0xD2511F53)
        product_1 = u64(c2) * u64(0xCD9E8D57)
        c0, c1, c2, c3 = (u32(product_1 >> u64(32)) ^ c1 ^ k0, u32(product_1),
                          u32(product_0 >> u64(32)) ^ c3 ^ k1, u32(product_0))
        k0, k1 = u32(k0 + u32(0x9E3779B9)), u32(k1 + u32(0xBB67AE85))
    return c0, c1, c2, c3


@_inline
def _uniform(word):
    return (f32(word) + f32(0.5)) * f32(2.0**-32)


@_inline
def _log(x):
    """Natural logarithm of a normal positive float32; polynomial of Cephes' logf."""
    bits = f32(x).view(i32)
    exponent = f32(i32((bits >> i32(23)) - i32(126)))
    mantissa = i32((bits & i32(0x007FFFFF)) | i32(0x3F000000)).view(f32)
    small = mantissa < f32(0.70710678)
    exponent -= f32(1) if small else f32(0)
    x = mantissa - f32(1) + (mantissa if small else f32(0))
    y = f32(7.0376836292e-2) * x - f32(1.1514610310e-1)
    y = y * x + f32(1.1676998740e-1)
    y = y * x - f32(1.2420140846e-1)
    y = y * x + f32(1.4249322787e-1)
    y = y * x - f32(1.6668057665e-1)
    y = y * x + f32(2.0000714765e-1)
    y = y * x - f32(2.4999993993e-1)
    y = y * x + f32(3.3333331174e-1)
    square = x * x
    y = y * x * square - exponent * f32(2.12194440e-4) - f32(0.5) * square
    return x + y + exponent * f32(0.693359375)


@_inline
def _sine_and_cosine(angle):
    """Sine and cosine of a float32 in 0..2 pi; polynomials of Cephes' sinf and cosf."""
    quarter = i32(angle * f32(2 / np.pi) + f32(0.5))
    turned = f32(quarter)
    x = angle - turned * f32(1.5703125)
    x = x - turned * f32(4.83751296997e-4) - turned * f32(7.54978995489e-8)
    square = x * x
    y = f32(-1.9515295891e-4) * square + f32(8.3321608736e-3)
    sine = (y * square - f32(1.6666654611e-1)) * square * x + x
    y = f32(2.443315711809948e-5) * square - f32(1.388731625493765e-3)
    cosine = (y * square + f32(4.166664568298827e-2)) * square * square
    cosine = cosine - f32(0.5) * square + f32(1)
    if quarter & i32(1):
        sine, cosine = cosine, -sine
    if quarter & i32(2):
        sine, cosine = -sine, -cosine
    return sine, cosine


@_compile
def _draw(first, blocks, class_index, stream, key, out):
    """
    Put the draws of blocks of four pixels into out[:4 * len(blocks)].

    :param blocks: indices of the blocks less `first`; a multiple of 16 is best.
    """
    for i in range(len(blocks)):
        index = first + u64(blocks[i])
        x0, x1, x2, x3 = _philox(
            u32(index), u32(index >> u64(32)), u32(class_index), u32(stream), key[0], key[1])
        radius = np.sqrt(f32(-2) * _log(_uniform(x0)))
        sine, cosine = _sine_and_cosine(f32(2 * np.pi) * _uniform(x1))
        at = u64(4) * u64(i)
        out[at] = radius * cosine
        out[at + u64(1)] = radius * sine
        radius = np.sqrt(f32(-2) * _log(_uniform(x2)))
        sine, cosine = _sine_and_cosine(f32(2 * np.pi) * _uniform(x3))
        out[at + u64(2)] = radius * cosine
        out[at + u64(3)] = radius * sine


# Which classes are left where


@_inline
def _bound(a, b, c, d):
    """Return (smallest, largest) value of a cell with these corners, widened by rounding."""
    low = min(min(a, b), min(c, d))
    high = max(max(a, b), max(c, d))
    slack = _SLACK * max(high, -low)
    return low - slack, high + slack


@_compile
def _bound_row(upper, lower, sign, lows, highs):
    """Bound a class in a row of cells, between two rows of the grid; add its sign's `lows`."""
    last = len(upper) - 1
    for cell in range(last):
        low, high = _bound(upper[cell], upper[cell + 1], lower[cell], lower[cell + 1])
        highs[cell] = high
        lows[cell] = max(lows[cell], low) if sign == 0 else low
    low, high = _bound(upper[last], upper[last], lower[last], lower[last])
    highs[last] = high
    lows[last] = max(lows[last], low) if sign == 0 else low


@_compile
def _lowest_shift(sign, expected, shift, reach):
    """Return the least that the mask's focus noise adds to a target."""
    if expected:
        return sign * shift
    return f32(0) if sign > 0 else -reach


@_compile
def _rule_out(logits, row, signs, expected, shift, reach, spread, highs, floors, kept):
    """
    Find the classes that may win in the cells of a row, in any of the three decisions.

    :param spread: the most that utility noise can move two classes apart.
    :param highs: takes the largest value of each class in each cell, (C, w).
    :param floors: takes the values below which an unshifted class is out, for the base, the
        focused decision, the mask and all three, and one row to work in, (5, w).
    :param kept: takes a bit for each class that is left, 64 in a word, (words, w).
    """
    classes, height, width = logits.shape
    lower = min(row + 1, height - 1)
    base, focused, mask, least, lows = floors[0], floors[1], floors[2], floors[3], floors[4]
    base[:] = -np.inf
    for c in range(classes):
        if signs[c] == 0:
            _bound_row(logits[c, row], logits[c, lower], 0, base, highs[c])
    focused[:] = base
    mask[:] = base
    for c in range(classes):
        sign = f32(signs[c])
        if sign != 0:
            _bound_row(logits[c, row], logits[c, lower], 1, lows, highs[c])
            lowest = _lowest_shift(sign, expected, shift, reach) - _SLACK * reach
            for cell in range(width):
                base[cell] = max(base[cell], lows[cell])
                focused[cell] = max(focused[cell], lows[cell] + (sign * shift - _SLACK * shift))
                mask[cell] = max(mask[cell], lows[cell] + lowest)
    for cell in range(width):
        mask[cell] -= spread
        least[cell] = min(base[cell], min(focused[cell], mask[cell]))

    kept[:] = u64(0)
    for c in range(classes):
        words, bit, high = kept[c >> 6], u64(1) << u64(c & 63), highs[c]
        sign = f32(signs[c])
        if sign == 0:
            for cell in range(width):
                words[cell] |= bit if high[cell] >= least[cell] else u64(0)
        else:
            highest = -_lowest_shift(-sign, expected, shift, reach) + _SLACK * reach
            for cell in range(width):
                words[cell] |= bit if (
                    high[cell] >= base[cell]
                    or high[cell] + (sign * shift + _SLACK * shift) >= focused[cell]
                    or high[cell] + highest >= mask[cell]) else u64(0)


@_compile
def _list_runs(kept, order, column_start, runs):
    """
    List the stretches of cells in which a class is kept, class by class.

    :param kept: bits of the classes in each cell, 64 in a word, (words, w).
    :param order: all classes.
    :param runs: takes (class, first cell, end cell, first pixel, end pixel).
    :return: the number of runs.
    """
    count = 0
    for c in order:
        words, bit = kept[c >> 6], u64(1) << u64(c & 63)
        anywhere = u64(0)
        for cell in range(len(words)):
            anywhere |= words[cell]
        if anywhere & bit == u64(0):
            continue
        within = False
        for cell in range(len(words)):
            inside = words[cell] & bit != u64(0)
            if inside and not within:
                runs[count, 0], runs[count, 1], runs[count, 3] = c, cell, column_start[cell]
                count += 1
            if inside:
                runs[count - 1, 2], runs[count - 1, 4] = cell + 1, column_start[cell + 1]
            within = inside
    return count


@_compile
def _settle(kept, column_start, settled):
    """
    Give the pixels of cells in which one class is left that class, the others 0.

    :param kept: bits as for `_list_runs`; those of the settled cells are cleared.
    :param settled: takes a row of class ids, (W,).
    """
    for cell in range(kept.shape[1]):
        several, only, some = u64(0), 0, u64(0)
        for word in range(len(kept)):
            bits = kept[word, cell]
            several |= bits & (bits - u64(1)) | (bits if some else u64(0))
            some |= bits
            if bits:
                only = 64 * word + _index_of(bits)
        if several == u64(0):
            kept[:, cell] = u64(0)
        for x in range(column_start[cell], column_start[cell + 1]):
            settled[x] = 0 if several else only


@_inline
def _index_of(bit):
    """Return the index of the one bit that is set in a word."""
    # The exponent of a power of two, which float64 holds exactly.
    return np.int64(f64(bit).view(u64) >> u64(52) & u64(0x7FF)) - 1023


# Decisions


@_compile
def _interpolate(logits, c, row, weight, run, cells, columns, corners, values):
    """
    Upsample one class in a row of pixels, in one run of neighbouring cells.

    :param cells: the pixels' cells.
    :param columns: the pixels' distances from their cells' left borders, in cells.
    :param corners: (2, w) to work in.
    """
    first_cell, end_cell, start, end = run[1], run[2], run[3], run[4]
    lower = min(row + 1, logits.shape[1] - 1)
    last = logits.shape[2] - 1
    for cell in range(u64(first_cell), u64(min(end_cell, last) + 1)):
        upper_value = logits[c, row, cell]
        corners[0, cell] = upper_value + weight * (logits[c, lower, cell] - upper_value)
    for cell in range(u64(first_cell), u64(min(end_cell, last))):
        corners[1, cell] = corners[0, cell + u64(1)] - corners[0, cell]
    corners[1, last] = 0
    for x in range(u64(start), u64(end)):
        cell = cells[x]
        values[x] = corners[0, cell] + columns[x] * corners[1, cell]


@_compile
def _challenge(values, runs, c, shift, best, ids):
    """Let class `c` lead where its values exceed the best, or equal those of a higher class."""
    for r in range(len(runs)):
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            value = values[x] + shift
            wins = (value > best[x]) | ((value == best[x]) & (c < ids[x]))
            best[x] = value if wins else best[x]
            ids[x] = c if wins else ids[x]


@_compile
def _draw_where_it_counts(
    values, runs, reach, further, best, row_pixel, c, stream, key, counts, blocks, draws, noise,
):
    """
    Draw noise for the pixels at which a class may win with it.

    Elsewhere its value stays below the best however far noise takes it, so it does not win with
    what `noise` holds there either, which are draws of other pixels or classes.

    :param runs: those of the class.
    :param reach: the most that this noise adds to a value.
    :param further: the most that is added after it.
    :param row_pixel: index of the row's first pixel in the image.
    :param counts: bytes to work in, one for each pixel of the blocks; as are `blocks` and `draws`.
    :param noise: takes the draws, from the row's first block on.
    """
    first, offset = row_pixel >> u64(2), row_pixel & u64(3)
    begin, end = (runs[0, 3] + offset) >> u64(2), (runs[-1, 4] + offset + u64(3)) >> u64(2)
    counts[u64(4) * begin:u64(4) * end] = 0
    for r in range(len(runs)):
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            # Added as the noise is, so that rounding keeps it an upper bound.
            counts[x + offset] = values[x] + reach + further >= best[x]
    count = 0
    fours = counts.view(u32)
    for block in range(begin, end):
        blocks[count] = block
        count += fours[block] != 0
    # Whole vectors: what is drawn beyond the count goes nowhere.
    full = (count + 15) & ~15
    blocks[count:full] = 0
    _draw(first, blocks[:full], c, stream, key, draws)
    for i in range(u64(count)):
        at = u64(4) * u64(blocks[i])
        for lane in range(u64(4)):
            noise[at + lane] = draws[u64(4) * i + lane]


@_compile
def _add_noise(
    values, runs, row_pixel, c, sign, pixel, sigma, shift, utility_sigma, key, best,
    counts, blocks, draws, noise,
):
    """Modulate a class in its runs of a row of pixels; see `_draw_where_it_counts`."""
    offset = row_pixel & u64(3)
    above = max(sign * (sigma * f32(LARGEST_DRAW) if pixel else shift), f32(0))
    if utility_sigma > 0:
        _draw_where_it_counts(values, runs, utility_sigma * f32(LARGEST_DRAW), above, best,
                              row_pixel, c, UTILITY_STREAM, key, counts, blocks, draws, noise)
        for r in range(len(runs)):
            for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
                values[x] += utility_sigma * noise[x + offset]
    if sign != 0 and pixel:
        _draw_where_it_counts(values, runs, above, f32(0), best,
                              row_pixel, c, FOCUS_STREAM, key, counts, blocks, draws, noise)
    for r in range(len(runs) if sign != 0 else 0):
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            values[x] += sign * (sigma * abs(noise[x + offset]) if pixel else shift)


# Confidence


@_inline
def _exp(x):
    """Return e**x for x <= 0; polynomial of Cephes' expf. Below -87 it is e**-87."""
    x = max(x, f32(-87))
    n = f32(i32(x * f32(1.44269504088896341) - f32(0.5)))
    x = x - n * f32(0.693359375) + n * f32(2.12194440e-4)
    y = f32(1.9875691500e-4) * x + f32(1.3981999507e-3)
    y = y * x + f32(8.3334519073e-3)
    y = y * x + f32(4.1665795894e-2)
    y = y * x + f32(1.6666665459e-1)
    y = y * x + f32(5.0000001201e-1)
    y = y * x * x + x + f32(1)
    return y * i32((i32(n) + i32(127)) << i32(23)).view(f32)


@_compile
def _keep_near(highs, floors, far, kept):
    """Keep the classes whose probability can be seen beside the top's; see `_rule_out`."""
    kept[:] = u64(0)
    for c in range(highs.shape[0]):
        word, bit = c >> 6, u64(1) << u64(c & 63)
        for cell in range(highs.shape[1]):
            kept[word, cell] |= bit if highs[c, cell] >= floors[0, cell] - far else u64(0)


@_inline
def _value_at(logits, c, row, lower, weight, cell, right, column):
    """Interpolate one value as `_interpolate` does."""
    value, step = logits[c, row, cell], logits[c, row, right]
    value = value + weight * (logits[c, lower, cell] - value)
    step = step + weight * (logits[c, lower, right] - step) - value
    return value + column * step


@_compile
def _confide(
    logits, row, weight, cells, columns, runs, run_count, scale, base_ids, mask_ids,
    corners, values, top, total, confidence, y,
):
    """
    Compute the confidence of a row of pixels.

    :param runs: where each class adds to the softmax's sum.
    :param top: takes the value of each pixel's base class.
    """
    lower = min(row + 1, logits.shape[1] - 1)
    last = logits.shape[2] - 1
    for x in range(len(cells)):
        cell = np.int64(cells[x])
        right = min(cell + 1, last)
        top[x] = _value_at(logits, base_ids[x], row, lower, weight, cell, right, columns[x])
        total[x] = 0
    for r in range(run_count):
        _interpolate(logits, runs[r, 0], row, weight, runs[r], cells, columns, corners, values)
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            total[x] += _exp((values[x] - top[x]) * scale)
    for x in range(len(cells)):
        chosen = f32(1)
        if mask_ids[x] != base_ids[x]:
            cell = np.int64(cells[x])
            right = min(cell + 1, last)
            value = _value_at(logits, mask_ids[x], row, lower, weight, cell, right, columns[x])
            chosen = _exp((value - top[x]) * scale)
        confidence[y, x] = min(chosen / total[x], f32(1))


@_compile
def _fill_rows(
    logits, first, step, row_start, _, row_weight, column_start, cells, columns, signs, order, key,
    focuses, pixel, sigma, shift, utility_sigma, scale, confident,
    base, focused, mask, confidence,
    highs, floors, kept, runs, near_runs, corners, lines, ids, noise, draws, blocks, counts,
):
    """Decide every `step`-th row of cells from the `first` on; return the changed pixels."""
    classes, height = logits.shape[:2]
    pixels = base.shape[1]
    utility = utility_sigma > 0
    noisy = utility or (focuses and pixel)
    reach = sigma * f32(LARGEST_DRAW) if pixel else shift
    spread = f32(2 * LARGEST_DRAW) * utility_sigma * (f32(1) + _SLACK)
    # e**-17 is below what float32 resolves beside 1, for all classes together.
    far = (f32(17) + np.log(f32(classes))) / scale
    # Unpacked at once, they would be arrays of unknown stride, which make no vector code.
    base_best, focused_best, mask_best = lines[0], lines[1], lines[2]
    values, total = lines[3], lines[4]
    base_ids, focused_ids, mask_ids, settled = ids[0], ids[1], ids[2], ids[3]
    decided = mask_ids if noisy else focused_ids if focuses else base_ids
    changed = 0
    for row in range(first, height, step):
        if row_start[row] == row_start[row + 1]:
            continue
        _rule_out(logits, row, signs, not pixel, shift, reach, spread, highs, floors, kept)
        _settle(kept, column_start, settled)
        run_count = _list_runs(kept, order, column_start, runs)
        rest_count = 0
        while rest_count < run_count and signs[runs[rest_count, 0]] == 0:
            rest_count += 1
        near_count = 0
        if confident:
            _keep_near(highs, floors, far, kept)
            near_count = _list_runs(kept, order, column_start, near_runs)
        for y in range(row_start[row], row_start[row + 1]):
            weight = row_weight[y]
            for x in range(pixels):
                base_best[x] = mask_best[x] = -np.inf
                base_ids[x] = mask_ids[x] = settled[x]
            end = 0
            for of_targets in (False, True):
                if of_targets:
                    for x in range(pixels):
                        focused_best[x], focused_ids[x] = base_best[x], base_ids[x]
                        if not utility:
                            mask_best[x], mask_ids[x] = base_best[x], base_ids[x]
                while end < (run_count if of_targets else rest_count):
                    begin, c = end, runs[end, 0]
                    while end < run_count and runs[end, 0] == c:
                        end += 1
                    of_class, sign = runs[begin:end], f32(signs[c])
                    for r in range(len(of_class)):
                        _interpolate(logits, c, row, weight, of_class[r], cells, columns, corners,
                                     values)
                    _challenge(values, of_class, c, f32(0), base_best, base_ids)
                    if of_targets:
                        _challenge(values, of_class, c, sign * shift, focused_best, focused_ids)
                    if utility or (of_targets and pixel):
                        _add_noise(values, of_class, u64(y * pixels), c, sign, pixel, sigma, shift,
                                   utility_sigma, key, mask_best, counts, blocks, draws, noise)
                        _challenge(values, of_class, c, f32(0), mask_best, mask_ids)
            turned = i32(0)
            for x in range(pixels):
                base[y, x] = base_ids[x]
                turned += i32(decided[x] != base_ids[x])
            changed += turned
            if focuses:
                for x in range(pixels):
                    focused[y, x] = focused_ids[x]
            if noisy:
                for x in range(pixels):
                    mask[y, x] = mask_ids[x]
            if confident:
                _confide(logits, row, weight, cells, columns, near_runs, near_count, scale,
                         base_ids, decided, corners, values, base_best, total, confidence, y)
    return changed


# From Python


def fill(
    outputs: Decoded, logits: Tensor, modulation: Modulation, key: int, temperature: float,
) -> None:
    """Compute `outputs`, whose tensors are on the CPU; see `decode.decode`."""
    logits = logits.detach().float().contiguous().numpy()
    classes, height, width = logits.shape
    rows, columns = outputs.mask.shape
    signs = np.zeros(classes, np.int8)
    if modulation.focuses:
        for target, sign in modulation.signs:
            signs[target] = sign
    base, focused, mask = (
        ids.numpy() for ids in (outputs.base, outputs.focused, outputs.mask))
    confident = outputs.confidence is not None
    confidence = outputs.confidence.numpy() if confident else np.empty((0, 0), f32)
    arguments = (
        *_axis(height, rows), *_axis(width, columns), signs, np.lexsort((signs, signs != 0)),
        np.array([key & 0xFFFFFFFF, key >> 32], u32),
        modulation.focuses, modulation.focuses and modulation.sampling == 'pixel',
        f32(modulation.sigma), f32(expected_shift(modulation.sigma)),
        f32(modulation.utility_sigma), f32(1 / temperature), confident,
        base, focused, mask, confidence)

    def share(first: int, step: int) -> int:
        return _fill_rows(logits, first, step, *arguments, *_scratch(classes, width, columns))

    threads = min(torch.get_num_threads(), height)
    others = [_pool().submit(share, first, threads) for first in range(1, threads)]
    outputs.changed.fill_(share(0, threads) + sum(other.result() for other in others))


@lru_cache(maxsize=32)
def _axis(points: int, pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first pixel of each cell and the last's end, (points + 1,), and the placing."""
    cells, distances = place_on_grid(points, pixels)
    return np.searchsorted(cells, np.arange(points + 1)), cells, distances


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that all callers in this process share."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix='decode')


_local = threading.local()


def _scratch(classes: int, width: int, columns: int) -> tuple[np.ndarray, ...]:
    """Return the calling thread's working memory for logits and images of such sizes."""
    known = _local.__dict__.setdefault('scratch', OrderedDict())
    shape = (classes, width, columns)
    if shape not in known:
        words = (classes + 63) // 64
        known[shape] = (
            np.empty((classes, width), f32), np.empty((5, width), f32),
            np.empty((words, width), u64),
            *np.empty((2, classes * (width // 2 + 1), 5), np.int32),
            np.empty((2, width), f32), np.empty((5, columns), f32),
            np.empty((4, columns), i32), *np.zeros((2, columns + 80), f32),
            np.empty(columns // 4 + 20, u32), np.empty((columns + 7) // 4 * 4, np.uint8))
        if len(known) > _SCRATCH_SHAPES:
            known.popitem(last=False)
    return known[shape]
