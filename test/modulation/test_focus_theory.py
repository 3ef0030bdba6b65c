import math

import pytest
import torch

from aim_ros.modulation import integration
from aim_ros.modulation.control import focus_modulation
from aim_ros.modulation.focus_theory import focus_preserved_probability
from aim_ros.modulation.focus_theory import focus_target_preserved_probability

KEY = 0x5EED


# Two classes a gap of 0.7 apart, of which the upper one is first: see the functions' docstrings.
# Two half-normal variables fill a plane whose quadrants can be turned by 45 degrees.
@pytest.mark.parametrize(('signs', 'kept'), [
    ({}, 1),
    ({0: 1}, 1),
    ({1: -1}, 1),
    ({0: 1, 1: -1}, 1),
    ({1: 1}, math.erf(0.7 / math.sqrt(2))),
    ({0: -1}, math.erf(0.7 / math.sqrt(2))),
    ({0: 1, 1: 1}, 1 - math.erfc(0.35) ** 2 / 2),
    ({0: -1, 1: -1}, 1 - math.erfc(0.35) ** 2 / 2),
    ({0: -1, 1: 1}, math.erf(0.35) ** 2),
])
@pytest.mark.parametrize('sigma', [0.5, 1.0, 4.0])
def test_focus_preserved_by_hand(signs, kept, sigma, device):
    logits = sigma * torch.tensor([0.7, 0.0], dtype=torch.float64, device=device)
    result = focus_preserved_probability(logits, signs, sigma)
    assert result.shape == ()
    assert result.item() == pytest.approx(kept, abs=1e-12)


@pytest.mark.parametrize('signs', [
    {0: 1, 1: -1, 2: 1, 3: -1}, {0: -1, 1: -1, 2: -1}, {0: 1, 1: 1, 2: 1}, {4: 1, 5: -1},
    {index: 1 - 2 * (index % 2) for index in range(6)},
])
def test_focus_preserved_against_monte_carlo(signs, device):
    logits = torch.rand(30, 6, generator=torch.Generator().manual_seed(1)).to(device) * 3
    kept = focus_preserved_probability(logits, signs, 1.2)
    draws = logits[None].expand(40_000, -1, -1)
    modulated = focus_modulation(draws, signs, 1.2, dim=2, key=KEY)
    drawn = (modulated.argmax(2) == logits.argmax(1)).double().mean(0)
    error = (kept * (1 - kept) / len(draws)).sqrt()
    assert ((kept - drawn).abs() <= 4.5 * error + 1e-9).all()


def test_focus_preserved_of_tied_targets_is_shared_by_chance():
    for classes in (2, 3, 5):
        for sign in (1, -1):
            kept = focus_preserved_probability(
                torch.zeros(classes), dict.fromkeys(range(classes), sign), 1.0)
            assert kept.item() == pytest.approx(1 / classes, abs=1e-9)


def test_focus_preserved_never_rises_with_sigma_from_1_at_0():
    logits = torch.rand(50, 6, generator=torch.Generator().manual_seed(2)) * 3
    signs = {0: 1, 1: -1, 2: 1, 3: -1}
    kept = torch.stack([
        focus_preserved_probability(logits, signs, sigma) for sigma in (0, 0.1, 0.5, 2, 9, 20)])
    assert (kept[0] == 1).all()
    assert (kept.diff(dim=0) <= 1e-12).all()


def test_focus_preserved_keeps_the_shape_and_equals_row_by_row(monkeypatch):
    logits = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(3)) * 3
    signs = {0: 1, 1: -1, 2: 1}
    kept = focus_preserved_probability(logits, signs, 1.0)
    assert kept.shape == (4, 5)
    monkeypatch.setattr(integration, '_ROWS', 3)
    assert torch.allclose(focus_preserved_probability(logits, signs, 1.0), kept, rtol=1e-12)
    assert focus_preserved_probability(logits[:0], signs, 1.0).shape == (0, 5)


@pytest.mark.parametrize(('signs', 'error', 'said'), [
    ({6: 1}, ValueError, 'class index 6 is out of range; logits have classes 0 .. 5'),
    ({0: 2}, ValueError, 'the sign of class 0 must be'),
    ([0], TypeError, 'signs must map class indices'),
])
def test_focus_preserved_checks_its_signs(signs, error, said):
    with pytest.raises(error, match=said):
        focus_preserved_probability(torch.zeros(6), signs, 1.0)


@pytest.mark.parametrize(('nodes', 'error'), [(8, 1e-3), (12, 1e-5), (16, 1e-7), (24, 1e-12)])
def test_nodes_of_the_target_integral(nodes, error):
    gaps = torch.linspace(0, 10, 41, dtype=torch.float64)[None]
    none, far = gaps[:0], torch.full_like(gaps[0], math.inf)
    alike, apart = 1 - torch.erfc(gaps[0] / 2) ** 2 / 2, torch.erf(gaps[0] / 2) ** 2
    for up, down, sign, kept in ((gaps, none, 1, alike), (none, gaps, -1, alike),
                                 (gaps, none, -1, apart)):
        result = focus_target_preserved_probability(up, down, far, sign, nodes=nodes)
        assert (result - kept).abs().max() <= error
