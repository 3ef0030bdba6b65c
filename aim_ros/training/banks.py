"""Frames, what a teacher sees in them, and road users to paste, as tensors on one device."""

from collections.abc import Callable
from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from aim_ros.training import distillation
from aim_ros.training import efficientvit
from aim_ros.training.labels import IGNORE
from aim_ros.training.pasting import Instance
from aim_ros.training.sources import Source

TeacherFunction = Callable[[torch.Tensor], torch.Tensor]
"""From images (B, 3, H, W) float, 0..255, to probabilities (B, C, h, w) over the whole of them."""

OUTSIDE = 254  # a label: no frame is there
_TILE = 192  # rows and columns of an instance
_LEVELS = 4  # of the pyramid of its sizes


def windows(left: torch.Tensor, top: torch.Tensor, width: torch.Tensor, height: torch.Tensor,
            canvas: tuple[int, int]) -> torch.Tensor:
    """
    Return the maps (B, 2, 3) by which `torch.nn.functional.affine_grid` cuts windows out.

    :param left: of each window, in pixels of the canvas, (B,), as the others. A negative `width`
        mirrors a window; `left` is then its right side.
    :param canvas: its (height, width).
    """
    rows, columns = canvas
    zero = torch.zeros_like(left)
    return torch.stack([
        torch.stack([width / columns, zero, (2 * left + width) / columns - 1], 1),
        torch.stack([zero, height / rows, (2 * top + height) / rows - 1], 1)], 1)


def grid_of(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """
    Return where the pixels of windows (B, *size) lie on their canvases, (B, *size, 2).

    :param maps: see `windows`.
    :return: x and y, -1 to 1 within the canvas.
    """
    return F.affine_grid(maps, (len(maps), 1, *size), align_corners=False)


def cut(canvas: torch.Tensor, grid: torch.Tensor, mode: str = 'bilinear') -> torch.Tensor:
    """
    Return windows (B, C, H', W') float32 of canvases (B, C, H, W), 0 outside of these.

    :param grid: see `grid_of`.
    """
    return F.grid_sample(canvas.float(), grid, mode, align_corners=False)


def _mean_probabilities(teacher, image, zoom):
    """Return the mean of what a teacher sees of a frame at its `ZOOMS`, on the finest grid."""
    seen = []
    for share in distillation.ZOOMS:
        size = efficientvit.fitting_size(image.shape[2:], share * zoom)
        seen.append(teacher(F.interpolate(image, size, mode='bicubic').clamp(0, 255)))
    return distillation.mean_on_finest(seen)[0].half()


class FrameBank:
    """
    The frames of all sources, each in the upper left corner of a canvas as large as the largest.

    `images` (N, 3, H, W) uint8 and `labels` (N, H, W) uint8, `OUTSIDE` beside the frame;
    `sizes` (N, 2) their heights and widths; `first` each source's first frame. What the teacher
    sees in them are `wanted` (N, C, h, w) float16 and its sizes `grids`, (N, 2); frames of sources
    that are not `taught` are not shown to it.

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
        self.wanted = None
        if teacher is not None:
            self._show(sources, teacher)

    def _show(self, sources, teacher):
        answers = {}
        for number, source in enumerate(sources):
            if not source.settings.taught:
                continue
            for index in range(self.first[number], self.first[number + 1]):
                rows, columns = self.sizes[index]
                image = self.images[index:index + 1, :, :rows, :columns].float()
                answers[index] = _mean_probabilities(teacher, image, source.settings.teacher_zoom)
        if not answers:
            return
        shape = np.max([answer.shape for answer in answers.values()], axis=0)
        self.wanted = torch.zeros(
            len(self.sizes), *map(int, shape), dtype=torch.float16, device=self.images.device)
        for index, answer in answers.items():
            rows, columns = self.grids[index] = answer.shape[1:]
            self.wanted[index, :, :rows, :columns] = answer


class InstanceBank:
    """
    Instances as square tiles, each at several sizes, so that a small one does not alias.

    `tiles` (levels * N, 4, _TILE, _TILE) uint8 hold colours times opacity and opacity, `labels`
    (N, 1, _TILE, _TILE) uint8 the classes, and `shapes` (N, 2) the heights and widths.
    """

    def __init__(self, instances: Sequence[Instance], device: torch.device):
        self.shapes = np.array([instance.labels.shape for instance in instances])
        levels = [[] for _ in range(_LEVELS)]
        for instance in instances:
            opacity = (instance.labels != IGNORE).astype(np.float32)[..., None]
            both = np.concatenate([opacity * instance.image, 255 * opacity], 2)
            for number, tiles in enumerate(levels):
                shrunk = cv2.resize(both, (_TILE >> number,) * 2, interpolation=cv2.INTER_AREA)
                tiles.append(cv2.resize(shrunk, (_TILE, _TILE)).astype(np.uint8))
        self.tiles = torch.from_numpy(np.concatenate(levels)).permute(0, 3, 1, 2).to(device)
        self.labels = torch.from_numpy(np.stack([
            cv2.resize(instance.labels, (_TILE, _TILE), interpolation=cv2.INTER_NEAREST)
            for instance in instances]))[:, None].to(device)

    def __len__(self) -> int:
        return len(self.shapes)

    def tile(self, chosen: np.ndarray, heights: np.ndarray) -> np.ndarray:
        """Return which tiles show instances `chosen` (n,) best at `heights` (n,) in pixels."""
        levels = np.clip(np.log2(_TILE / heights).astype(int), 0, _LEVELS - 1)
        return levels * len(self) + chosen
