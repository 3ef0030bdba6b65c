"""The probability of the mask's class in each pixel."""

import numpy as np

from aim_ros.decoding.cpu.arithmetic import f32
from aim_ros.decoding.cpu.arithmetic import i32
from aim_ros.decoding.cpu.arithmetic import inlined
from aim_ros.decoding.cpu.arithmetic import u64
from aim_ros.decoding.cpu.upsample import interpolate
from aim_ros.decoding.cpu.upsample import value_at


@inlined
def exp(x):
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


@inlined
def fill_confidence(logits, row, weight, runs, mask_ids, grid, request, work, confidence):
    """
    Compute the confidence of a row of pixels.

    :param row: the row of cells.
    :param weight: the row of pixels' distance from the cells' upper border, in cells.
    :param runs: where each class adds to the softmax's sum.
    :param mask_ids: the row's classes.
    :param confidence: takes the row's, (W,).
    """
    cells, columns, scale = grid.cells, grid.columns, request.scale
    # The best values are not needed any more: they become those of the base classes.
    base_ids, top, values, total = work.base_ids, work.base_best, work.values, work.total
    lower = min(row + 1, logits.shape[1] - 1)
    last = logits.shape[2] - 1
    for x in range(len(cells)):
        cell = np.int64(cells[x])
        right = min(cell + 1, last)
        top[x] = value_at(logits, base_ids[x], row, lower, weight, cell, right, columns[x])
        total[x] = 0
    for r in range(len(runs)):
        interpolate(logits, row, weight, runs[r], cells, columns, work.corners, values)
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            total[x] += exp((values[x] - top[x]) * scale)
    for x in range(len(cells)):
        chosen = f32(1)
        if mask_ids[x] != base_ids[x]:
            cell = np.int64(cells[x])
            right = min(cell + 1, last)
            value = value_at(logits, mask_ids[x], row, lower, weight, cell, right, columns[x])
            chosen = exp((value - top[x]) * scale)
        confidence[x] = min(chosen / total[x], f32(1))
