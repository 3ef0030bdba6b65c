"""Which classes the CPU's kernels rule out where."""

import numpy as np
import pytest
import torch

pytest.importorskip('numba', reason='the CPU kernel needs numba')

from decode_checks import scores_of

from aim_ros.decoding.cpu.bounds import rule_out
from aim_ros.decoding.cpu.entry import request_of
from aim_ros.decoding.cpu.records import new_workspace
from aim_ros.decoding.grid import place_on_grid
from aim_ros.modulation import Modulation

KEY = 0xFEDCBA9876543210


def kept_classes(logits, size, modulation):
    """Return a bool array (C, H, W): the classes that the bounds leave at each pixel."""
    classes, height, width = logits.shape
    request, work = request_of(modulation, classes), new_workspace(classes, width, size[1])
    cells_y, _ = place_on_grid(height, size[0])
    cells_x, _ = place_on_grid(width, size[1])
    table = np.empty((classes, height, width), bool)
    for row in range(height):
        rule_out(logits.numpy(), row, request, work)
        for c in range(classes):
            table[c, row] = work.kept[c // 64] >> np.uint64(c % 64) & np.uint64(1)
    return table[:, cells_y][:, :, cells_x]


@pytest.mark.parametrize('classes', [19, 150])
@pytest.mark.parametrize('modulation', [
    Modulation(), Modulation(((1, 1), (2, -1), (5, -1)), 0.3),
    Modulation(((1, 1), (2, -1), (5, -1)), 0.1, 'pixel'),
    Modulation(((1, 1),), 0.05, 'pixel', utility_sigma=0.05)])
def test_winners_stay_and_most_others_go(modulation, classes):
    generator = torch.Generator().manual_seed(1)
    logits = (3 * torch.randn(classes, 1, 1, generator=generator)
              + 0.5 * torch.randn(classes, 8, 12, generator=generator))
    kept = torch.from_numpy(kept_classes(logits, (60, 90), modulation))
    for score in scores_of(logits, (60, 90), modulation, KEY).values():
        assert kept.gather(0, score.argmax(0)[None]).all()
    assert kept.float().sum(0).mean() < classes / 4


def test_a_suppressed_class_rules_nobody_out():
    """Class 0 leads everywhere by 2, but its noise may take more than that."""
    logits = torch.zeros(5, 4, 4)
    logits[0] = 2
    assert not kept_classes(logits, (8, 8), Modulation())[1:].any()
    assert kept_classes(logits, (8, 8), Modulation(((0, -1),), 1.0, 'pixel')).all()
    # The expected shift is known: 0.4 leaves it the lead.
    assert not kept_classes(logits, (8, 8), Modulation(((0, -1),), 0.5))[1:].any()


def test_a_target_stays_as_far_as_its_largest_draw_reaches():
    logits = torch.zeros(5, 4, 4)
    logits[0] = 6.7
    assert kept_classes(logits, (8, 8), Modulation(((3, 1),), 1.0, 'pixel'))[3].all()
    logits[0] = 6.8
    assert not kept_classes(logits, (8, 8), Modulation(((3, 1),), 1.0, 'pixel'))[3].any()
