"""
Decoding by brute force, and the check that the kernels' tests share.

All upsampling rounds, so where the best two classes are closer than the tolerance, either is
right. The tolerance is `TIE` of the largest score, about 80 units in the last place.
"""

import torch
from torch.nn.functional import interpolate

from aim_ros.decoding.decode import decode
from aim_ros.modulation import focus_modulation
from aim_ros.modulation import utility_modulation

TIE = 1e-5


def scores_of(logits, size, modulation, key):
    """Return the scores (C, H, W) that each of the three decisions is the arg max of."""
    signs = dict(modulation.signs)
    base = interpolate(
        logits[None].float(), size=size, mode='bilinear', align_corners=False)[0]
    noisy = utility_modulation(base, modulation.utility_sigma, dim=0, key=key)
    return {
        'base': base,
        'focused': focus_modulation(base, signs, modulation.sigma, dim=0, sampling='expected'),
        'mask': focus_modulation(noisy, signs, modulation.sigma, dim=0,
                                 sampling=modulation.sampling, key=key)}


def assert_by_brute_force(logits, size, modulation, *, key, temperature=1.0):
    """Every pixel's class has, within the tolerance, the highest score of all; and the rest."""
    decoded = decode(logits, size, modulation, key=key, confidence=True, temperature=temperature)
    scores = scores_of(logits, size, modulation, key)
    for name, score in scores.items():
        ids = getattr(decoded, name).long()[None]
        behind = score.max(0).values - score.gather(0, ids)[0]
        assert behind.max() <= TIE * max(1, score.abs().max()), name
    assert decoded.changed.item() == (decoded.mask != decoded.base).sum()
    chosen = (scores['base'] / temperature).softmax(0).gather(0, decoded.mask.long()[None])[0]
    torch.testing.assert_close(
        decoded.confidence, chosen, atol=TIE * max(1, logits.abs().max().item()), rtol=0)
    return decoded
