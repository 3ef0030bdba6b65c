"""
What a network learns from a teacher in every crop, labelled or not (Hinton et al. 2015).

The teacher's probabilities were computed once for every whole frame; here they are cut out and
scaled as the frame was. Only a blend of crops is shown to the teacher itself (`teacher`).
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

STRIDE = 4  # of the network's logits

ZOOMS = (0.75, 1.0, 1.25)
"""A frame is shown to the teacher at these shares of its source's `teacher_zoom`.

The mean of the three is nearer to human labels than the one: mIoU of half of the KITTI frames to
train on .508 against .502, of those to choose by .567 against .554.
"""


def grid_of(crop: tuple[int, int]) -> tuple[int, int]:
    """
    Return (rows, columns) of the network's logits of a crop of (height, width).

    :raises ValueError: where the crop does not fit that grid.
    """
    if any(side % STRIDE for side in crop):
        raise ValueError(
            f'augment.crop is {tuple(crop)}: both sides must be multiples of {STRIDE}')
    height, width = crop
    return height // STRIDE, width // STRIDE


def _weights(count: int, start: float, step: float, length: int) -> np.ndarray:
    """
    Return the weights (count, length) that resample one axis of `length` cells linearly.

    Sample i lies at `start + step * i` in cells, whose centres are at 0.5, 1.5, ... Where samples
    are further apart than cells the filter widens (antialiasing, as Pillow's bilinear). The
    weights of a sample outside of the axis are 0, else they sum to 1.
    """
    centres = start + step * np.arange(count)
    apart = np.abs(centres[:, None] - (np.arange(length) + 0.5))
    # Beyond the outermost centres the outermost cell stands.
    near = np.clip(centres, 0.5, length - 0.5)
    apart = np.minimum(apart, np.abs(near[:, None] - (np.arange(length) + 0.5)))
    weights = np.maximum(0, 1 - apart / max(1.0, step))
    weights /= weights.sum(1, keepdims=True)
    inside = (centres >= 0) & (centres <= length)
    return (weights * inside[:, None]).astype(np.float32)


def _needed(weights):
    """Return the slice of cells that have any weight."""
    used = np.flatnonzero(weights.any(0))
    return slice(used[0], used[-1] + 1) if used.size else slice(0, 0)


def cut(wanted: np.ndarray, frame: tuple[int, int], corner: tuple[float, float],
        scale: tuple[float, float], crop: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """
    Return a crop's share of a frame's probabilities, on the grid of the network's logits.

    :param wanted: (h, w, C) on a grid over the whole frame.
    :param frame: (height, width) of the frame in pixels.
    :param corner: (row, column) of the crop's upper left corner in the frame's pixels; may lie
        outside.
    :param scale: crop pixels per frame pixel, along rows and columns.
    :param crop: (height, width) of the crop, multiples of `STRIDE`.
    :return: (crop / STRIDE, C) float32, and whether (crop / STRIDE) the cell is on the frame.
    """
    axes = []
    for axis in range(2):
        cells = wanted.shape[axis] / frame[axis]  # a frame pixel
        step = STRIDE / scale[axis] * cells
        axes.append(_weights(crop[axis] // STRIDE, corner[axis] * cells + step / 2, step,
                             wanted.shape[axis]))
    rows, columns = map(_needed, axes)
    part = np.asarray(wanted[rows, columns], np.float32)
    below, across = axes[0][:, rows], axes[1][:, columns]
    found = np.tensordot(below, part, 1)  # (crop rows, w, C)
    found = np.matmul(across, found)
    known = (below.sum(1) > 0.5)[:, None] & (across.sum(1) > 0.5)
    return found, known


def mean_on_finest(seen: Sequence[torch.Tensor]) -> torch.Tensor:
    """
    Return the mean of probabilities of the same images on grids of several sizes.

    :param seen: each (B, C, h, w), the finest grid last, on which the result is.
    """
    grid = seen[-1].shape[2:]
    return torch.stack([F.interpolate(s, grid, mode='bilinear') for s in seen]).mean(0)


def worth(wanted: torch.Tensor, class_weights: torch.Tensor) -> torch.Tensor:
    """
    Return what each cell counts: the expected weight of the class that the teacher sees there.

    A weight of the cell, unlike one of the class, leaves what is wanted of it unchanged.

    :param wanted: the teacher's probabilities, (B, C, h, w).
    :param class_weights: (C,).
    :return: (B, h, w).
    """
    return torch.einsum('bchw,c->bhw', wanted.float(), class_weights)


def divergence(logits: torch.Tensor, wanted: torch.Tensor, asked: torch.Tensor,
               temperature: float) -> torch.Tensor:
    """
    Return the Kullback-Leibler divergence KL(teacher || network), a weighted mean over the cells.

    Both are softened by `temperature`. The result is times its square, which keeps the gradients'
    size about the same at any temperature (Hinton et al. 2015).

    :param logits: of the network, (B, C, h, w).
    :param wanted: the teacher's probabilities, (B, C, h, w).
    :param asked: the weight of each cell, (B, h, w), 0 where the teacher does not know.
    :return: a scalar; 0 where nothing is asked.
    """
    # A probability that float16 rounds to 0 is one of the smallest that it holds.
    target = F.log_softmax(wanted.float().clamp_min(1e-7).log() / temperature, 1)
    answer = F.log_softmax(logits.float() / temperature, 1)
    each = F.kl_div(answer, target, reduction='none', log_target=True).sum(1)
    return temperature ** 2 * (asked * each).sum() / asked.sum().clamp_min(1e-6)
