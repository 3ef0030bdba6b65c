"""The loop over a frame: row by row of cells, row by row of pixels, class by class."""

import numpy as np

from aim_ros.decoding.cpu.arithmetic import f32
from aim_ros.decoding.cpu.arithmetic import i32
from aim_ros.decoding.cpu.arithmetic import inlined
from aim_ros.decoding.cpu.arithmetic import kernel
from aim_ros.decoding.cpu.arithmetic import u64
from aim_ros.decoding.cpu.bounds import assign_single
from aim_ros.decoding.cpu.bounds import keep_near
from aim_ros.decoding.cpu.bounds import list_runs
from aim_ros.decoding.cpu.bounds import rule_out
from aim_ros.decoding.cpu.confidence import fill_confidence
from aim_ros.decoding.cpu.draw import add_noise
from aim_ros.decoding.cpu.upsample import interpolate


@kernel
def challenge(values, runs, c, shift, best, ids):
    """Let class `c` lead where its values exceed the best, or equal those of a higher class."""
    for r in range(len(runs)):
        for x in range(u64(runs[r, 3]), u64(runs[r, 4])):
            value = values[x] + shift
            wins = (value > best[x]) | ((value == best[x]) & (c < ids[x]))
            best[x] = value if wins else best[x]
            ids[x] = c if wins else ids[x]


@inlined
def compare(logits, row, y, runs, of_targets, grid, request, work):
    """
    Let classes compete in a row of pixels.

    :param row: the row of cells.
    :param runs: those of some classes, each class's together.
    :param of_targets: whether the classes are targets.
    """
    weight, cells, columns = grid.row_weight[y], grid.cells, grid.columns
    corners, values = work.corners, work.values
    base_best, focused_best, mask_best = work.base_best, work.focused_best, work.mask_best
    base_ids, focused_ids, mask_ids = work.base_ids, work.focused_ids, work.mask_ids
    signs, shift = request.signs, request.shift
    noisy = request.utility_sigma > 0 or (of_targets and request.pixel)
    end = 0
    while end < len(runs):
        begin, c = end, runs[end, 0]
        while end < len(runs) and runs[end, 0] == c:
            end += 1
        of_class, sign = runs[begin:end], f32(signs[c])
        for r in range(len(of_class)):
            interpolate(logits, row, weight, of_class[r], cells, columns, corners, values)
        challenge(values, of_class, c, f32(0), base_best, base_ids)
        if of_targets:
            challenge(values, of_class, c, sign * shift, focused_best, focused_ids)
        if noisy:
            add_noise(values, of_class, u64(y * len(cells)), c, sign, mask_best, request,
                      work.draws)
            challenge(values, of_class, c, f32(0), mask_best, mask_ids)


@inlined
def decide(logits, row, y, runs, rest, grid, request, work):
    """
    Decide a row of pixels.

    :param row: the row of cells.
    :param runs: those of all classes.
    :param rest: how many of them are of classes without a target, which come first.
    :param work: takes the best values and their classes, of all three decisions.
    """
    base_best, focused_best, mask_best = work.base_best, work.focused_best, work.mask_best
    base_ids, focused_ids, mask_ids = work.base_ids, work.focused_ids, work.mask_ids
    single, utility = work.single, request.utility_sigma > 0
    for x in range(len(base_ids)):
        base_best[x] = mask_best[x] = -np.inf
        base_ids[x] = mask_ids[x] = single[x]
    for of_targets in (False, True):
        if of_targets:
            for x in range(len(base_ids)):
                focused_best[x], focused_ids[x] = base_best[x], base_ids[x]
                if not utility:
                    mask_best[x], mask_ids[x] = base_best[x], base_ids[x]
        some = runs[rest:] if of_targets else runs[:rest]
        compare(logits, row, y, some, of_targets, grid, request, work)


@inlined
def write_row(y, decided, noisy, request, work, images):
    """
    Write the decisions about a row of pixels.

    :param decided: the mask's class ids.
    :return: the changed pixels.
    """
    base_ids, focused_ids, mask_ids = work.base_ids, work.focused_ids, work.mask_ids
    base, focused, mask = images.base, images.focused, images.mask
    changed = i32(0)
    for x in range(len(base_ids)):
        base[y, x] = base_ids[x]
        changed += i32(decided[x] != base_ids[x])
    if request.focuses:
        for x in range(len(base_ids)):
            focused[y, x] = focused_ids[x]
    if noisy:
        for x in range(len(base_ids)):
            mask[y, x] = mask_ids[x]
    return changed


@kernel
def fill_rows(logits, first, step, grid, request, work, images):
    """
    Decide every `step`-th row of cells from the `first` on.

    :param logits: float32 (C, h, w).
    :return: the changed pixels.
    """
    order, column_start, runs = request.order, grid.column_start, work.runs
    noisy = request.utility_sigma > 0 or (request.focuses and request.pixel)
    decided = work.mask_ids if noisy else work.focused_ids if request.focuses else work.base_ids
    changed = 0
    for row in range(first, logits.shape[1], step):
        if grid.row_start[row] == grid.row_start[row + 1]:
            continue
        rule_out(logits, row, request, work)
        assign_single(work.kept, column_start, work.single)
        count = list_runs(work.kept, order, column_start, runs)
        rest = 0
        while rest < count and request.signs[runs[rest, 0]] == 0:
            rest += 1
        near = 0
        if request.confident:
            keep_near(request.scale, work)
            near = list_runs(work.kept, order, column_start, work.near_runs)
        for y in range(grid.row_start[row], grid.row_start[row + 1]):
            decide(logits, row, y, runs[:count], rest, grid, request, work)
            changed += write_row(y, decided, noisy, request, work, images)
            if request.confident:
                fill_confidence(logits, row, grid.row_weight[y], work.near_runs[:near], decided,
                                grid, request, work, images.confidence[y])
    return changed
