from dataclasses import replace
from itertools import pairwise
import math

from hypothesis import given
from hypothesis import strategies as st
import pytest
import torch

from aim_ros.decoding.limit import changed_share
from aim_ros.decoding.limit import limit_sigma
from aim_ros.decoding.limit import STEPS
from aim_ros.modulation import Modulation
from aim_ros.modulation import SAMPLINGS
from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.control import focus_modulation
from aim_ros.modulation.focus_theory import focus_preserved_probability
from aim_ros.modulation.theory import sigma_for_probability

DEVICES = [
    'cpu',
    pytest.param('cuda', marks=pytest.mark.skipif(
        not torch.cuda.is_available(), reason='no CUDA device on this machine')),
]
BOTH_WAYS = ((0, 1), (1, -1), (2, 1), (3, -1))


def of_cells(*cells) -> torch.Tensor:
    """Return logits (C, 1, cells) from the classes' logits at each cell."""
    return torch.tensor(cells, dtype=torch.float32).T[:, None].contiguous()


def random_logits(classes=6, size=(24, 32), seed=0) -> torch.Tensor:
    return 2 * torch.randn(classes, *size, generator=torch.Generator().manual_seed(seed))


def drawn_share(logits, modulation, draws=64) -> float:
    """Return the share of cells that the real modulation changes, over that many draws."""
    # Copies of the frame, one for each draw: (C, draws, h, w).
    cells = logits[:, None].expand(-1, draws if modulation.sampling == 'pixel' else 1, -1, -1)
    modulated = focus_modulation(
        cells, dict(modulation.signs), modulation.sigma, dim=0,
        sampling=modulation.sampling, key=7)
    return (modulated.argmax(0) != cells.argmax(0)).double().mean().item()


def focus(*signs, sigma=1.0, sampling='expected') -> Modulation:
    return Modulation(signs, sigma, sampling)


# One gap in every cell, in logits of three classes: the sigma that changes a cell for sure, in
# units of that gap. Class 0 is on top, class 1 rivals it, class 2 is far below both.
@pytest.mark.parametrize(('signs', 'gaps'), [
    (((1, 1),), 1.0),
    (((0, -1),), 1.0),
    (((0, -1), (1, 1)), 0.5),
    (((0, 1), (1, 1)), math.inf),
    (((0, -1), (1, -1)), math.inf),
    (((0, 1), (1, -1)), math.inf),
    (((1, -1),), math.inf),
    (((0, 1),), math.inf),
])
def test_one_gap_falls_at_one_shift(signs, gaps):
    logits = of_cells((0.7, 0.0, -90.0))
    at = 0.7 * gaps / expected_shift(1.0)
    for factor, share in ((0.99, 0.0), (1.01, 1.0)):
        sigma = min(at, 20.0) * factor
        assert changed_share(logits, focus(*signs, sigma=sigma)) == share * math.isfinite(at)
    limited = limit_sigma(logits, focus(*signs, sigma=20.0), 0.5)
    assert limited == pytest.approx(min(at, 20.0), abs=1 / STEPS)
    assert limited < at


# P(|e| > 0.7) = 0.484, P(|e'| > |e| + 0.7) = 0.193 and P(|e| + |e'| > 0.7): two half-normal
# variables fill a plane whose quadrants can be turned by 45 degrees.
@pytest.mark.parametrize(('signs', 'changed'), [
    (((1, 1),), math.erfc(0.7 / math.sqrt(2))),
    (((0, -1),), math.erfc(0.7 / math.sqrt(2))),
    (((0, 1), (1, 1)), math.erfc(0.35)**2 / 2),
    (((0, -1), (1, -1)), math.erfc(0.35)**2 / 2),
    (((0, -1), (1, 1)), 1 - math.erf(0.35)**2),
    (((0, 1), (1, -1)), 0.0),
    (((1, -1),), 0.0),
])
def test_one_gap_under_draws(signs, changed):
    logits = of_cells((0.7, 0.0, -90.0))
    modulation = focus(*signs, sampling='pixel')
    assert changed_share(logits, modulation) == pytest.approx(changed, abs=1e-5)
    assert drawn_share(logits, modulation, 200_000) == pytest.approx(changed, abs=4e-3)
    # And back: the sigma at which just this share changes.
    limited = limit_sigma(logits, replace(modulation, sigma=5.0), changed)
    assert limited == pytest.approx(1.0 if changed else 5.0, rel=0.05)


