import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.classification import MulticlassConfusionMatrix
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.classification import MulticlassPrecision

from aim_ros.experiments.metrics import Figures

# Rows are the truth: 10 pixels of class 0, 5 of class 1, none of class 2.
COUNTED = np.array([[7, 1, 2], [1, 4, 0], [0, 0, 0]])


def test_figures_counted_by_hand():
    figures = Figures(COUNTED)
    np.testing.assert_allclose(figures.accuracy, [7 / 10, 4 / 5, np.nan])
    np.testing.assert_allclose(figures.precision, [7 / 8, 4 / 5, 0])
    np.testing.assert_allclose(figures.iou, [7 / 11, 4 / 6, 0])
    # Class 2 is not in the labels, so it is no part of the mean.
    assert figures.miou == pytest.approx((7 / 11 + 4 / 6) / 2)
    assert figures.pixel_accuracy == pytest.approx(11 / 15)


def test_a_group_counts_as_one_class():
    figures = Figures(COUNTED).of([0, 1])
    # Of 15 pixels 2 leave the group; which of 0 and 1 a pixel is does not count.
    assert figures.accuracy == pytest.approx(13 / 15)
    assert figures.precision == 1
    assert figures.iou == pytest.approx(13 / 15)


def test_leading_dimensions_are_kept():
    stack = np.stack([COUNTED, 2 * COUNTED])[:, None]
    figures = Figures(stack)
    assert figures.miou.shape == (2, 1)
    assert figures.of([1]).iou.shape == (2, 1)
    np.testing.assert_allclose(figures.iou[1, 0], Figures(COUNTED).iou)


def test_figures_agree_with_torchmetrics():
    generator = torch.Generator().manual_seed(1)
    truth = torch.randint(0, 5, (2, 30, 40), generator=generator)
    decided = torch.where(torch.rand(truth.shape, generator=generator) < 0.6, truth,
                          torch.randint(0, 5, truth.shape, generator=generator))
    truth[:, :5] = 255
    options = {'num_classes': 5, 'ignore_index': 255}
    figures = Figures(MulticlassConfusionMatrix(**options)(decided, truth).numpy())
    for ours, metric in (
        (figures.accuracy, MulticlassAccuracy(average='none', **options)),
        (figures.precision, MulticlassPrecision(average='none', **options)),
        (figures.iou, MulticlassJaccardIndex(average='none', **options)),
        (figures.miou, MulticlassJaccardIndex(average='macro', **options)),
        (figures.pixel_accuracy, MulticlassAccuracy(average='micro', **options)),
    ):
        np.testing.assert_allclose(ours, metric(decided, truth).numpy(), rtol=1e-6)
