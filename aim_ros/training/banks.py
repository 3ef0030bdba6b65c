"""Frames, what a teacher sees in them, and road users to paste, as tensors on one device."""

from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from aim_ros.training import distillation
from aim_ros.training import efficientvit
from aim_ros.training.labels import IGNORE
from aim_ros.training.labels import NAMES
from aim_ros.training.pasting import Instance
from aim_ros.training.sources import Source

TeacherFunction = Callable[[torch.Tensor], torch.Tensor]
"""From images (B, 3, H, W) float, 0..255, to probabilities (B, 19, H / 8, W / 8) float."""

OUTSIDE = 254  # a label: no frame is there
_SHOWN = 8  # frames of one size that the teacher sees at once
_TILE = 192  # rows and columns of an instance
_LEVELS = 4  # of the pyramid of its sizes


def windows(left: torch.Tensor, top: torch.Tensor, width: torch.Tensor, height: torch.Tensor,
            canvas: tuple[int, int]) -> torch.Tensor:
    """
    Return where windows lie on their canvases: scale and shift of x and of y, (B, 2, 2).

    :param left: of each window, in pixels of the canvas, (B,), as the others. A negative `width`
        mirrors a window; `left` is then its right side.
    :param canvas: its (height, width).
    """
    rows, columns = canvas
    return torch.stack([
        torch.stack([width / columns, (2 * left + width) / columns - 1], 1),
        torch.stack([height / rows, (2 * top + height) / rows - 1], 1)], 1)