def test_a_top_target_with_a_rival_target_is_not_theorem_3s():
    logits = of_cells((0.7, 0.0, -90.0))
    alone, both = (changed_share(logits, focus(*signs, sampling='pixel'))
                   for signs in (((1, 1),), ((0, 1), (1, 1))))
    assert alone == pytest.approx(0.4839, abs=1e-4)
    assert both == pytest.approx(0.1926, abs=1e-4)


def test_several_rivals_multiply_where_the_top_class_is_no_target():
    logits = of_cells((2.0, 1.0, 0.5, 0.0))
    kept = math.prod(math.erf(gap / 1.5 / math.sqrt(2)) for gap in (1.0, 1.5))
    modulation = focus((1, 1), (2, 1), (3, -1), sigma=1.5, sampling='pixel')
    assert changed_share(logits, modulation) == pytest.approx(1 - kept, abs=1e-6)


def test_theorem_3_inverted_is_the_limit():
    logits = of_cells((1.3, 0.0))
    wanted = sigma_for_probability(1.3, 1 - 0.05).item()
    limited = limit_sigma(logits, focus((1, 1), sigma=3.0, sampling='pixel'), 0.05)
    assert 0.98 * wanted <= limited <= wanted


def test_the_expected_share_is_a_count():
    # Gaps 0.1, 0.2, ... 1.0 of ten cells.
    logits = of_cells(*((gap / 10, 0.0) for gap in range(1, 11)))
    modulation = focus((1, 1), sigma=0.45 / expected_shift(1.0))
    assert changed_share(logits, modulation) == 0.4
    for bound, gap in ((0.0, 0.1), (0.05, 0.1), (0.1, 0.2), (0.35, 0.4), (0.39, 0.4)):
        limited = limit_sigma(logits, modulation, bound)
        assert limited == pytest.approx(gap / expected_shift(1.0), abs=1 / STEPS)
        assert changed_share(logits, replace(modulation, sigma=limited)) <= bound
    assert limit_sigma(logits, modulation, 0.4) == modulation.sigma


@pytest.mark.parametrize('sampling', SAMPLINGS)
@pytest.mark.parametrize('signs', [
    ((1, 1),), ((0, 1), (1, 1), (2, 1)), ((0, -1), (3, -1)), BOTH_WAYS,
    ((0, 1), (1, 1), (2, 1), (3, -1), (4, -1), (5, -1)),
])
def test_the_share_is_that_of_the_real_modulation(signs, sampling):
    logits = random_logits()
    for sigma in (0.3, 1.5, 8.0):
        modulation = Modulation(signs, sigma, sampling)
        drawn = drawn_share(logits, modulation)
        tolerance = 0.0 if sampling == 'expected' else 4e-3
        assert changed_share(logits, modulation) == pytest.approx(drawn, abs=tolerance)


@pytest.mark.parametrize('seed', range(3))
def test_the_share_of_draws_is_that_of_theory(seed):
    logits = random_logits(seed=seed)
    cells = logits.flatten(1).T
    for sigma in (0.2, 1.0, 5.0):
        kept = focus_preserved_probability(cells, dict(BOTH_WAYS), sigma).mean().item()
        share = changed_share(logits, Modulation(BOTH_WAYS, sigma, 'pixel'))
        assert share == pytest.approx(1 - kept, abs=5e-6)


FRAMES = st.builds(
    random_logits, classes=st.integers(4, 6), seed=st.integers(0, 2**31),
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)))
TARGETS = st.dictionaries(st.integers(0, 3), st.sampled_from((1, -1)), min_size=1).map(
    lambda signs: tuple(signs.items()))


@given(FRAMES, TARGETS, st.sampled_from(SAMPLINGS), st.lists(st.floats(0, 20), min_size=3))
def test_the_share_never_falls_as_sigma_rises(logits, signs, sampling, sigmas):
    shares = [changed_share(logits, Modulation(signs, sigma, sampling))
              for sigma in sorted(sigmas)]
    # The integrals of the draws are rounded.
    assert all(later >= share - 1e-5 for share, later in pairwise(shares))


