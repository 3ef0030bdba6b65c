"""The gate, and focus modulation behind it."""

import cv2
import numpy as np
import pytest
import torch

from aim_ros.modulation import expected_shift
from aim_ros.modulation import focus_modulation
from aim_ros.modulation import gate


def random_logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_gate_opens_at_evidence_and_its_eight_neighbours():
    logits = torch.zeros(3, 6, 7)
    logits[2, 1, 5] = logits[1, 5, 0] = 1
    expected = torch.zeros(6, 7, dtype=torch.bool)
    expected[0:3, 4:7] = True
    assert torch.equal(gate(logits, [2]), expected)
    expected[4:6, 0:2] = True
    assert torch.equal(gate(logits, [1, 2]), expected)
    assert not gate(logits, []).any()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_gate_is_opencvs_dilation(dtype, device):
    logits = (3 * random_logits(9, 30, 40)).round().to(dtype)  # ties: the first class has it
    evidence = np.isin(logits.float().numpy().argmax(0), [3, 5]).astype(np.uint8)
    near = cv2.dilate(evidence, np.ones((3, 3)))
    assert (gate(logits.to(device), [3, 5]).cpu().numpy() == near).all()


@pytest.mark.parametrize('dim', [1, -3])
def test_images_of_a_batch_do_not_see_each_other(dim):
    batch = random_logits(3, 5, 8, 9)
    alone = torch.stack([gate(logits, [2]) for logits in batch])
    assert torch.equal(gate(batch, [2], dim=dim), alone)
    shifted = focus_modulation(batch, {2: 1, 4: -1}, 0.7, dim=dim, sampling='gated')
    for one, logits in zip(shifted, batch, strict=True):
        assert torch.equal(one, focus_modulation(
            logits, {2: 1, 4: -1}, 0.7, dim=0, sampling='gated'))


def test_only_what_is_raised_is_gated():
    logits = random_logits(4, 6, 6)
    logits[:, :3] += torch.tensor([0.0, 9.0, 0.0, 0.0])[:, None, None]
    shift = expected_shift(0.5)
    shifted = focus_modulation(logits, {1: 1, 3: -1}, 0.5, dim=0, sampling='gated')
    near = gate(logits, [1])
    assert near[:4].all()
    torch.testing.assert_close(shifted[1] - logits[1], shift * near.float())
    torch.testing.assert_close(shifted[3] - logits[3], torch.full((6, 6), -shift))
    assert torch.equal(shifted[[0, 2]], logits[[0, 2]])


@pytest.mark.parametrize('shape', [(3,), (2, 3)])
def test_a_gate_needs_an_image(shape):
    with pytest.raises(ValueError, match='two dimensions of an image'):
        focus_modulation(torch.zeros(shape), {0: 1}, 1.0, dim=-1, sampling='gated')


def test_no_images_no_gate():
    assert focus_modulation(torch.zeros(0, 3, 4, 5), {0: 1}, 1.0, sampling='gated').shape == (
        0, 3, 4, 5)
