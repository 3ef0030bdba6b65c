"""Figures of a segmentation: from confusion counts, and how far confidence can be trusted."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from rich.table import Table
import torch
import torch.nn.functional as F
from torchmetrics.classification import MulticlassConfusionMatrix
from transformers import SegformerForSemanticSegmentation

from aim_ros.experiments import metrics
from aim_ros.training.labels import IGNORE
from aim_ros.training.labels import NAMES
from aim_ros.training.model import SegformerImageProcessor
from aim_ros.training.sources import LabelledFrame

BINS = 15


class Figures(metrics.Figures):
    """What the confusion matrix (C, C) of one data set says; overall figures are plain numbers."""

    @property
    def pixels(self) -> np.ndarray:
        """Labelled pixels of each class."""
        return self.confusion.sum(1)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels that are right."""
        return float(super().pixel_accuracy)

    @property
    def miou(self) -> float:
        """Mean IoU over the classes present in the labels."""
        return float(super().miou)

    def as_dict(self) -> dict:
        """Return all figures as plain data."""
        return {
            'pixel_accuracy': self.pixel_accuracy, 'miou': self.miou,
            'classes': {
                name: {'pixels': int(self.pixels[i]), 'iou': _plain(self.iou[i]),
                       'accuracy': _plain(self.accuracy[i]),
                       'precision': _plain(self.precision[i])}
                for i, name in enumerate(NAMES[:len(self.confusion)])
            },
        }


def _plain(value):
    return None if np.isnan(value) else float(value)


class Observer(Protocol):
    """Something that is counted over the pixels of many frames."""

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add a frame: `logits` (C, H, W), `labels` (H, W), 255 for none."""


class Calibration:
    """
    How far confidence can be trusted, over all pixels and class by class.

    Pixels are put into 15 equal bins of confidence (Guo et al. 2017), for several temperatures at
    once.
    """

    def __init__(self, temperatures: Iterable[float] = (1.0,), classes: int = len(NAMES)):
        self.temperatures = tuple(temperatures)
        # Pixels, right ones and summed confidence by temperature, class decided for, and bin.
        self._counts = np.zeros((3, len(self.temperatures), classes, BINS))

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add a frame: `logits` (C, H, W), `labels` (H, W), 255 for none."""
        known = labels != IGNORE
        logits, labels = logits[:, known], labels[known]
        top, decided = logits.max(0)
        right = (decided == labels).double()
        for index, temperature in enumerate(self.temperatures):
            confidence = 1 / ((logits - top) / temperature).exp().sum(0).double()
            bins = decided * BINS + (confidence * BINS).long().clamp_(max=BINS - 1)
            for row, weights in enumerate((torch.ones_like(right), right, confidence)):
                counted = torch.bincount(bins, weights, minlength=self._counts[0, 0].size)
                self._counts[row, index] += counted.cpu().numpy().reshape(-1, BINS)

    def errors(self) -> np.ndarray:
        """
        Return the expected calibration error of each temperature.

        It is the mean over the pixels of |accuracy - mean confidence| of their bin.
        """
        pixels, right, confidence = self._counts.sum(2)
        return np.abs(right - confidence).sum(1) / pixels.sum(1)

    def by_class(self) -> tuple[np.ndarray, np.ndarray]:
        """
        Return mean confidence and precision of the pixels that each class was decided for.

        :return: two arrays (temperatures, classes), NaN for a class that nothing was taken for.
        """
        pixels, right, confidence = self._counts.sum(3)
        with np.errstate(invalid='ignore'):
            return confidence / pixels, right / pixels

    def as_dict(self) -> dict:
        """Return the errors and, of each class, confidence and precision, as plain data."""
        confidence, right = self.by_class()
        return {'calibration': {
            f'temperature {temperature:g}': {'error': error, 'classes': {
                name: {'confidence': _plain(confidence[index, i]),
                       'precision': _plain(right[index, i])}
                for i, name in enumerate(NAMES[:confidence.shape[1]])}}
            for index, (temperature, error) in enumerate(
                zip(self.temperatures, self.errors().tolist(), strict=True))}}


def predictor(model: SegformerForSemanticSegmentation, processor: SegformerImageProcessor,
              size: tuple[int, int]) -> Callable[[LabelledFrame], torch.Tensor]:
    """
    Return what gives the logits (C, H, W) of a frame at its own size.

    :param size: (height, width) of the network's input; its logits are upsampled bilinearly.
    """
    device = next(model.parameters()).device

    def predict(frame: LabelledFrame) -> torch.Tensor:
        pixels = processor(images=frame.image, return_tensors='pt',
                           size={'height': size[0], 'width': size[1]})['pixel_values']
        logits = model(pixels.to(device)).logits.float()
        return F.interpolate(logits, frame.image.shape[:2], mode='bilinear')[0]

    return predict


@torch.inference_mode()
def evaluate(predict: Callable[[LabelledFrame], torch.Tensor], frames: Iterable[LabelledFrame],
             observers: Iterable[Observer] = ()) -> Figures:
    """
    Measure on labelled frames.

    :param predict: returns the logits (C, H, W) of a frame; see `predictor`.
    :param observers: what else is counted on the way.
    """
    matrix = MulticlassConfusionMatrix(len(NAMES), ignore_index=IGNORE, validate_args=False)
    for frame in frames:
        logits = predict(frame)
        labels = torch.from_numpy(frame.labels.astype(np.int64)).to(logits.device)
        matrix.to(logits.device).update(logits.argmax(0)[None], labels[None])
        for observer in observers:
            observer.update(logits, labels)
    return Figures(matrix.compute().cpu().numpy())


def table(figures: Figures, calibration: Calibration, title: str) -> Table:
    """Return the figures of each class, and overall, as a table for the terminal."""
    confidence, _ = calibration.by_class()
    result = Table(title=title, caption=f'pixel accuracy {figures.pixel_accuracy:.4f}, '
                                        f'mIoU {figures.miou:.4f} over the classes present')
    for heading in ('class', 'pixels', 'IoU', 'accuracy', 'precision', 'confidence'):
        result.add_column(heading, justify='left' if heading == 'class' else 'right')
    for index, name in enumerate(NAMES[:len(figures.confusion)]):
        values = (figures.iou[index], figures.accuracy[index], figures.precision[index],
                  confidence[0, index])
        result.add_row(name, f'{figures.pixels[index]:,}', *(
            '-' if np.isnan(value) else f'{value:.3f}' for value in values))
    return result
