"""The counts of a whole data set under modulation, from which every figure follows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from aim_ros.experiments.datasets import Dataset
from aim_ros.experiments.datasets import Sample
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.parallel import each
from aim_ros.experiments.sweep import FrameSweep
from aim_ros.experiments.sweep import MEDIAN
from aim_ros.experiments.sweep import Target
from aim_ros.modulation import expected_shift
from aim_ros.modulation import frame_key
from aim_ros.modulation import SAMPLINGS

_FIRST = ('pixel', 'expected', 'median')
SWEPT = (*_FIRST, *(sampling for sampling in SAMPLINGS if sampling not in _FIRST))
"""
What is compared: those of `aim_ros.modulation`, the paper's first, and the median shift, which no
decoder has. A gate is for a focus only, see `FrameSweep.gated`.
"""

FOCUS_SIGMAS = tuple(round(0.2 * step, 1) for step in range(1, 13))
UTILITY_SIGMAS = tuple(float(sigma) for sigma in range(21))


@dataclass(frozen=True)
class Plan:
    """
    What is swept.

    :param targets: what is focused on or suppressed.
    :param sigmas: of focus modulation, ascending and above 0.
    :param utility_sigmas: of utility modulation, ascending.
    :param seeds: how often everything that is drawn is drawn, seeds 0, 1, ...
    """

    targets: tuple[Target, ...]
    sigmas: tuple[float, ...] = FOCUS_SIGMAS
    utility_sigmas: tuple[float, ...] = UTILITY_SIGMAS
    seeds: int = 3


@dataclass(frozen=True)
class Counts:
    """
    Pixel counts over all frames; confusion matrices have the truth in their rows.

    :param frames: the unmodulated confusion (C, C) of each frame by its name.
    :param utility: (draws, S, C, C) under utility modulation.
    :param focus: (draws, S, C, C) by target and sampling; one draw where nothing is drawn.
    :param flicker: share of the pixels (S,), 0..1, that differ between two draws, by target;
        the key None is utility modulation. NaN with one seed.
    """

    frames: Mapping[str, np.ndarray]
    utility: np.ndarray
    focus: Mapping[tuple[Target, str], np.ndarray]
    flicker: Mapping[Target | None, np.ndarray]

    @property
    def base(self) -> np.ndarray:
        """The unmodulated confusion (C, C) of all frames together."""
        return sum(self.frames.values())


def measure(dataset: Dataset, model: CachedSegmenter, plan: Plan) -> Counts:
    """Sweep every frame of a data set; shows a progress bar."""
    table = dataset.class_table(model.labels)

    def sweep(sample: Sample) -> tuple[str, np.ndarray, tuple[int, int], dict]:
        logits = torch.from_numpy(model.logits(sample.frame())).to(model.device)
        frame = FrameSweep(logits, dataset.truth(sample, table))
        keys = [frame_key(seed, sample.name, 0) for seed in range(plan.seeds)]
        return sample.name, frame.base_confusion, frame.size, _sweep_frame(frame, plan, keys)

    frames, totals, pixels = {}, {}, 0
    for name, base, (height, width), counted in each(sweep, dataset.samples, 'frames'):
        frames[name] = base
        pixels += height * width
        for key, value in counted.items():
            totals[key] = totals.get(key, 0) + value
    return Counts(
        frames,
        totals['utility', None],
        {(target, kind): value for (kind, target), value in totals.items() if kind in SWEPT},
        {target: value / pixels for (kind, target), value in totals.items() if kind == 'differ'})


def _sweep_frame(frame: FrameSweep, plan: Plan, keys: list[int]
                 ) -> dict[tuple[str, Target | None], np.ndarray]:
    """Return the counts of one frame by (what, target)."""
    counted = {}
    counted['utility', None], counted['differ', None] = frame.utility(plan.utility_sigmas, keys)
    for target in plan.targets:
        for kind, unit in (('expected', expected_shift(1.0)), ('median', MEDIAN)):
            counted[kind, target] = frame.deterministic(target, unit, plan.sigmas)[None]
        if target.sign > 0:
            counted['gated', target] = frame.gated(target, plan.sigmas)[None]
        counted['pixel', target], counted['differ', target] = frame.pixel(
            target, plan.sigmas, keys)
    return counted
