"""Random draws, as aim_ros.modulation.noise lays down, for the pixels at which they count."""

import numpy as np

from aim_ros.decoding.cpu.arithmetic import f32
from aim_ros.decoding.cpu.arithmetic import i32
from aim_ros.decoding.cpu.arithmetic import inlined
from aim_ros.decoding.cpu.arithmetic import kernel
from aim_ros.decoding.cpu.arithmetic import u32
from aim_ros.decoding.cpu.arithmetic import u64
from aim_ros.decoding.cpu.records import Source
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import LARGEST_DRAW
from aim_ros.modulation.noise import UTILITY_STREAM


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 of a counter, all words uint32."""
    for _ in range(10):
        product_0 = u64(c0) * u64(0xD2511F53)
        product_1 = u64(c2) * u64(0xCD9E8D57)
        c0, c1, c2, c3 = (u32(product_1 >> u64(32)) ^ c1 ^ k0, u32(product_1),
                          u32(product_0 >> u64(32)) ^ c3 ^ k1, u32(product_0))
        k0, k1 = u32(k0 + u32(0x9E3779B9)), u32(k1 + u32(0xBB67AE85))
    return c0, c1, c2, c3


@inlined
def uniform(word):
    """Return a number in 2**-33 .. 1 from a random word."""
    return (f32(word) + f32(0.5)) * f32(2.0**-32)


@inlined
def log(x):
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


@inlined
def sine_and_cosine(angle):
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


@kernel
def draw(first, blocks, source, out):
    """
    Put the draws of blocks of four pixels into out[:4 * len(blocks)].

    :param first: a block's index.
    :param blocks: indices of the blocks less `first`; a multiple of 16 is best.
    :param source: which draws; see `Source`.
    """
    for i in range(len(blocks)):
        index = first + u64(blocks[i])
        x0, x1, x2, x3 = philox(
            u32(index), u32(index >> u64(32)), u32(source.class_index), u32(source.stream),
            source.key_low, source.key_high)
        radius = np.sqrt(f32(-2) * log(uniform(x0)))
        sine, cosine = sine_and_cosine(f32(2 * np.pi) * uniform(x1))
        at = u64(4) * u64(i)
        out[at] = radius * cosine
        out[at + u64(1)] = radius * sine
        radius = np.sqrt(f32(-2) * log(uniform(x2)))
        sine, cosine = sine_and_cosine(f32(2 * np.pi) * uniform(x3))
        out[at + u64(2)] = radius * cosine
        out[at + u64(3)] = radius * sine


@kernel
def draw_where_it_counts(values, runs, reach, further, best, row_pixel, source, draws):
    """
    Draw noise for the pixels at which a class may win with it.

    Elsewhere its value stays below the best however far noise takes it, so it does not win with
    what `noise` holds there either, which are draws of other pixels or classes.

    :param values: the class's, (W,).
    :param runs: those of the class.
    :param reach: the most that this noise adds to a value.
    :param further: the most that is added after it.
    :param best: what the class has to beat, (W,).
    :param row_pixel: index of the row's first pixel in the image.
    :param source: which draws; see `Source`.
    :param draws: takes `noise`; see `Draws`.
    """
    noise, packed, blocks, counts = draws.noise, draws.packed, draws.blocks, draws.counts
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
    draw(first, blocks[:full], source, packed)
    for i in range(u64(count)):
        at = u64(4) * u64(blocks[i])
        for lane in range(u64(4)):
            noise[at + lane] = packed[u64(4) * i + lane]


@kernel
def add_noise(values, runs, row_pixel, c, sign, best, request, draws):
    """
    Modulate a class in its runs of a row of pixels; see `draw_where_it_counts`.

    :param values: are changed.
    :param sign: +1 or -1 of a target, else 0.
    """
    noise, sigma, shift, pixel = draws.noise, request.sigma, request.shift, request.pixel
    utility_sigma = request.utility_sigma
    offset = row_pixel & u64(3)
    above = max(sign * request.reach, f32(0))
    if utility_sigma > 0:
        source = Source(c, UTILITY_STREAM, request.key_low, request.key_high)
        draw_where_it_counts(
            values, runs, utility_sigma * f32(LARGEST_DRAW), above, best, row_pixel, source, draws)
        for r in range(len(runs)):
            for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
                values[x] += utility_sigma * noise[x + offset]
    if sign != 0 and pixel:
        source = Source(c, FOCUS_STREAM, request.key_low, request.key_high)
        draw_where_it_counts(values, runs, above, f32(0), best, row_pixel, source, draws)
    for r in range(len(runs) if sign != 0 else 0):
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            values[x] += sign * (sigma * abs(noise[x + offset]) if pixel else shift)
