"""Bilinear values of one class."""

from aim_ros.decoding.cpu.arithmetic import inlined
from aim_ros.decoding.cpu.arithmetic import kernel
from aim_ros.decoding.cpu.arithmetic import u64


@kernel
def interpolate(logits, row, weight, run, cells, columns, corners, values):
    """
    Upsample one class in a row of pixels, in one run of neighbouring cells.

    :param row: the row of cells.
    :param weight: the row of pixels' distance from the cells' upper border, in cells.
    :param run: of the class; see `Workspace`.
    :param cells: the pixels' cells; see `Grid`, as for `columns`.
    :param corners: (2, w) to work in.
    :param values: takes the pixels' values, (W,).
    """
    c, first_cell, end_cell, start, end = run[0], run[1], run[2], run[3], run[4]
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


@inlined
def value_at(logits, c, row, lower, weight, cell, right, column):
    """Interpolate one value as `interpolate` does."""
    value, step = logits[c, row, cell], logits[c, row, right]
    value = value + weight * (logits[c, lower, cell] - value)
    step = step + weight * (logits[c, lower, right] - step) - value
    return value + column * step
