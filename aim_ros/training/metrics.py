"""Figures of a segmentation: from confusion counts, and how far confidence can be trusted."""

from collections.abc import Iterable

import numpy as np
from rich.table import Table
import torch
import torch.nn.functional as F
from torchmetrics.classification import MulticlassConfusionMatrix

from aim_ros.experiments import metrics
from aim_ros.training.data import Frame
from aim_ros.training.labels import IGNORE
from aim_ros.training.labels import NAMES

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


class Calibration:
    """
    Expected calibration error over pixels, for several temperatures at once.

    Pixels are put into 15 equal bins of confidence (Guo et al. 2017); the error is the mean over
    the pixels of |accuracy - mean confidence| of their bin.
    """

    def __init__(self, temperatures: Iterable[float] = (1.0,)):
        self.temperatures = tuple(temperatures)
        self._counts = np.zeros((3, len(self.temperatures), BINS))  # pixels, right, confidence

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add pixels: `logits` (N, C) at the labels' resolution, `labels` (N,)."""
        right = (logits.argmax(1) == labels).double()
        top = logits.max(1, keepdim=True).values
        for index, temperature in enumerate(self.temperatures):
            confidence = 1 / ((logits - top) / temperature).exp().sum(1).double()
            bins = (confidence * BINS).long().clamp_(max=BINS - 1)
            for row, weights in enumerate((torch.ones_like(right), right, confidence)):
                self._counts[row, index] += torch.bincount(
                    bins, weights, minlength=BINS).cpu().numpy()

    def errors(self) -> np.ndarray:
        """Return the expected calibration error of each temperature."""
        pixels, right, confidence = self._counts
        return np.abs(right - confidence).sum(1) / pixels.sum(1)


@torch.inference_mode()
def label_logits(model, processor, frame: Frame, size: tuple[int, int]) -> torch.Tensor:
    """Return the logits (C, H, W) of a frame, upsampled bilinearly to its labels' size."""
    pixels = processor(images=frame.image, return_tensors='pt',
                       size={'height': size[0], 'width': size[1]})['pixel_values']
    logits = model(pixels.to(next(model.parameters()).device)).logits.float()
    return F.interpolate(logits, frame.labels.shape, mode='bilinear', align_corners=False)[0]


def evaluate(model, processor, frames: Iterable[Frame], size: tuple[int, int],
             calibration: Calibration | None = None) -> Figures:
    """Measure a model in evaluation mode on labelled frames at one network input size."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    classes = model.config.num_labels
    matrix = MulticlassConfusionMatrix(classes, ignore_index=IGNORE,
                                       validate_args=False).to(device)
    for frame in frames:
        logits = label_logits(model, processor, frame, size)
        labels = torch.from_numpy(frame.labels.astype(np.int64)).to(device)
        matrix.update(logits.argmax(0)[None], labels[None])
        if calibration is not None:
            known = labels != IGNORE
            calibration.update(logits[:, known].T, labels[known])
    model.train(was_training)
    return Figures(matrix.compute().cpu().numpy())


def table(figures: Figures, title: str) -> Table:
    """Return the figures of each class, and overall, as a table for the terminal."""
    result = Table(title=title, caption=f'pixel accuracy {figures.pixel_accuracy:.4f}, '
                                        f'mIoU {figures.miou:.4f} over the classes present')
    for heading in ('class', 'pixels', 'IoU', 'accuracy', 'precision'):
        result.add_column(heading, justify='left' if heading == 'class' else 'right')
    for index, name in enumerate(NAMES[:len(figures.confusion)]):
        values = (figures.iou[index], figures.accuracy[index], figures.precision[index])
        result.add_row(name, f'{figures.pixels[index]:,}', *(
            '-' if np.isnan(value) else f'{value:.3f}' for value in values))
    return result
