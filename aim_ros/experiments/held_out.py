"""Cross-validation of a logistic regression over scenes, and how well it tells two kinds apart."""

from collections.abc import Sequence
import math

import numpy as np

_FOLDS = 5

_PHOTOGRAPHS = 'ADE_'
"""What ADE20K's names begin with: photographs, each of which is a scene of its own."""


def scenes_of(frames: np.ndarray) -> np.ndarray:
    """
    Return which scene each frame is from: names that differ in their last number only are one.

    Frames of one scene show the same things, and a fit must not be tested on what it has seen.
    """
    return np.array([name if name.startswith(_PHOTOGRAPHS) else name.rstrip('0123456789')
                     for name in frames], str)


def folds_over(scenes: np.ndarray, real: np.ndarray) -> list[np.ndarray]:
    """
    Divide examples into at most `_FOLDS` parts, with no scene in two of them.

    :param scenes: of each example, (n,).
    :param real: its kind, bool (n,); each part gets a like share of either as far as that goes.
    :return: the indices of each part; a single part if there is a single scene.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(_FOLDS, len(set(scenes)))
    if count < 2:
        return [np.arange(len(scenes))]
    return [fold for _, fold in StratifiedGroupKFold(count).split(scenes, real, scenes)]


def pairs_within(real: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """
    Count the pairs of a real and another example in each fold, int (folds,).

    :param real: bool (n,).
    :param folds: the indices of each.
    """
    return np.array([real[fold].sum() * (~real[fold]).sum() for fold in folds], int)


def auc_within(probability: np.ndarray, real: np.ndarray, folds: Sequence[np.ndarray]
               ) -> tuple[float, float]:
    """
    Return the area under the ROC curve over the pairs within folds, and its standard error.

    A pair across folds would compare the probabilities of two fits, and each fit has seen fewer of
    the kind of which its fold holds more: pooled, mere noise has less than 0.5 (Parker et al.,
    BMC Bioinformatics 8:326, 2007). The error is that of a mean of folds weighted by their pairs
    (Cochran, Sampling Techniques, 1977, on estimates of ratios), half as large again with five
    folds, since the fits share most of what they have seen (Nadeau and Bengio, Machine Learning
    52:239, 2003).

    :param probability: (n,), of held-out examples.
    :param real: bool (n,).
    :param folds: the indices of each.
    :raises ValueError: fewer than two folds hold both kinds.
    """
    from sklearn.metrics import roc_auc_score

    pairs = pairs_within(real, folds)
    mixed = [fold for fold, count in zip(folds, pairs, strict=True) if count]
    if len(mixed) < 2:
        raise ValueError(f'at least 2 folds must hold both kinds, got {len(mixed)}')
    weights = pairs[pairs > 0] / pairs.sum()
    areas = np.array([roc_auc_score(real[fold], probability[fold]) for fold in mixed])
    mean = float(weights @ areas)
    squares = float(np.square(weights * (areas - mean)).sum())
    shared = 1 + len(mixed) / (len(folds) - 1)
    return mean, math.sqrt(shared * squares * len(mixed) / (len(mixed) - 1))


def regression():
    """Return the logistic regression that is fitted, on values brought to one scale."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000))


def held_out(values: np.ndarray, real: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """
    Return how probable each example is by a fit on all folds but its own, (n,).

    :param values: (n, measures).
    :param real: bool (n,).
    :param folds: the indices of each.
    :raises ValueError: all examples outside of a fold are of one kind.
    """
    from sklearn.model_selection import cross_val_predict
    from sklearn.model_selection import PredefinedSplit

    fold_of = np.empty(len(real), int)
    for number, fold in enumerate(folds):
        fold_of[fold] = number
    return cross_val_predict(
        regression(), values, real, cv=PredefinedSplit(fold_of), method='predict_proba')[:, 1]
