import math

import pytest
import torch

from aim_ros.modulation import integration
from aim_ros.modulation.control import focus_modulation
from aim_ros.modulation.control import utility_modulation
from aim_ros.modulation.theory import order_preserved_derivative
from aim_ros.modulation.theory import order_preserved_probability
from aim_ros.modulation.theory import sigma_for_probability
from aim_ros.modulation.theory import stays_below_probability
from aim_ros.modulation.theory import top1_preserved_probability

LADDER = torch.arange(6) / 2.0  # 0, 0.5, ... 2.5
DRAWS = 400_000
KEY = 0x5EED

OF_LOGITS = pytest.mark.parametrize(
    'function',
    [
        order_preserved_probability,
        lambda *args: order_preserved_probability(*args, method='exact'),
        order_preserved_derivative,
        top1_preserved_probability,
    ],
    ids=['product', 'exact', 'derivative', 'top1'],
)


def exact_order(logits, sigma):
    return order_preserved_probability(logits, sigma, method='exact')


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def Phi(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def noisy(logits, sigma):
    """Logits with utility noise, drawn `DRAWS` times: (DRAWS, C)."""
    return utility_modulation(logits.expand(DRAWS, -1), sigma, key=KEY)


def standard_errors(hits, probability):
    """Distance of a Monte Carlo share from a probability, in its standard errors."""
    error = hits.double().mean().item() - probability
    return error / math.sqrt(probability * (1 - probability) / len(hits))


# Theorem 1 and the exact probability of the order.


def test_product_by_hand(device):
    # Gaps 1 and 2, in whatever order the classes come.
    logits = torch.tensor([3.0, 0.0, 1.0], device=device)
    probability = order_preserved_probability(logits, 0.5)
    expected = Phi(1 / (math.sqrt(2) * 0.5)) * Phi(2 / (math.sqrt(2) * 0.5))
    assert probability.item() == pytest.approx(expected, rel=1e-14)
    assert probability.dtype == torch.float64
    assert probability.device.type == device.type


@pytest.mark.parametrize('gap', [0.0, 0.01, 0.5, 2.0, 5.0, 8.0, 20.0, 1e300])
def test_two_classes_are_exact_either_way(gap, device):
    logits = double(gap, 0).to(device)
    expected = Phi(gap / (math.sqrt(2) * 0.7))
    assert order_preserved_probability(logits, 0.7).item() == pytest.approx(expected, abs=1e-15)
    assert exact_order(logits, 0.7).item() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize('classes', [1, 2, 3, 6, 12, 19, 150, 1000])
def test_tied_classes_take_any_order_with_equal_probability(classes, device):
    probability = exact_order(torch.zeros(classes, device=device), 2.0).item()
    expected = math.exp(-math.lgamma(classes + 1))  # 1 / classes!
    assert probability == pytest.approx(expected, rel=1e-6, abs=1e-30)
    assert abs(probability - expected) < 1e-14


@pytest.mark.parametrize('gaps', [(0, 0), (0.1, 3), (2, 0.5), (7, 7), (1, 12), (30, 0.2)])
def test_three_classes_against_one_integral_over_the_middle_one(gaps, device):
    a, b = gaps
    z = torch.arange(-12, 12, 1e-3, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    middle = density * torch.special.ndtr(z + a) * torch.special.ndtr(b - z)
    expected = (1e-3 * middle).sum().item()
    assert exact_order(double(0, a, a + b).to(device), 1.0).item() == pytest.approx(
        expected, abs=1e-14
    )


@pytest.mark.parametrize('gap', [30.0, 8.0])
def test_far_neighbours_in_a_long_chain_are_nearly_independent(gap):
    # Where only one adjacent pair at a time can swap, the product is right to second order: the
    # shared noise enters with the square of 1 - Phi(gap / sqrt(2)), which is 8e-9 at most here.
    logits = gap * torch.arange(300, dtype=torch.float64)
    expected = Phi(gap / math.sqrt(2)) ** 299
    assert exact_order(logits, 1.0).item() == pytest.approx(expected, abs=1e-12)


def test_monte_carlo_agrees_with_exact_and_refutes_the_product_of_theorem_1(device):
    logits = LADDER.to(device)
    kept = (noisy(logits, 1.0).diff(dim=1) > 0).all(dim=1)
    exact, product = exact_order(logits, 1.0).item(), order_preserved_probability(logits, 1.0)
    assert exact == pytest.approx(0.0328, abs=5e-5)
    assert product.item() == pytest.approx(0.106, abs=5e-4)
    assert abs(standard_errors(kept, exact)) < 4
    assert abs(standard_errors(kept, product.item())) > 100


@pytest.mark.parametrize(
    ('logits', 'sigma'),
    [((0.0, 1.0, 1.5), 1.0), ((5.0, -1.0, 2.0, 2.5), 1.3), ((0.0, 0.0, 4.0, 4.5, 9.0), 0.8)],
)
def test_exact_order_against_monte_carlo(logits, sigma, device):
    logits = torch.tensor(logits, device=device)
    order = logits.argsort()
    kept = (noisy(logits, sigma)[:, order].diff(dim=1) > 0).all(dim=1)
    assert abs(standard_errors(kept, exact_order(logits, sigma).item())) < 4


def test_product_against_monte_carlo_where_it_holds(device):
    # Two pairs so far apart that the middle gap cannot close: no noise term is shared.
    logits = torch.tensor([0.0, 1.0, 100.0, 102.0], device=device)
    kept = (noisy(logits, 1.0).diff(dim=1) > 0).all(dim=1)
    product = order_preserved_probability(logits, 1.0).item()
    assert abs(standard_errors(kept, product)) < 4
    assert product == pytest.approx(exact_order(logits, 1.0).item(), abs=1e-14)


def test_product_is_never_below_exact(device):
    torch.manual_seed(5)
    logits = 3 * torch.randn(500, 7, device=device)
    excess = order_preserved_probability(logits, 1.0) - exact_order(logits, 1.0)
    assert (excess > -1e-14).all()
    assert (excess > 0.01).any()


# Theorem 2.


def test_derivative_by_hand(device):
    # One gap g: d/dv Phi(g / sqrt(2 v)) = -g / (2 sqrt(2) v**1.5) phi(g / sqrt(2 v)).
    gap, sigma = 1.5, 0.8
    density = math.exp(-((gap / (math.sqrt(2) * sigma)) ** 2) / 2) / math.sqrt(2 * math.pi)
    expected = -gap / (2 * math.sqrt(2) * sigma**3) * density
    derivative = order_preserved_derivative(double(0, gap).to(device), sigma)
    assert derivative.item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize('sigma', [0.3, 1.0, 2.5, 20.0])
def test_derivative_against_finite_differences_in_the_variance(sigma, device):
    torch.manual_seed(6)
    logits = 2 * torch.randn(50, 5, dtype=torch.float64, device=device)
    logits[0, :2] = 1.0  # a tie
    step = 1e-4 * sigma**2
    above = order_preserved_probability(logits, math.sqrt(sigma**2 + step))
    below = order_preserved_probability(logits, math.sqrt(sigma**2 - step))
    derivative = order_preserved_derivative(logits, sigma)
    torch.testing.assert_close(derivative, (above - below) / (2 * step), rtol=1e-5, atol=1e-9)
    assert (derivative <= 0).all()
    assert (derivative < 0).any()


def test_derivative_of_a_gap_that_overflows_in_units_of_sigma():
    assert order_preserved_derivative(double(0, 1e300), 1e-100).item() == 0
    one_gap = order_preserved_derivative(double(0, 1), 0.5).item()
    two_gaps = order_preserved_derivative(double(0, 1, 1.7e308), 0.5).item()
    assert two_gaps == pytest.approx(one_gap, rel=1e-14)


# The arg max.


@pytest.mark.parametrize('gap', [0.0, 0.3, 2.0, 9.0, 1e300])
def test_top1_of_two_classes_is_one_normal_probability(gap, device):
    probability = top1_preserved_probability(double(-gap, 0).to(device), 0.6).item()
    assert probability == pytest.approx(Phi(gap / (math.sqrt(2) * 0.6)), rel=1e-13)


@pytest.mark.parametrize('classes', [1, 2, 19, 1000, 50_000])
def test_top1_of_tied_classes(classes, device):
    probability = top1_preserved_probability(torch.zeros(classes, device=device), 3.0).item()
    tolerance = 1e-12 if classes <= 1000 else 1e-10
    assert probability == pytest.approx(1 / classes, rel=tolerance)


@pytest.mark.parametrize(
    ('logits', 'sigma'),
    [((0.0, 0.5, 1.0, 1.5, 2.0, 2.5), 1.0), ((3.0, 1.0, 2.5), 0.7), ((0.0, 0.0, -1.0), 2.0)],
)
def test_top1_against_monte_carlo(logits, sigma, device):
    logits = torch.tensor(logits, device=device)
    kept = noisy(logits, sigma).argmax(dim=1) == logits.argmax()
    assert abs(standard_errors(kept, top1_preserved_probability(logits, sigma).item())) < 4


def test_top1_of_a_thousand_classes_against_monte_carlo(device):
    torch.manual_seed(7)
    logits = torch.randn(1000, device=device)
    draws = 4000
    modulated = utility_modulation(logits.expand(draws, -1), 0.5, key=KEY)
    kept = modulated.argmax(dim=1) == logits.argmax()
    probability = top1_preserved_probability(logits, 0.5).item()
    assert 0.1 < probability < 0.9
    assert abs(standard_errors(kept, probability)) < 4


# Theorem 3.


def test_stays_below_by_hand(device):
    gaps = torch.tensor([[1.0, 1.959963984540054, 3.0], [0.0, -1.0, 100.0]], device=device)
    probability = stays_below_probability(gaps, 1.0)
    expected = double(0.6826894921, 0.95, 0.9973002039, 0, 0, 1).view(2, 3)
    torch.testing.assert_close(probability.cpu(), expected, rtol=0, atol=1e-7)
    assert stays_below_probability(3, 1.5).item() == pytest.approx(2 * Phi(2) - 1, rel=1e-14)


@pytest.mark.parametrize(('gap', 'sigma'), [(0.2, 1.0), (1.0, 0.8), (2.0, 1.0), (5.0, 3.0)])
def test_stays_below_against_monte_carlo(gap, sigma, device):
    logits = torch.tensor([gap, 0.0], device=device).expand(DRAWS, -1)
    modulated = focus_modulation(logits, {1: 1}, sigma, key=KEY)
    below = modulated[:, 1] < modulated[:, 0]
    assert abs(standard_errors(below, stays_below_probability(gap, sigma).item())) < 4


def test_sigma_for_probability_by_hand(device):
    sigma = sigma_for_probability(torch.tensor([1.0, 2.0], device=device), 0.6826894921370859)
    torch.testing.assert_close(sigma.cpu(), double(1, 2))
    assert sigma_for_probability(2.0, 1.0).item() == 0
    assert sigma_for_probability(2.0, 0.0).item() == math.inf


def test_sigma_for_probability_inverts_theorem_3(device):
    gap = double(0.1, 1, 30)[:, None].to(device)
    probability = torch.linspace(0.01, 0.99, 50, dtype=torch.float64, device=device)
    sigma = sigma_for_probability(gap, probability)
    assert sigma.shape == (3, 50)
    for row, values in zip(gap, sigma, strict=True):
        back = [stays_below_probability(row, value.item()).item() for value in values]
        assert back == pytest.approx(probability.tolist(), rel=1e-12)


# What all of them share.


@OF_LOGITS
def test_batches_equal_row_by_row(function, device, monkeypatch):
    monkeypatch.setattr(integration, '_ROWS', 7)
    torch.manual_seed(8)
    logits = 2 * torch.randn(2, 3, 5, 4, device=device)
    together = function(logits, 1.0)
    assert together.shape == (2, 3, 5)
    assert together.dtype == torch.float64
    alone = torch.stack([function(row, 1.0) for row in logits.view(-1, 4)])
    torch.testing.assert_close(together.flatten(), alone, rtol=1e-12, atol=1e-14)
    assert function(logits[:, :0], 1.0).shape == (2, 0, 5)


@OF_LOGITS
def test_neither_the_order_of_classes_nor_a_common_shift_matters(function, device):
    logits = double(0.3, -1.0, 2.0, 2.5).to(device)
    expected = function(logits, 0.9)
    assert 0.01 < abs(expected.item()) < 0.99
    for changed in (logits[[2, 0, 3, 1]], logits + 64):
        torch.testing.assert_close(function(changed, 0.9), expected, rtol=1e-12, atol=0)


@OF_LOGITS
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_float_dtypes_are_computed_in_float64_and_not_changed(function, dtype):
    logits = torch.tensor([0.5, 1.25, 4.0, -2.0], dtype=dtype)  # exact in each dtype
    before = logits.clone()
    assert torch.equal(function(logits, 1.0), function(logits.double(), 1.0))
    assert torch.equal(logits, before)


@pytest.mark.parametrize('logits', [(0.0, 1.0, 3.0), (1.0, 1.0, 1.0, 0.0), (7.0,)])
def test_at_sigma_0_nothing_moves_ties_included(logits):
    logits = torch.tensor(logits)
    assert order_preserved_probability(logits, 0).item() == 1
    assert exact_order(logits, 0).item() == 1
    assert top1_preserved_probability(logits, 0).item() == 1
    assert order_preserved_derivative(logits, 0).item() == 0
    assert stays_below_probability(torch.tensor([1e-9, 0.0, -1.0]), 0).tolist() == [1, 0, 0]


@pytest.mark.parametrize('sigma', [1e-9, 1e-200, 5e-324])
def test_just_above_sigma_0_only_ties_break(sigma):
    apart, tied = double(0, 1, 3), double(1, 1, 1, 0)
    assert order_preserved_probability(apart, sigma).item() == 1
    assert exact_order(apart, sigma).item() == pytest.approx(1, abs=1e-14)
    assert top1_preserved_probability(apart, sigma).item() == pytest.approx(1, abs=1e-14)
    assert order_preserved_derivative(apart, sigma).item() == 0
    assert order_preserved_probability(tied, sigma).item() == pytest.approx(1 / 4)
    assert exact_order(tied, sigma).item() == pytest.approx(1 / 6)
    assert top1_preserved_probability(tied, sigma).item() == pytest.approx(1 / 3)
    assert order_preserved_derivative(tied, sigma).item() == 0
    assert stays_below_probability(1.0, sigma).item() == 1


@pytest.mark.parametrize(('sigma', 'tolerance'), [(1e9, 1e-8), (1e300, 0), (math.inf, 0)])
def test_for_sigma_to_infinity_chance_decides(sigma, tolerance):
    logits = double(0, 1, 3, 7)
    rounding = 1e-14
    for function, limit in [
        (order_preserved_probability, 1 / 8),
        (exact_order, 1 / 24),
        (top1_preserved_probability, 1 / 4),
        (order_preserved_derivative, 0),
        (lambda *_: stays_below_probability(3.0, sigma), 0),
    ]:
        assert function(logits, sigma).item() == pytest.approx(limit, abs=tolerance + rounding)


@OF_LOGITS
def test_one_class_is_always_kept(function):
    expected = 0 if function is order_preserved_derivative else 1
    assert function(torch.tensor([[2.0], [3.0]]), 1.0).tolist() == pytest.approx([expected] * 2)


@OF_LOGITS
@pytest.mark.parametrize(
    ('logits', 'error', 'message'),
    [
        (torch.zeros(3, dtype=torch.int32), TypeError, r'floating-point dtype; got torch\.int32'),
        ([0.0, 1.0], TypeError, 'must be a torch.Tensor; got list'),
        (torch.tensor(1.0), ValueError, 'class dimension; got a scalar'),
        (torch.zeros(2, 0), ValueError, r'at least one class; got shape \(2, 0\)'),
        (torch.tensor([0.0, math.nan]), ValueError, 'logits must be finite'),
        (torch.tensor([0.0, -math.inf]), ValueError, 'logits must be finite'),
    ],
)
def test_logits_are_checked(function, logits, error, message):
    with pytest.raises(error, match=message):
        function(logits, 1.0)


@pytest.mark.parametrize(
    ('sigma', 'error', 'message'),
    [
        (-1.0, ValueError, 'sigma must be 0 or larger; got -1.0'),
        (math.nan, ValueError, 'sigma must be 0 or larger; got nan'),
        ('1', TypeError, 'sigma must be a number, 0 or larger; got str'),
    ],
)
def test_sigma_is_checked(sigma, error, message):
    for function, argument in [
        (order_preserved_probability, LADDER),
        (order_preserved_derivative, LADDER),
        (top1_preserved_probability, LADDER),
        (stays_below_probability, 1.0),
    ]:
        with pytest.raises(error, match=message):
            function(argument, sigma)


def test_an_unknown_method_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="unknown method 'mc'; choices: 'product', 'exact'"):
        order_preserved_probability(LADDER, 1.0, method='mc')


@pytest.mark.parametrize('gap', [math.nan, math.inf, torch.tensor([1.0, -math.inf])])
def test_stays_below_refuses_a_gap_that_is_not_finite(gap):
    with pytest.raises(ValueError, match='gap must be finite'):
        stays_below_probability(gap, 1.0)


@pytest.mark.parametrize('gap', [0.0, -1.0, math.nan, math.inf, torch.tensor([1.0, 0.0])])
def test_sigma_for_probability_refuses_a_gap_that_is_not_positive(gap):
    with pytest.raises(ValueError, match=r'gap must be positive and finite.*; got'):
        sigma_for_probability(gap, 0.5)


@pytest.mark.parametrize('probability', [-0.1, 1.1, math.nan, torch.tensor([0.5, 2.0])])
def test_sigma_for_probability_refuses_what_is_no_probability(probability):
    with pytest.raises(ValueError, match=r'probability must be in 0 \.\. 1; got'):
        sigma_for_probability(1.0, probability)
