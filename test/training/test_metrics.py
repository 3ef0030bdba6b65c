from types import SimpleNamespace

import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing()

import torch  # noqa: E402

from aim_ros.training import metrics  # noqa: E402
from aim_ros.training.sources import LabelledFrame  # noqa: E402


def test_figures_are_those_counted_by_hand():
    # Class 0: 3 right, 1 taken for 1. Class 1: 2 right. Class 2: absent, but predicted once
    # where class 1 is true.
    figures = metrics.Figures(np.array([[3, 1, 0], [0, 2, 1], [0, 0, 0]]))
    assert figures.pixel_accuracy == pytest.approx(5 / 7)
    assert figures.accuracy[:2] == pytest.approx([3 / 4, 2 / 3])
    assert np.isnan(figures.accuracy[2])
    assert figures.precision == pytest.approx([1, 2 / 3, 0])
    assert figures.iou == pytest.approx([3 / 4, 2 / 4, 0])
    assert figures.miou == pytest.approx((3 / 4 + 2 / 4) / 2)  # over the classes present
    assert figures.as_dict()['classes']['sidewalk']['pixels'] == 3
    assert figures.as_dict()['classes']['building']['accuracy'] is None


def frame_of(pixels):
    """Return logits (C, 1, N) of one row of pixels."""
    return torch.tensor(pixels).T[:, None]


def test_calibration_error_of_two_known_bins():
    # Four pixels at confidence 0.9, three of them right; two at 0.6, both right; one unlabelled.
    sure, unsure = np.log(0.9 / 0.1), np.log(0.6 / 0.4)
    logits = frame_of([[sure, 0.0]] * 4 + [[unsure, 0.0]] * 2 + [[0.0, 9.0]])
    labels = torch.tensor([[0, 0, 0, 1, 0, 0, 255]])
    calibration = metrics.Calibration((1.0, 1e6), classes=2)
    calibration.update(logits, labels)
    wanted = (4 * abs(0.75 - 0.9) + 2 * abs(1.0 - 0.6)) / 6
    flat = abs(5 / 6 - 0.5)  # a huge temperature makes every confidence one half
    assert calibration.errors() == pytest.approx([wanted, flat], abs=1e-5)


def test_calibration_of_each_class_is_of_the_pixels_taken_for_it():
    # Class 0 at 0.9 and 0.6, right once; class 1 at 0.8, right; class 2 never.
    logits = torch.log(frame_of([[0.9, 0.1, 1e-9], [0.6, 0.4, 1e-9], [0.2, 0.8, 1e-9]]))
    calibration = metrics.Calibration(classes=3)
    for _ in range(2):
        calibration.update(logits, torch.tensor([[0, 2, 1]]))
    confidence, right = calibration.by_class()
    assert confidence[0, :2] == pytest.approx([0.75, 0.8], abs=1e-6)
    assert right[0, :2] == pytest.approx([0.5, 1.0])
    assert np.isnan([confidence[0, 2], right[0, 2]]).all()


class Constant(torch.nn.Module):
    """Answers road in the left half and car in the right, on a coarse grid."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(num_labels=19)
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pixels):
        logits = torch.zeros(1, 19, 4, 8)
        logits[:, 0, :, :4] = 9
        logits[:, 13, :, 4:] = 9
        return SimpleNamespace(logits=logits)


def test_evaluation_is_at_the_labels_own_resolution():
    def processor(images, return_tensors, size):
        return {'pixel_values': torch.zeros(1, 3, size['height'], size['width'])}

    labels = np.zeros((20, 40), np.uint8)
    labels[:, 20:] = 13
    labels[0] = 255
    labels[1, 20:] = 0
    frame = LabelledFrame('f', np.zeros((20, 40, 3), np.uint8), labels)
    calibration = metrics.Calibration()
    figures = metrics.evaluate(metrics.predictor(Constant(), processor, (16, 32)), [frame],
                               [calibration])
    assert figures.pixels[0] == 19 * 20 + 20
    assert figures.accuracy[0] == pytest.approx(19 / 20)
    assert figures.accuracy[13] == 1
    assert figures.confusion.sum() == 19 * 40
    assert calibration.by_class()[1][0, [0, 13]] == pytest.approx(figures.precision[[0, 13]])
