"""
From Python into the kernels, with threads and their working memory.

The compiled code holds no lock of Python. Each thread takes every n-th row of the grid, which
shares the work evenly and changes no result.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from functools import lru_cache
import os
import threading

import numpy as np
import torch
from torch import Tensor

from aim_ros.decoding.cpu.arithmetic import f32
from aim_ros.decoding.cpu.arithmetic import SLACK
from aim_ros.decoding.cpu.arithmetic import u32
from aim_ros.decoding.cpu.records import Grid
from aim_ros.decoding.cpu.records import Images
from aim_ros.decoding.cpu.records import new_workspace
from aim_ros.decoding.cpu.records import Request
from aim_ros.decoding.cpu.records import Workspace
from aim_ros.decoding.cpu.rows import fill_rows
from aim_ros.decoding.decoded import Decoded
from aim_ros.decoding.grid import place_on_grid
from aim_ros.modulation import expected_shift
from aim_ros.modulation import LARGEST_DRAW
from aim_ros.modulation import Modulation

KEPT_SHAPES = 12
"""Shapes (of cameras and models) whose working memory a thread keeps, those used last."""


def fill(
    outputs: Decoded, logits: Tensor, modulation: Modulation, key: int, temperature: float,
) -> None:
    """Compute `outputs`, whose tensors are on the CPU; see `decode.decode`."""
    logits = logits.detach().float().contiguous().numpy()
    classes, height, width = logits.shape
    grid = grid_of(height, width, *outputs.mask.shape)
    request = request_of(
        modulation, classes, key=key, temperature=temperature,
        confident=outputs.confidence is not None)
    images = Images(
        outputs.base.numpy(), outputs.focused.numpy(), outputs.mask.numpy(),
        outputs.confidence.numpy() if request.confident else np.empty((0, 0), f32))

    def share(first: int, step: int) -> int:
        work = workspace(classes, width, images.base.shape[1])
        return fill_rows(logits, first, step, grid, request, work, images)

    threads = min(torch.get_num_threads(), height)
    others = [_pool().submit(share, first, threads) for first in range(1, threads)]
    outputs.changed.fill_(share(0, threads) + sum(other.result() for other in others))


def request_of(
    modulation: Modulation, classes: int, *, key: int = 0, temperature: float = 1.0,
    confident: bool = False,
) -> Request:
    """Return a modulation as the kernels take it."""
    signs, order = _signs(modulation.signs if modulation.focuses else (), classes)
    pixel = modulation.focuses and modulation.sampling == 'pixel'
    sigma, utility_sigma = f32(modulation.sigma), f32(modulation.utility_sigma)
    shift = f32(expected_shift(modulation.sigma))
    return Request(
        signs=signs,
        order=order,
        key_low=u32(key & 0xFFFFFFFF),
        key_high=u32(key >> 32),
        focuses=modulation.focuses,
        pixel=pixel,
        sigma=sigma,
        shift=shift,
        utility_sigma=utility_sigma,
        reach=sigma * f32(LARGEST_DRAW) if pixel else shift,
        spread=f32(2 * LARGEST_DRAW) * utility_sigma * (f32(1) + SLACK),
        scale=f32(1 / temperature),
        confident=confident)


@lru_cache(maxsize=32)
def _signs(
    targets: tuple[tuple[int, int], ...], classes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return signs and order of the classes; see `Request`."""
    signs = np.zeros(classes, np.int8)
    for target, sign in targets:
        signs[target] = sign
    return signs, np.lexsort((signs, signs != 0))


@lru_cache(maxsize=32)
def grid_of(height: int, width: int, rows: int, columns: int) -> Grid:
    """Place an image of some rows and columns on a grid of some height and width."""
    row_cells, row_weight = place_on_grid(height, rows)
    cells, distances = place_on_grid(width, columns)
    return Grid(
        row_start=np.searchsorted(row_cells, np.arange(height + 1)),
        row_weight=row_weight,
        column_start=np.searchsorted(cells, np.arange(width + 1)),
        cells=cells,
        columns=distances)


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that all callers in this process share."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix='decode')


_local = threading.local()


def workspace(classes: int, width: int, columns: int) -> Workspace:
    """Return the calling thread's working memory for logits and images of such sizes."""
    if not hasattr(_local, 'workspace_for'):
        _local.workspace_for = lru_cache(KEPT_SHAPES)(new_workspace)
    return _local.workspace_for(classes, width, columns)
