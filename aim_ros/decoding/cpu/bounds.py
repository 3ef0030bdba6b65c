"""Which classes are left where, and in which stretches of a row of cells they lie."""

import numpy as np

from aim_ros.decoding.cpu.arithmetic import f32
from aim_ros.decoding.cpu.arithmetic import f64
from aim_ros.decoding.cpu.arithmetic import inlined
from aim_ros.decoding.cpu.arithmetic import kernel
from aim_ros.decoding.cpu.arithmetic import SLACK
from aim_ros.decoding.cpu.arithmetic import u64


@inlined
def _bound(a, b, c, d):
    """Return (smallest, largest) value of a cell with these corners, widened by rounding."""
    low = min(min(a, b), min(c, d))
    high = max(max(a, b), max(c, d))
    slack = SLACK * max(high, -low)
    return low - slack, high + slack


@kernel
def bound_row(upper, lower, sign, lows, highs):
    """Bound a class in a row of cells, between two rows of the grid; add its sign's `lows`."""
    last = len(upper) - 1
    for cell in range(last):
        low, high = _bound(upper[cell], upper[cell + 1], lower[cell], lower[cell + 1])
        highs[cell] = high
        lows[cell] = max(lows[cell], low) if sign == 0 else low
    low, high = _bound(upper[last], upper[last], lower[last], lower[last])
    highs[last] = high
    lows[last] = max(lows[last], low) if sign == 0 else low


@kernel
def _lowest_shift(sign, request):
    """Return the least that the mask's focus noise adds to a target."""
    if not request.pixel:
        return sign * request.shift
    return f32(0) if sign > 0 else -request.reach


@kernel
def rule_out(logits, row, request, work):
    """
    Find the classes that may win in the cells of a row, in any of the three decisions.

    :param work: takes `highs`, `floors` and `kept`.
    """
    _find_floors(logits, row, request, work)
    classes, _, width = logits.shape
    base, focused, mask, least = work.floors[0], work.floors[1], work.floors[2], work.floors[3]
    shift, reach, kept = request.shift, request.reach, work.kept
    kept[:] = u64(0)
    for c in range(classes):
        words, bit, high = kept[c >> 6], u64(1) << u64(c & 63), work.highs[c]
        sign = f32(request.signs[c])
        if sign == 0:
            for cell in range(width):
                words[cell] |= bit if high[cell] >= least[cell] else u64(0)
        else:
            highest = -_lowest_shift(-sign, request) + SLACK * reach
            for cell in range(width):
                words[cell] |= bit if (
                    high[cell] >= base[cell]
                    or high[cell] + (sign * shift + SLACK * shift) >= focused[cell]
                    or high[cell] + highest >= mask[cell]) else u64(0)


@kernel
def _find_floors(logits, row, request, work):
    """Bound all classes; find the values below which one is out of each decision."""
    classes, height, width = logits.shape
    lower = min(row + 1, height - 1)
    signs, shift, reach, highs = request.signs, request.shift, request.reach, work.highs
    base, focused, mask, least, lows = (
        work.floors[0], work.floors[1], work.floors[2], work.floors[3], work.floors[4])
    base[:] = -np.inf
    for c in range(classes):
        if signs[c] == 0:
            bound_row(logits[c, row], logits[c, lower], 0, base, highs[c])
    for cell in range(width):
        focused[cell] = mask[cell] = base[cell]
    for c in range(classes):
        sign = f32(signs[c])
        if sign != 0:
            bound_row(logits[c, row], logits[c, lower], 1, lows, highs[c])
            lowest = _lowest_shift(sign, request) - SLACK * reach
            for cell in range(width):
                base[cell] = max(base[cell], lows[cell])
                focused[cell] = max(focused[cell], lows[cell] + (sign * shift - SLACK * shift))
                mask[cell] = max(mask[cell], lows[cell] + lowest)
    for cell in range(width):
        mask[cell] -= request.spread
        least[cell] = min(base[cell], min(focused[cell], mask[cell]))


@kernel
def keep_near(scale, work):
    """
    Keep the classes whose probability can be seen beside the top's; after `rule_out`.

    :param work: takes `kept`.
    """
    highs, kept = work.highs, work.kept
    # e**-17 is below what float32 resolves beside 1, for all classes together.
    far = (f32(17) + np.log(f32(highs.shape[0]))) / scale
    kept[:] = u64(0)
    for c in range(highs.shape[0]):
        word, bit = c >> 6, u64(1) << u64(c & 63)
        for cell in range(highs.shape[1]):
            kept[word, cell] |= bit if highs[c, cell] >= work.floors[0, cell] - far else u64(0)


@kernel
def list_runs(kept, order, column_start, runs):
    """
    List the stretches of cells in which a class is kept, class by class.

    :param order: all classes.
    :param runs: takes the stretches; see `Workspace`.
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


@kernel
def assign_single(kept, column_start, single):
    """
    Give the pixels of cells in which one class is left that class, the others 0.

    :param kept: those cells are cleared in it.
    :param single: takes a row of class ids, (W,).
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
            single[x] = 0 if several else only


@inlined
def _index_of(bit):
    """Return the index of the one bit that is set in a word."""
    # The exponent of a power of two, which float64 holds exactly.
    return np.int64(f64(bit).view(u64) >> u64(52) & u64(0x7FF)) - 1023
