"""Sigma by measurement: as much as the labels allow, or as a budget of changed pixels allows."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import math

import numpy as np
import torch
from torch import Tensor

from aim_ros.decoding.decode import decode
from aim_ros.decoding.limit import limit_sigma
from aim_ros.experiments.datasets import Dataset
from aim_ros.experiments.datasets import IGNORE
from aim_ros.experiments.datasets import Sample
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.metrics import Figures
from aim_ros.experiments.parallel import each
from aim_ros.modulation import focus_modulation
from aim_ros.modulation import frame_key
from aim_ros.modulation import Modulation

COARSE = 0.2
"""Step of the search, in logits: the paper's."""
FINE = 0.05
"""Step of its refinement; divides `COARSE`."""


def largest_sigma(accept: Callable[[float], bool], limit: float) -> float:
    """
    Return the largest sigma up to which everything tried is accepted, 0 if nothing is.

    Sigma rises by `COARSE` until one is refused, and by `FINE` from the last that was not. What
    lies beyond the first refusal does not count, even if it would be accepted.

    :param accept: says whether a sigma is small enough; asked in ascending order, up to the
        refinement.
    :param limit: the largest sigma that is tried.
    """
    def climb(start: int, step: int, end: int) -> int:
        """Return the last accepted multiple of `FINE`."""
        while start + step <= end and accept(round((start + step) * FINE, 6)):
            start += step
        return start

    steps, end = round(COARSE / FINE), math.floor(limit / FINE + 1e-9)
    coarse = climb(0, steps, end)
    return round(climb(coarse, 1, min(coarse + steps - 1, end)) * FINE, 6)


class LabelledSearch:
    """
    A modulation measured on labelled frames at any sigma, each once.

    The masks are those that the node would publish, at the labels' resolution.

    :param modulation: its signs and sampling count.
    :param seeds: draws, where the sampling draws.
    :param max_changed: the bound on changed pixels, 0..1, by which each frame's sigma is limited.
    """

    def __init__(self, dataset: Dataset, model: CachedSegmenter, modulation: Modulation,
                 seeds: int, max_changed: float = 1.0):
        self._dataset = dataset
        self._model = model
        self._modulation = modulation
        self._seeds = range(seeds if modulation.sampling == 'pixel' else 1)
        self._max_changed = max_changed
        self._table = dataset.class_table(model.labels)
        self._measured: dict[float, Figures] = {}

    @property
    def sigmas(self) -> list[float]:
        """The sigmas that were measured, ascending."""
        return sorted(self._measured)

    def figures(self, sigma: float) -> Figures:
        """Return the figures (draws,) at a sigma."""
        if sigma not in self._measured:
            modulation = replace(self._modulation, sigma=sigma)
            counts = each(lambda sample: self._count(sample, modulation), self._dataset.samples,
                          f'sigma {sigma:.2f}')
            self._measured[sigma] = Figures(sum(counts))
        return self._measured[sigma]

    def loss(self, sigma: float) -> float:
        """Return the share of the unmodulated mIoU that is lost, the mean over the draws."""
        return float(1 - self.figures(sigma).miou.mean() / self.figures(0.0).miou.mean())

    def _count(self, sample: Sample, modulation: Modulation) -> np.ndarray:
        """Return the counts (draws, C, C) of one frame."""
        logits = torch.from_numpy(self._model.logits(sample.frame()))
        modulation = replace(
            modulation, sigma=limit_sigma(logits, modulation, self._max_changed))
        truth = self._dataset.truth(sample, self._table)
        known, classes = truth != IGNORE, len(logits)
        counts = []
        for seed in self._seeds:
            key = frame_key(seed, sample.name, 0)
            mask = decode(logits, truth.shape, modulation, key=key).mask
            cells = truth[known] * classes + mask.numpy()[known]
            counts.append(np.bincount(cells, minlength=classes**2).reshape(classes, classes))
        return np.stack(counts)


def believed_accuracy(
    logits: Tensor, modulation: Modulation, temperature: float, groups: Mapping[str, Sequence[int]]
) -> dict[str, float]:
    """
    Return the accuracy that a model may expect of its own decisions, if its softmax is right.

    With the probability ``p`` of a group at each cell it is the sum of ``p`` over the cells that
    are given to the group, divided by that over all cells.

    :param logits: (C, h, w).
    :param temperature: of the softmax, > 0.
    :param groups: class ids by name; who is which within a group does not count.
    """
    modulated = focus_modulation(
        logits, dict(modulation.signs), modulation.sigma, dim=0, sampling=modulation.sampling,
        key=0)
    decided = modulated.argmax(0)
    probability = (logits / temperature).softmax(0)
    accuracy = {}
    for name, ids in groups.items():
        of_group = probability[list(ids)].sum(0)
        given = torch.isin(decided, torch.tensor(ids))
        accuracy[name] = float(of_group[given].sum() / of_group.sum())
    return accuracy
