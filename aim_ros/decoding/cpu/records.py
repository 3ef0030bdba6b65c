"""
What the kernels are called with. Numba takes named tuples, and knows each field's own type.

C classes, a grid of h x w logits and an image of H x W pixels.
"""

from typing import NamedTuple

import numpy as np


class Grid(NamedTuple):
    """
    Where the image's pixels lie on the logits' grid; see `place_on_grid`.

    :param row_start: first row of pixels of each row of cells, and the end of the last, (h + 1,).
    :param row_weight: distance of each row of pixels from its cells' upper border, in cells, (H,).
    :param column_start: as `row_start`, of the columns, (w + 1,).
    :param cells: the column of cells of each column of pixels, (W,).
    :param columns: distance of each column of pixels from its cells' left border, in cells, (W,).
    """

    row_start: np.ndarray
    row_weight: np.ndarray
    column_start: np.ndarray
    cells: np.ndarray
    columns: np.ndarray


class Request(NamedTuple):
    """
    What is done to the logits of a frame, and what is wanted.

    :param signs: +1 or -1 of each target, 0 of the other classes, int8 (C,).
    :param order: all classes: those without a target, the suppressed ones, the raised ones, (C,).
    :param key_low: the low word of the noise's key, uint32.
    :param key_high: the high word.
    :param focuses: whether there are targets that are shifted.
    :param pixel: whether each pixel's shift is drawn.
    :param sigma: of the focus noise, float32, as are all that follow.
    :param shift: the expected shift.
    :param utility_sigma: of the utility noise.
    :param reach: the most that focus modulation adds to a logit for the mask.
    :param spread: the most that utility noise moves two classes apart.
    :param scale: 1 / temperature.
    :param confident: whether the confidence is wanted, bool.
    """

    signs: np.ndarray
    order: np.ndarray
    key_low: np.uint32
    key_high: np.uint32
    focuses: bool
    pixel: bool
    sigma: np.float32
    shift: np.float32
    utility_sigma: np.float32
    reach: np.float32
    spread: np.float32
    scale: np.float32
    confident: bool


class Images(NamedTuple):
    """
    What is written, each (H, W).

    :param base: class ids, uint8 or int32.
    :param focused: likewise; untouched where nothing is focused.
    :param mask: likewise; untouched where nothing is drawn.
    :param confidence: float32; empty where it is not wanted.
    """

    base: np.ndarray
    focused: np.ndarray
    mask: np.ndarray
    confidence: np.ndarray


class Source(NamedTuple):
    """Which draws a class takes: see aim_ros.modulation.noise, whose counter and key it is."""

    class_index: int
    stream: int
    key_low: np.uint32
    key_high: np.uint32


class Draws(NamedTuple):
    """
    Where the noise of a row of pixels is drawn, in blocks of four.

    :param noise: draws of a row's pixels, from its first block on, longer than W.
    :param packed: as `noise`, without the blocks that need none.
    :param blocks: the blocks that need one.
    :param counts: a byte for each pixel of the blocks: whether its draw counts.
    """

    noise: np.ndarray
    packed: np.ndarray
    blocks: np.ndarray
    counts: np.ndarray


class Workspace(NamedTuple):
    """
    One thread's working memory.

    :param highs: the largest value of each class in each cell of a row, (C, w).
    :param floors: the values below which a class without a target is out of the base decision,
        the focused one, the mask and all three, and one row to work in, (5, w).
    :param kept: a bit for each class that is left in a cell, 64 in a word, (words, w).
    :param runs: stretches of cells in which a class is left: its id, first cell, end cell, first
        pixel, end pixel, (runs, 5).
    :param near_runs: likewise, of the classes whose probability counts.
    :param corners: (2, w) to interpolate with.
    :param values: a class's values in a row of pixels, (W,).
    :param base_best: the best value so far in each pixel of a row, (W,); as are the next two.
    :param base_ids: whose that is, (W,); as are the next two.
    :param single: the class of the pixels of cells in which one is left, (W,).
    :param total: the softmax's sum in each pixel, (W,).
    :param draws: of noise.
    """

    highs: np.ndarray
    floors: np.ndarray
    kept: np.ndarray
    runs: np.ndarray
    near_runs: np.ndarray
    corners: np.ndarray
    values: np.ndarray
    base_best: np.ndarray
    focused_best: np.ndarray
    mask_best: np.ndarray
    base_ids: np.ndarray
    focused_ids: np.ndarray
    mask_ids: np.ndarray
    single: np.ndarray
    total: np.ndarray
    draws: Draws


def new_workspace(classes: int, width: int, columns: int) -> Workspace:
    """Return working memory for logits of so many classes and columns, and an image's columns."""
    f32, i32 = np.float32, np.int32
    runs = classes * (width // 2 + 1)
    return Workspace(
        highs=np.empty((classes, width), f32),
        floors=np.empty((5, width), f32),
        kept=np.empty(((classes + 63) // 64, width), np.uint64),
        runs=np.empty((runs, 5), i32),
        near_runs=np.empty((runs, 5), i32),
        corners=np.empty((2, width), f32),
        values=np.empty(columns, f32),
        base_best=np.empty(columns, f32),
        focused_best=np.empty(columns, f32),
        mask_best=np.empty(columns, f32),
        base_ids=np.empty(columns, i32),
        focused_ids=np.empty(columns, i32),
        mask_ids=np.empty(columns, i32),
        single=np.empty(columns, i32),
        total=np.empty(columns, f32),
        # Whole vectors of blocks, and a row that begins within one.
        draws=Draws(
            noise=np.zeros(columns + 80, f32),
            packed=np.zeros(columns + 80, f32),
            blocks=np.empty(columns // 4 + 20, np.uint32),
            counts=np.empty((columns + 7) // 4 * 4, np.uint8)))