def grid_of(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """
    Return where the pixels of windows (B, *size) lie on their canvases, (B, *size, 2).

    :param maps: see `windows`.
    :return: x and y, -1 to 1 within the canvas.
    """
    # An axis at a time: windows are not turned, and `affine_grid` would multiply matrices.
    down, across = (
        (2 * torch.arange(side, device=maps.device) + 1) / side - 1 for side in size)
    x = maps[:, 0, :1] * across + maps[:, 0, 1:]
    y = maps[:, 1, :1] * down + maps[:, 1, 1:]
    return torch.stack([x[:, None, :].expand(-1, size[0], -1),
                        y[:, :, None].expand(-1, -1, size[1])], 3)


def cut(canvas: torch.Tensor, grid: torch.Tensor, mode: str = 'bilinear') -> torch.Tensor:
    """
    Return windows (B, C, H', W') float32 of canvases (B, C, H, W), 0 outside of these.

    :param grid: see `grid_of`.
    """
    return F.grid_sample(canvas.float(), grid, mode, align_corners=False)


def _mean_probabilities(teacher, images, zoom):
    """Return the mean of what a teacher sees of frames at its `ZOOMS`, on the finest grid."""
    seen = []
    for share in distillation.ZOOMS:
        size = efficientvit.fitting_size(images.shape[2:], share * zoom)
        seen.append(teacher(F.interpolate(images, size, mode='bicubic').clamp(0, 255)))
    return distillation.mean_on_finest(seen).half()


def _finest(size, zoom):
    """Return the (rows, columns) of `_mean_probabilities`."""
    rows, columns = efficientvit.fitting_size(size, distillation.ZOOMS[-1] * zoom)
    return rows // efficientvit.LOGITS_STRIDE, columns // efficientvit.LOGITS_STRIDE


class FrameBank:
    """
    The frames of all sources, each in the upper left corner of a canvas as large as the largest.

    `images` (N, 3, H, W) uint8 and `labels` (N, H, W) uint8, `OUTSIDE` beside the frame;
    `sizes` (N, 2) their heights and widths; `first` each source's first frame. Frames of `taught`
    sources are shown to the teacher: what it sees in them are `wanted` (M, 19, h, w) float16, of
    sizes `grids` (N, 2), and `places` (N,) tells which of the M is a frame's. Where a frame is
    not shown, they are (1, 1) and -1.

    :param teacher: None: no frame is shown to one.
    """

    def __init__(self, sources: Sequence[Source], device: torch.device,
                 teacher: TeacherFunction | None = None):
        frames = [frame for source in sources for frame in source.frames]
        self.sizes = np.array([frame.labels.shape for frame in frames])
        self.first = np.cumsum([0, *(len(source.frames) for source in sources)])
        height, width = self.canvas = tuple(int(side) for side in self.sizes.max(0))
        self.images = torch.zeros(len(frames), 3, height, width, dtype=torch.uint8, device=device)
        self.labels = torch.full(
            (len(frames), height, width), OUTSIDE, dtype=torch.uint8, device=device)
        for index, frame in enumerate(frames):
            rows, columns = frame.labels.shape
            image = torch.from_numpy(np.array(frame.image)).to(device)
            self.images[index, :, :rows, :columns] = image.permute(2, 0, 1)
            self.labels[index, :rows, :columns] = torch.from_numpy(
                np.array(frame.labels)).to(device)
        self.grids = np.ones_like(self.sizes)
        self.places = torch.full((len(frames),), -1, device=device)
        self.wanted = None
        if teacher is not None:
            self._show(sources, teacher)

    def _show(self, sources, teacher):
        alike = {}
        for source, first in zip(sources, self.first[:-1].tolist(), strict=True):
            if not source.settings.taught:
                continue
            zoom = source.settings.teacher_zoom
            for index in range(first, first + len(source.frames)):
                size = tuple(self.sizes[index].tolist())
                alike.setdefault((size, zoom), []).append(index)
                self.grids[index] = _finest(size, zoom)
        if not alike:
            return
        indices = [index for group in alike.values() for index in group]
        self.wanted = torch.zeros(
            len(indices), len(NAMES), *map(int, self.grids[indices].max(0)), dtype=torch.float16,
            device=self.images.device)
        self.places[indices] = torch.arange(len(indices), device=self.places.device)
        place = 0
        for ((rows, columns), zoom), group in alike.items():
            height, width = self.grids[group[0]]
            for begin in range(0, len(group), _SHOWN):
                chosen = group[begin:begin + _SHOWN]
                # Filled up: on a GPU the first pass of a shape takes about 2 s.
                filled = chosen + chosen[-1:] * (min(_SHOWN, len(group)) - len(chosen))
                images = self.images[filled, :, :rows, :columns].float()
                found = _mean_probabilities(teacher, images, zoom)[:len(chosen)]
                self.wanted[place:place + len(chosen), :, :height, :width] = found
                place += len(chosen)


def _pyramid(instance):
    """Return an instance's tiles, from the finest to the coarsest, (levels, tile, tile, 4)."""
    opacity = (instance.labels != IGNORE).astype(np.float32)[..., None]
    both = np.concatenate([opacity * instance.image, 255 * opacity], 2)
    sizes = (_TILE >> level for level in range(_LEVELS))
    shrunk = (cv2.resize(both, (size, size), interpolation=cv2.INTER_AREA) for size in sizes)
    return np.stack([cv2.resize(tile, (_TILE, _TILE)).astype(np.uint8) for tile in shrunk])


class InstanceBank:
    """
    Instances as square tiles, each at several sizes, so that a small one does not alias.

    `tiles` (levels * N, 4, _TILE, _TILE) uint8 hold colours times opacity and opacity, `labels`
    (N, 1, _TILE, _TILE) uint8 the classes, and `shapes` (N, 2) the heights and widths.
    """

    def __init__(self, instances: Sequence[Instance], device: torch.device):
        self.shapes = np.array([instance.labels.shape for instance in instances])
        with ThreadPoolExecutor() as pool:
            tiles = np.stack(list(pool.map(_pyramid, instances)), 1)
        self.tiles = torch.from_numpy(tiles).flatten(0, 1).to(device).permute(0, 3, 1, 2)
        self.labels = torch.from_numpy(np.stack([
            cv2.resize(instance.labels, (_TILE, _TILE), interpolation=cv2.INTER_NEAREST)
            for instance in instances]))[:, None].to(device)

    def __len__(self) -> int:
        return len(self.shapes)

    def tile(self, chosen: np.ndarray, heights: np.ndarray) -> np.ndarray:
        """Return which tiles show instances `chosen` (n,) best at `heights` (n,) in pixels."""
        levels = np.clip(np.log2(_TILE / heights).astype(int), 0, _LEVELS - 1)
        return levels * len(self) + chosen
