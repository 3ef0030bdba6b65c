"""Figures of a segmentation, from confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassFigures:
    """
    Figures of one class, or of several taken for one; arrays of any shape, NaN where undefined.

    :param accuracy: recall.
    """

    accuracy: np.ndarray
    precision: np.ndarray
    iou: np.ndarray


@dataclass(frozen=True)
class Figures:
    """
    What confusion matrices say; tested against torchmetrics, which takes pixels, not matrices.

    :param confusion: (..., C, C) pixel counts: rows are the truth, columns the decision. Any
        leading dimensions (draws, sigmas) are those of all figures.
    """

    confusion: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """Recall of each class (..., C): NaN where the labels do not show it."""
        return _ratio(self._right, self._truth)

    @property
    def precision(self) -> np.ndarray:
        """Share of the pixels given to each class that belong to it (..., C): NaN without any."""
        return _ratio(self._right, self.confusion.sum(-2))

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each class (..., C): NaN where nobody sees it."""
        return _ratio(self._right, self._truth + self.confusion.sum(-2) - self._right)

    @property
    def miou(self) -> np.ndarray:
        """Mean IoU over the classes that the labels show (...)."""
        return np.where(self._truth > 0, self.iou, np.nan).mean(-1, where=self._truth > 0)

    @property
    def pixel_accuracy(self) -> np.ndarray:
        """Share of the labelled pixels that are right (...)."""
        return _ratio(self._right.sum(-1), self._truth.sum(-1))

    def of(self, class_ids: Sequence[int]) -> 'ClassFigures':
        """Return the figures of some classes taken for one: which of them does not count."""
        ids = list(class_ids)
        right = self.confusion[..., ids, :][..., ids].sum((-2, -1))
        truth, decided = self._truth[..., ids].sum(-1), self.confusion[..., ids].sum((-2, -1))
        return ClassFigures(
            _ratio(right, truth), _ratio(right, decided), _ratio(right, truth + decided - right))

    @property
    def _right(self) -> np.ndarray:
        return np.diagonal(self.confusion, axis1=-2, axis2=-1)

    @property
    def _truth(self) -> np.ndarray:
        return self.confusion.sum(-1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.where(whole > 0, part / whole, np.nan)
