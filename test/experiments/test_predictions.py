import math

import pytest
import torch

from aim_ros.experiments.predictions import class_on_top_probability
from aim_ros.modulation import top1_preserved_probability
from aim_ros.modulation import utility_modulation


@pytest.mark.parametrize('gap', [-3.0, -0.5, 0.0, 0.5, 3.0])
def test_two_classes_have_a_closed_form(gap):
    logits = torch.tensor([[gap, 0.0]])

    probability = class_on_top_probability(logits, torch.tensor([0]), 1.5)

    expected = 0.5 * (1 + math.erf(gap / (1.5 * 2)))  # Phi(gap / (sqrt(2) sigma))
    assert probability.item() == pytest.approx(expected, abs=1e-12)


def test_of_all_classes_one_is_on_top():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(1)) * 3

    each = torch.stack([class_on_top_probability(logits, torch.full((5,), t), 2.0)
                        for t in range(7)])

    torch.testing.assert_close(each.sum(dim=0), torch.ones(5, dtype=torch.float64))


def test_the_arg_max_agrees_with_the_probability_that_it_is_kept():
    logits = torch.randn(20, 10, generator=torch.Generator().manual_seed(2)) * 4

    on_top = class_on_top_probability(logits, logits.argmax(dim=-1), 1.3)

    torch.testing.assert_close(on_top, top1_preserved_probability(logits, 1.3))


def test_a_class_below_is_on_top_as_often_as_in_draws():
    logits = torch.tensor([1.0, 0.6, 0.0, -2.0]).expand(200_000, 4)

    drawn = (utility_modulation(logits, 1.0, dim=-1, key=3).argmax(dim=-1) == 1).double().mean()

    expected = class_on_top_probability(logits[:1], torch.tensor([1]), 1.0).item()
    assert drawn.item() == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 200_000))


def test_without_noise_the_arg_max_is_on_top():
    logits = torch.tensor([[1.0, 2.0], [3.0, 2.0]])

    assert class_on_top_probability(logits, torch.tensor([1, 1]), 0.0).tolist() == [1.0, 0.0]


@pytest.mark.parametrize('sigma', [-1.0, math.inf, math.nan])
def test_a_sigma_out_of_range_is_refused(sigma):
    with pytest.raises(ValueError, match='sigma must be'):
        class_on_top_probability(torch.zeros(1, 2), torch.tensor([0]), sigma)
