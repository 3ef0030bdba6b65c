"""The filter for road users that only the modulation sees, fitted on labelled frames."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from aim_ros.decoding.decode import decode
from aim_ros.experiments.datasets import Dataset
from aim_ros.experiments.held_out import auc_within
from aim_ros.experiments.held_out import folds_over
from aim_ros.experiments.held_out import held_out
from aim_ros.experiments.held_out import pairs_within
from aim_ros.experiments.held_out import regression
from aim_ros.experiments.held_out import scenes_of
from aim_ros.experiments.logits import CachedSegmenter
from aim_ros.experiments.parallel import each
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.components import Scores
from aim_ros.hazards.emphasis import share_out
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import MEASURES
from aim_ros.hazards.emphasis_filter import measures
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.regions import Region
from aim_ros.hazards.sight import perceive
from aim_ros.modulation import Modulation

_MIN_TRUE = 0.5
"""A region is a road user if this share of its pixels is, by the labels."""

_MIN_EXAMPLES = 20
"""Of either kind, for a fit."""

_MIN_PRECISION = 0.5

_MIN_MIXED, _MAX_SHARE = 3, 0.5
"""So many folds have to hold both kinds, and none may hold more than this share of the pairs: no
single scene decides."""

_CHANCE, _MIN_AUC, _ERRORS = 0.5, 0.6, 2
"""Area under the ROC curve by chance; below which a fit is none, on scenes that it has not seen;
and how many standard errors it has to be above chance."""


@dataclass(frozen=True)
class Examples:
    """
    Regions that only the modulation finds.

    :param values: their measures, (n, len(`MEASURES`)).
    :param real: whether each is a road user, bool (n,).
    :param frames: names of the frames that they are from, (n,).
    """

    values: np.ndarray
    real: np.ndarray
    frames: np.ndarray


def collect(dataset: Dataset, model: CachedSegmenter, modulation: Modulation,
            class_ids: tuple[int, ...], min_area: int) -> Examples:
    """
    Find the regions of labelled frames that belong to no neutral road user.

    :param class_ids: the classes that are alerted.
    """
    classes = RoadUserClasses.of(model.labels)
    table = dataset.class_table(model.labels)
    groups = classes.search(class_ids)
    names = classes.groups_of(class_ids)

    def one(sample) -> list[tuple[list[float], bool, str]]:
        logits = model.logits(sample.frame())
        truth = dataset.truth(sample, table)
        decoded = decode(torch.from_numpy(logits), truth.shape, modulation)
        base, focused = decoded.base.numpy(), decoded.focused.numpy()
        scores = Scores.lazy(logits, groups.count, model.temperature)
        neutral = perceive(base, base, scores, classes, class_ids, min_area)
        added = perceive(base, focused, scores, classes, class_ids, min_area)
        boxes = [region.box for region in neutral.regions]
        _, free = share_out(added.regions, [region.group for region in neutral.regions],
                            as_array(boxes))
        group_of_truth = np.where(truth >= 0, groups.group_of_class[truth], -1)
        return [(measures(region, truth.shape, boxes),
                 _is_real(region, names.index(region.group), group_of_truth, focused, groups),
                 sample.name)
                for region in free if region.area >= min_area]

    found = [example for examples in each(one, dataset.samples, 'emphasised regions')
             for example in examples]
    return Examples(np.array([values for values, _, _ in found]).reshape(-1, len(MEASURES)),
                    np.array([real for _, real, _ in found], bool),
                    np.array([name for _, _, name in found], str))


def _is_real(region: Region, group: int, group_of_truth: np.ndarray, focused: np.ndarray, groups
             ) -> bool:
    x, y, width, height = region.box
    crop = np.s_[y:y + height, x:x + width]
    pixels = groups.group_of_class[focused[crop]] == group
    return bool((group_of_truth[crop][pixels] == group).mean() >= _MIN_TRUE)


def fit(examples: Examples, model: str) -> tuple[EmphasisFilter | None, str]:
    """
    Fit a filter by logistic regression, its threshold by cross-validation over scenes.

    :param model: the model's `fingerprint`.
    :return: the filter, None if there are too few examples or scenes, or if it tells them apart
        hardly better than chance; and a sentence about it.
    """
    real, total = int(examples.real.sum()), len(examples.real)
    if min(real, total - real) < _MIN_EXAMPLES:
        return None, (
            f'No filter for emphasised road users: only {real} of {total} regions that modulation '
            f'alone finds are road users, and at least {_MIN_EXAMPLES} of either kind are needed; '
            'without one they need longer evidence.')
    scenes = scenes_of(examples.frames)
    folds = folds_over(scenes, examples.real)
    pairs = pairs_within(examples.real, folds)
    mixed, largest = int((pairs > 0).sum()), pairs.max() / max(pairs.sum(), 1)
    if mixed < _MIN_MIXED or largest > _MAX_SHARE:
        return None, (
            f'No filter for emphasised road users: of {total} regions that modulation alone finds '
            f'{real} are road users, but a fit cannot be judged on scenes that it has not seen. '
            f'Scenes: {len(set(scenes))}, folds over them: {len(folds)}, with both kinds: {mixed} '
            f'(at least {_MIN_MIXED} are needed), largest share of the pairs in one: '
            f'{100 * largest:.0f} % (at most {100 * _MAX_SHARE:.0f} % is allowed). '
            'Give frames of more scenes: names that differ in their last number only are of one. '
            'Without a filter such road users need longer evidence.')
    probability = held_out(examples.values, examples.real, folds)
    auc, error = auc_within(probability, examples.real, folds)
    if auc < _MIN_AUC or auc - _ERRORS * error <= _CHANCE:
        return None, (
            f'No filter for emphasised road users: of {total} regions that modulation alone finds '
            f'{real} are road users, and on scenes that it has not seen a fit tells them apart '
            f'with an area under the ROC curve of {auc:.2f} within folds, standard error '
            f'{error:.2f} (at least {_MIN_AUC:g} is needed, and {_ERRORS} standard errors above '
            f'{_CHANCE:g}, which is chance); without one they need longer evidence.')
    threshold, recall, precision = choose_threshold(probability, examples.real)
    scaler, logistic = (
        step for _, step in regression().fit(examples.values, examples.real).steps)
    weights = logistic.coef_[0] / scaler.scale_
    bias = float(logistic.intercept_[0] - (weights * scaler.mean_).sum())
    fitted = EmphasisFilter(
        tuple(round(float(weight), 6) for weight in weights), round(bias, 6),
        round(threshold, 4), model)
    return fitted, (
        f'The filter for emphasised road users keeps {100 * recall:.0f} % of the real ones among '
        f'{total} regions that modulation alone finds ({real} real), with a precision of '
        f'{100 * precision:.0f} % instead of {100 * real / total:.0f} % ({len(folds)}-fold '
        f'cross-validation over {len(set(scenes))} scenes; area under the ROC curve {auc:.2f} '
        f'within folds, standard error {error:.2f}).')


def choose_threshold(probability: np.ndarray, real: np.ndarray) -> tuple[float, float, float]:
    """
    Return the least threshold whose precision is at least `_MIN_PRECISION`, else the most precise.

    :param probability: (n,), of held-out examples.
    :param real: bool (n,).
    :return: threshold, recall and precision.
    """
    best = None
    for threshold, recall, precision in _curve(probability, real):
        if best is None or precision > best[2]:
            best = threshold, recall, precision
        if precision >= _MIN_PRECISION:
            return threshold, recall, precision
    return best


def _curve(probability: np.ndarray, real: np.ndarray) -> Iterator[tuple[float, float, float]]:
    for threshold in np.linspace(0.02, 0.98, 49):
        kept = probability >= threshold
        if kept.any():
            yield (float(threshold), float(real[kept].sum() / real.sum()),
                   float(real[kept].mean()))
