"""
One frame's confusion counts at every sigma of a sweep, in little more than the time of one.

Focus modulation with one sign turns a pixel at most once as sigma grows where all of its targets
are shifted alike, or there is one: a target that is raised by ``sigma * u`` passes the best other
class where sigma is above ``gap / u``. This critical sigma of each pixel tells the decision at
all sigmas. ``u`` is ``sqrt(2 / pi)`` for the expected shift, the median 0.6745 for the median
shift, and ``|n|`` of the pixel's own draw for per-pixel noise. The decisions are those of
`aim_ros.decoding.decode.decode` with the same key.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from aim_ros.experiments.datasets import IGNORE
from aim_ros.modulation import expected_shift
from aim_ros.modulation import FOCUS_STREAM
from aim_ros.modulation import gate
from aim_ros.modulation import standard_normal_range
from aim_ros.modulation import UTILITY_STREAM

MEDIAN = 0.6744897501960817
"""Median of ``|n|``, ``n ~ N(0, 1)``: the quantile of 3/4."""

_CHUNK = 1 << 14
"""Pixels whose utility noise is held at once: few, so that it stays in the CPU's cache."""


@dataclass(frozen=True)
class Target:
    """
    Classes that are focused on, or suppressed, together.

    :param name: for tables and plots.
    :param class_ids: the classes, at least one.
    :param sign: +1 or -1.
    """

    name: str
    class_ids: tuple[int, ...]
    sign: int = 1


