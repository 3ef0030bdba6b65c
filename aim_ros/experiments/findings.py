"""What ``experiments segmentation`` found, as figures."""

from collections.abc import Iterator

import numpy as np

from aim_ros.experiments.measurement import Counts
from aim_ros.experiments.measurement import Plan
from aim_ros.experiments.measurement import SWEPT
from aim_ros.experiments.metrics import Figures
from aim_ros.experiments.report import Row
from aim_ros.experiments.statistics import Interval
from aim_ros.experiments.statistics import mean_interval
from aim_ros.experiments.sweep import Target

FIGURES = {'accuracy': 'accuracy', 'precision': 'precision', 'iou': 'IoU'}
"""Names of the figures of a class, as fields and for people."""


class Findings:
    """
    Figures of the counts, by target and sampling, with sigma 0 in front of the sweep.

    :param counts: what was measured.
    :param plan: what was swept.
    :param tolerance: share of the unmodulated mIoU that may be lost.
    """

    def __init__(self, counts: Counts, plan: Plan, tolerance: float):
        self.counts = counts
        self.plan = plan
        self.tolerance = tolerance
        self.base = Figures(counts.base)
        self.sigmas = np.array([0.0, *plan.sigmas])

    def samplings(self, target: Target) -> list[str]:
        """Return the samplings that were measured for a target."""
        return [kind for kind in SWEPT if (target, kind) in self.counts.focus]

    def _figures(self, target: Target, sampling: str) -> Figures:
        """Return figures (draws, 1 + S)."""
        swept = self.counts.focus[target, sampling]
        return Figures(np.concatenate(
            [np.broadcast_to(self.counts.base, swept[:, :1].shape), swept], axis=1))

    def of(self, target: Target, sampling: str, figure: str) -> Interval:
        """Return accuracy, precision or iou (1 + S,) of the target's classes taken for one."""
        figures = self._figures(target, sampling).of(target.class_ids)
        return mean_interval(getattr(figures, figure))

    def miou(self, target: Target, sampling: str) -> Interval:
        """Return the mIoU (1 + S,)."""
        return mean_interval(self._figures(target, sampling).miou)

    def loss(self, target: Target, sampling: str) -> np.ndarray:
        """Return the share of the unmodulated mIoU that is lost (1 + S,)."""
        return 1 - self.miou(target, sampling).mean / self.base.miou

    def flicker(self, target: Target, sampling: str) -> np.ndarray:
        """Return the share of pixels (1 + S,) that differ between two draws."""
        drawn = self.counts.flicker[target] if sampling == 'pixel' else 0 * self.sigmas[1:]
        return np.concatenate([[0.0], drawn])

    def at_tolerance(self, target: Target, sampling: str) -> Row:
        """Return what a focus gives where its mIoU is at the tolerance, linear between sigmas."""
        sigma, reached = crossing(self.sigmas, self.loss(target, sampling), self.tolerance)
        row = {'class': target.name, 'sampling': sampling, 'sigma': sigma,
               'end of range': 'no' if reached else 'yes',
               'mIoU lost %': 100 * np.interp(sigma, self.sigmas, self.loss(target, sampling))}
        for figure, name in FIGURES.items():
            interval = self.of(target, sampling, figure)
            gained = np.interp(sigma, self.sigmas, interval.mean) - interval.mean[0]
            row[f'{name} %'] = 100 * interval.mean[0]
            row[f'{name} gained'] = 100 * gained
            if figure == 'accuracy':
                row['±'] = 100 * np.interp(sigma, self.sigmas, interval.half_width)
        row['flicker %'] = 100 * np.interp(sigma, self.sigmas, self.flicker(target, sampling))
        return row

    def rows(self) -> Iterator[Row]:
        """Yield everything about focus and suppression, a row a target, sampling and sigma."""
        for target in self.plan.targets:
            for sampling in self.samplings(target):
                figures = {name: self.of(target, sampling, name) for name in FIGURES}
                figures['miou'] = self.miou(target, sampling)
                flicker = self.flicker(target, sampling)
                for step, sigma in enumerate(self.sigmas):
                    row = {'class': target.name, 'sign': target.sign, 'sampling': sampling,
                           'sigma': sigma}
                    for name, interval in figures.items():
                        row[name] = interval.mean[step]
                        row[f'{name}_low'] = interval.low[step]
                        row[f'{name}_high'] = interval.high[step]
                    row['miou_lost_share'] = self.loss(target, sampling)[step]
                    row['flicker_share'] = flicker[step]
                    yield row


def crossing(sigmas: np.ndarray, loss: np.ndarray, tolerance: float) -> tuple[float, bool]:
    """
    Return the sigma at which a loss first exceeds a tolerance, linear between the given ones.

    :param sigmas: ascending (S,).
    :param loss: (S,), at most `tolerance` at the first sigma.
    :return: that sigma and True; or the last sigma and False where the loss stays within.
    """
    above = np.flatnonzero(loss > tolerance)
    if not len(above):
        return float(sigmas[-1]), False
    left, right = above[0] - 1, above[0]
    part = (tolerance - loss[left]) / (loss[right] - loss[left])
    return float(sigmas[left] + part * (sigmas[right] - sigmas[left])), True