@given(FRAMES, TARGETS, st.sampled_from(SAMPLINGS), st.floats(0, 20), st.floats(0, 1))
def test_the_bound_is_respected_and_used(logits, signs, sampling, sigma, bound):
    modulation = Modulation(signs, sigma, sampling)
    limited = limit_sigma(logits, modulation, bound)
    assert 0 <= limited <= sigma
    assert changed_share(logits, replace(modulation, sigma=limited)) <= bound
    if limited < sigma:
        assert round(limited * STEPS) / STEPS == limited
        more = replace(modulation, sigma=min(sigma, limited + 2 / STEPS))
        assert changed_share(logits, more) >= 0.97 * bound


@given(FRAMES, TARGETS, st.sampled_from(SAMPLINGS), st.floats(0, 20))
def test_one_is_no_limit_and_zero_changes_nothing(logits, signs, sampling, sigma):
    modulation = Modulation(signs, sigma, sampling)
    assert limit_sigma(logits, modulation, 1.0) == sigma
    still = replace(modulation, sigma=limit_sigma(logits, modulation, 0.0))
    assert changed_share(logits, still) == 0
    if sampling == 'expected':
        assert drawn_share(logits, still, 1) == 0


# Gated, a class that ties is no evidence.
@pytest.mark.parametrize('sampling', ['expected', 'pixel'])
def test_a_tie_is_lost_at_once(sampling):
    for signs in (((1, 1),), ((0, -1),), ((0, -1), (1, 1))):
        modulation = Modulation(signs, 1.0, sampling)
        assert changed_share(torch.zeros(3, 1, 2), modulation) == 1
        assert limit_sigma(torch.zeros(3, 1, 2), modulation, 0.5) == 0


@pytest.mark.parametrize('modulation', [
    Modulation(), Modulation(((0, 1),), 0.0), Modulation((), 3.0),
    Modulation(utility_sigma=5.0),
])
def test_without_a_focus_nothing_changes_and_nothing_is_limited(modulation):
    assert changed_share(random_logits(), modulation) == 0
    assert limit_sigma(random_logits(), modulation, 0.0) == modulation.sigma


@pytest.mark.parametrize('sampling', SAMPLINGS)
def test_utility_noise_is_no_part_of_the_bound(sampling):
    modulation = Modulation(BOTH_WAYS, 2.0, sampling)
    noisy = replace(modulation, utility_sigma=5.0)
    logits = random_logits()
    assert changed_share(logits, noisy) == changed_share(logits, modulation)
    assert limit_sigma(logits, noisy, 0.1) == limit_sigma(logits, modulation, 0.1)


@pytest.mark.parametrize('sampling', SAMPLINGS)
def test_every_class_may_be_a_target(sampling):
    logits = random_logits(classes=2)
    modulation = Modulation(((0, 1), (1, -1)), 1.0, sampling)
    assert changed_share(logits, modulation) == pytest.approx(
        drawn_share(logits, modulation), abs=4e-3)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('sampling', SAMPLINGS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_the_same_logits_give_the_same_sigma_everywhere(device, sampling, dtype):
    logits = random_logits().to(dtype)
    modulation = Modulation(BOTH_WAYS, 3.0, sampling)
    limits = {limit_sigma(logits.to(device), modulation, 0.1) for _ in range(3)}
    assert limits == {limit_sigma(logits, modulation, 0.1)}
    assert limits < {step / STEPS for step in range(1, 3 * STEPS)}


@pytest.mark.parametrize('max_changed', [-0.1, 1.1, math.nan])
def test_a_bound_that_is_no_share_is_refused(max_changed):
    with pytest.raises(ValueError, match=r'max_changed must be in 0\.\.1, got'):
        limit_sigma(random_logits(), focus((1, 1)), max_changed)


@pytest.mark.parametrize('function', [changed_share, lambda *args: limit_sigma(*args, 0.5)])
def test_logits_that_do_not_fit_are_refused(function):
    with pytest.raises(ValueError, match=r'target class 6 is not in 0\.\.5'):
        function(random_logits(), focus((6, 1)))
    for shape in ((6, 4), (6, 0, 4), (1, 6, 4, 4)):
        with pytest.raises(ValueError, match=r'logits must be \(C, h, w\) and not empty, got'):
            function(torch.zeros(shape), focus((1, 1)))