class FrameSweep:
    """
    The modulated decisions about one labelled frame.

    The logits are held at the labels' resolution: C x H x W x 4 bytes.

    :param logits: float32 (C, h, w), on the device that is to compute.
    :param truth: int64 (H, W), class ids or `IGNORE`.
    """

    def __init__(self, logits: Tensor, truth: np.ndarray):
        self.size = truth.shape
        self.classes = len(logits)
        self._logits = logits
        self._scores = interpolate(
            logits[None], self.size, mode='bilinear', align_corners=False)[0].flatten(1)
        labels = torch.from_numpy(truth).to(logits.device).flatten()
        # What has no label goes to a row of its own, which is dropped.
        self._row = torch.where(labels == IGNORE, self.classes, labels) * self.classes
        self.base = self._scores.max(0).indices
        self.base_confusion = self.confusion(self.base)

    def confusion(self, mask: Tensor) -> np.ndarray:
        """Return the counts (C, C) of a mask (H * W,): rows are the truth."""
        size = (self.classes + 1) * self.classes
        counts = torch.bincount(self._row + mask, minlength=size)
        return counts.view(-1, self.classes)[:-1].cpu().numpy()

    def utility(self, sigmas: Sequence[float], keys: Sequence[int]
                ) -> tuple[np.ndarray, np.ndarray]:
        """
        Sweep utility modulation.

        :param keys: one key for each draw.
        :return: counts (draws, S, C, C); and the pixels (S,) that differ between the draws, the
            mean over all pairs.
        """
        masks = torch.empty(
            len(keys), len(sigmas), self._scores.shape[1], dtype=torch.int16,
            device=self._scores.device)
        for start in range(0, self._scores.shape[1], _CHUNK):
            scores = self._scores[:, start:start + _CHUNK]
            for draw, key in enumerate(keys):
                noise = standard_normal_range(
                    start, scores.shape[1], range(self.classes), key, UTILITY_STREAM,
                    scores.device)
                for step, sigma in enumerate(sigmas):
                    masks[draw, step, start:start + _CHUNK] = torch.add(
                        scores, noise, alpha=sigma).max(0).indices
        counts = np.stack([
            np.stack([self.confusion(mask) for mask in by_sigma]) for by_sigma in masks])
        return counts, _differing(list(masks))

    def deterministic(self, target: Target, unit: float, sigmas: Sequence[float]) -> np.ndarray:
        """
        Sweep the shift ``sigma * unit``, the same for every pixel and class of the target.

        :return: counts (S, C, C).
        """
        contest = self._contest(target)
        return self._counts(contest, _first_turned(contest.gap / unit, sigmas), len(sigmas))

    def gated(self, target: Target, sigmas: Sequence[float]) -> np.ndarray:
        """
        Sweep the expected shift of a focus, applied only where there is evidence nearby.

        Where that is says `aim_ros.modulation.gating`; between the cells of the logits' grid the
        gate is interpolated as the logits are.

        :return: counts (S, C, C).
        :raises ValueError: the target is suppressed.
        """
        if target.sign < 0:
            raise ValueError(f'only a focus can be gated; {target.name} is suppressed')
        near = gate(self._logits, target.class_ids)[None, None].float()
        opened = interpolate(near, self.size, mode='bilinear', align_corners=False).flatten()
        contest = self._contest(target)
        critical = contest.gap / (expected_shift(1.0) * opened)
        return self._counts(contest, _first_turned(critical, sigmas), len(sigmas))

    def pixel(self, target: Target, sigmas: Sequence[float], keys: Sequence[int]
              ) -> tuple[np.ndarray, np.ndarray]:
        """
        Sweep per-pixel noise.

        :return: as of `utility`.
        """
        if len(target.class_ids) > 1:
            masks = [torch.stack(list(self._pixel_masks(target, sigmas, key))) for key in keys]
            counts = np.stack([np.stack([self.confusion(mask) for mask in by_sigma])
                               for by_sigma in masks])
            return counts, _differing(masks)
        contest = self._contest(target)
        turned = [
            _first_turned(contest.gap / self._draws(target.class_ids[0], key), sigmas)
            for key in keys]
        counts = np.stack([self._counts(contest, first, len(sigmas)) for first in turned])
        # Two draws differ at the sigmas between those at which they turn a pixel.
        steps = torch.arange(len(sigmas), device=contest.gap.device)[:, None]
        return counts, _differing([first[None] <= steps for first in turned])

    def _draws(self, class_id: int, key: int) -> Tensor:
        """Return ``|n|`` of every pixel (H * W,) for a class."""
        return standard_normal_range(
            0, self._scores.shape[1], class_id, key, FOCUS_STREAM, self._scores.device).abs_()

    def _pixel_masks(self, target: Target, sigmas: Sequence[float], key: int
                     ) -> Iterator[Tensor]:
        """Yield the mask of each sigma: of several targets another may lead at each."""
        ids = torch.tensor(target.class_ids, device=self._scores.device)
        draws = torch.stack([self._draws(class_id, key) for class_id in target.class_ids])
        scores, rest = self._scores[ids], self._contest(target).rest
        for sigma in sigmas:
            leader = torch.add(scores, draws, alpha=target.sign * sigma).max(0)
            leads = leader.values > rest.values
            yield torch.where(leads, ids[leader.indices], rest.indices)

    def _contest(self, target: Target) -> '_Contest':
        """Return who turns into whom, and what it takes."""
        ids = torch.tensor(target.class_ids, device=self._scores.device)
        others = [i for i in range(self.classes) if i not in target.class_ids]
        others = torch.tensor(others, device=self._scores.device)
        own, rest = self._scores[ids].max(0), self._scores[others].max(0)
        own = _Leader(own.values, ids[own.indices])
        rest = _Leader(rest.values, others[rest.indices])
        before, after = (rest, own) if target.sign > 0 else (own, rest)
        gap = before.values - after.values
        # Where `after` leads already, there is nothing to turn.
        gap = gap.masked_fill(self.base == after.indices, math.inf)
        return _Contest(gap, before.indices, after.indices, rest)

    def _counts(self, contest: '_Contest', first: Tensor, steps: int) -> np.ndarray:
        """Return the counts (S, C, C) where each pixel turns at step `first`, if below S."""
        pixels = (first < steps).nonzero()[:, 0]
        first, row = first[pixels], self._row[pixels]
        cells = (self.classes + 1) * self.classes
        moved = torch.zeros(steps * cells, dtype=torch.int64, device=row.device)
        for indices, change in ((contest.after, 1), (contest.before, -1)):
            moved += change * torch.bincount(
                first * cells + row + indices[pixels], minlength=steps * cells)
        moved = moved.view(steps, self.classes + 1, self.classes)[:, :-1].cumsum(0)
        return self.base_confusion + moved.cpu().numpy()


@dataclass(frozen=True)
class _Leader:
    """The best of some classes at each pixel: score and class id (H * W,)."""

    values: Tensor
    indices: Tensor


@dataclass(frozen=True)
class _Contest:
    """Which class may turn into which at each pixel, and by which shift; all (H * W,)."""

    gap: Tensor
    before: Tensor
    after: Tensor
    rest: _Leader


def _first_turned(critical: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Return the index of the first sigma above each pixel's critical one; S if there is none."""
    steps = torch.tensor(sigmas, dtype=critical.dtype, device=critical.device)
    return torch.bucketize(critical, steps, right=True)


def _differing(draws: Sequence[Tensor]) -> np.ndarray:
    """Return the pixels (S,) that differ between draws (S, H * W), the mean over all pairs."""
    pairs = [(a, b) for i, a in enumerate(draws) for b in draws[:i]]
    if not pairs:
        return np.full(len(draws[0]), np.nan)
    return np.mean([(a != b).sum(-1).cpu().numpy() for a, b in pairs], axis=0)
