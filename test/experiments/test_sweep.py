import numpy as np
import pytest
import torch

from aim_ros.decoding.decode import decode
from aim_ros.experiments.datasets import IGNORE
from aim_ros.experiments.sweep import FrameSweep
from aim_ros.experiments.sweep import MEDIAN
from aim_ros.experiments.sweep import Target
from aim_ros.modulation import expected_shift
from aim_ros.modulation import Modulation
from aim_ros.modulation import stays_below_probability

SIGMAS = (0.5, 1.0, 2.0)
KEYS = (11, 12)
SIZE = (33, 47)


@pytest.fixture
def scene(device):
    """Random logits on a grid, and labels with a part that has none."""
    generator = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(6, 9, 13, generator=generator)
    truth = torch.randint(0, 6, SIZE, generator=generator).numpy()
    truth[:4] = IGNORE
    return logits.to(device), truth


def counted(mask, truth):
    """Count pixel by pixel."""
    matrix = np.zeros((6, 6), int)
    known = truth != IGNORE
    np.add.at(matrix, (truth[known], mask.cpu().numpy()[known]), 1)
    return matrix


def assert_same(ours, mask, truth):
    # The upsampling of the two rounds differently: a pixel in a tie may fall on either side.
    assert np.abs(ours - counted(mask, truth)).sum() <= 4


@pytest.mark.parametrize('target', [
    Target('one', (3,)), Target('two', (1, 4)), Target('less', (3,), -1),
    Target('both less', (1, 4), -1)])
def test_sweeps_are_what_decode_decides(scene, target):
    logits, truth = scene
    sweep = FrameSweep(*scene)
    signs = tuple((class_id, target.sign) for class_id in target.class_ids)
    expected = sweep.deterministic(target, expected_shift(1.0), SIGMAS)
    drawn, _ = sweep.pixel(target, SIGMAS, KEYS)
    for step, sigma in enumerate(SIGMAS):
        mask = decode(logits, SIZE, Modulation(signs, sigma)).mask
        assert_same(expected[step], mask, truth)
        for draw, key in enumerate(KEYS):
            modulation = Modulation(signs, sigma, sampling='pixel')
            assert_same(drawn[draw, step], decode(logits, SIZE, modulation, key=key).mask, truth)


def test_utility_is_what_decode_decides(scene):
    logits, truth = scene
    drawn, differing = FrameSweep(*scene).utility((0.0, 1.5), KEYS)
    masks = [decode(logits, SIZE, Modulation(utility_sigma=1.5), key=key).mask for key in KEYS]
    for draw, mask in enumerate(masks):
        assert_same(drawn[draw, 0], decode(logits, SIZE, Modulation()).mask, truth)
        assert_same(drawn[draw, 1], mask, truth)
    assert differing[0] == 0
    assert differing[1] == pytest.approx((masks[0] != masks[1]).sum().item(), abs=4)


def test_flicker_of_several_targets_is_counted_between_masks(scene):
    logits, _ = scene
    target = Target('two', (1, 4))
    _, differing = FrameSweep(*scene).pixel(target, SIGMAS, KEYS)
    masks = [decode(logits, SIZE, Modulation(((1, 1), (4, 1)), 2.0, sampling='pixel'),
                    key=key).mask for key in KEYS]
    assert differing[2] == pytest.approx((masks[0] != masks[1]).sum().item(), abs=4)


def flat(gap, size=(64, 64)):
    """Class 0 is above class 1 by `gap` everywhere; all pixels are of class 1."""
    logits = torch.stack((torch.full((4, 4), gap), torch.zeros(4, 4)))
    return FrameSweep(logits, np.ones(size, int))


@pytest.mark.parametrize(('unit', 'turns_at'), [
    (expected_shift(1.0), 1.2533), (MEDIAN, 1.4826)])
def test_a_shift_turns_pixels_where_it_passes_their_gap(unit, turns_at):
    sigmas = (turns_at - 1e-3, turns_at + 1e-3)
    counts = flat(1.0).deterministic(Target('t', (1,)), unit, sigmas)
    assert counts[0, 1].tolist() == [64 * 64, 0]
    assert counts[1, 1].tolist() == [0, 64 * 64]


def test_draws_turn_as_many_pixels_as_theorem_3_says_and_flicker_as_two_coins():
    pixels = 256 * 256
    counts, differing = flat(1.0, (256, 256)).pixel(Target('t', (1,)), (1.0,), KEYS)
    turned = 1 - stays_below_probability(1.0, 1.0).item()
    # Five standard deviations of a binomial.
    assert counts[:, 0, 1, 1] / pixels == pytest.approx(turned, abs=5 * 0.5 / 256)
    assert differing[0] / pixels == pytest.approx(2 * turned * (1 - turned), abs=5 * 0.5 / 256)


def test_one_draw_has_no_flicker_to_tell():
    assert np.isnan(flat(1.0).pixel(Target('t', (1,)), SIGMAS, KEYS[:1])[1]).all()


def test_a_gated_target_grows_around_its_evidence_alone():
    # Class 1 leads in the cell (2, 2) of 12 x 12 and is close to leading everywhere else.
    logits = torch.stack((torch.full((12, 12), 0.1), torch.zeros(12, 12)))
    logits[1, 2, 2] = 1.0
    sweep = FrameSweep(logits, np.ones((12, 12), int))
    target = Target('t', (1,))
    everywhere = sweep.deterministic(target, expected_shift(1.0), (1.0,))
    gated = sweep.gated(target, (1.0,))
    assert everywhere[0, 1].tolist() == [0, 144]
    assert gated[0, 1].tolist() == [144 - 9, 9]


@pytest.mark.parametrize('class_ids', [(3,), (1, 4)])
def test_gated_is_what_decode_decides(scene, class_ids):
    logits, truth = scene
    counts = FrameSweep(*scene).gated(Target('t', class_ids), SIGMAS)
    signs = tuple((class_id, 1) for class_id in class_ids)
    for step, sigma in enumerate(SIGMAS):
        mask = decode(logits, SIZE, Modulation(signs, sigma, 'gated')).mask
        assert_same(counts[step], mask, truth)


def test_a_suppressed_target_cannot_be_gated(scene):
    with pytest.raises(ValueError, match='only a focus'):
        FrameSweep(*scene).gated(Target('t', (1,), -1), SIGMAS)
