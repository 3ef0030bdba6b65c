import math

import pytest
import torch

from aim_ros.modulation import control
from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.control import focus_modulation
from aim_ros.modulation.control import FocusModulation
from aim_ros.modulation.control import utility_modulation
from aim_ros.modulation.control import UtilityModulation
from aim_ros.modulation.modulation import SAMPLINGS
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import standard_normal
from aim_ros.modulation.noise import standard_normal_range
from aim_ros.modulation.noise import UTILITY_STREAM

KEY = 0xFEDCBA9876543210
MEAN_OF_HALF_NORMAL = 0.7978845608028654  # sqrt(2 / pi)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def utility(logits, sigma, **options):
    return utility_modulation(logits, sigma, **options)


def focus_pixel(logits, sigma, **options):
    return focus_modulation(logits, {1: 1, 0: -1}, sigma, **options)


def focus_expected(logits, sigma, **options):
    return focus_modulation(logits, {1: 1, 0: -1}, sigma, sampling='expected', **options)


def refused(logits, signs=None, sigma=1.0, **options):
    """Arguments that both functions check, tried on each of them."""
    with pytest.raises((TypeError, ValueError)) as utility_error:
        utility_modulation(logits, sigma, **options)
    with pytest.raises((TypeError, ValueError)) as focus_error:
        focus_modulation(logits, signs or {0: 1}, sigma, **options)
    assert str(utility_error.value) == str(focus_error.value)
    assert utility_error.type is focus_error.type
    return utility_error.type, str(utility_error.value)


def focus_gated(logits, sigma, **options):
    return focus_modulation(logits, {1: 1, 0: -1}, sigma, sampling='gated', **options)


every_function = pytest.mark.parametrize('modulate', [utility, focus_pixel, focus_expected])
of_images = pytest.mark.parametrize(
    'modulate', [utility, focus_pixel, focus_expected, focus_gated])


def bits(tensor):
    return tensor.view({2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()])


def test_expected_shift_by_hand():
    assert expected_shift(0) == 0
    assert expected_shift(1) == pytest.approx(MEAN_OF_HALF_NORMAL, rel=1e-15)
    assert expected_shift(2.5) == pytest.approx(2.5 * MEAN_OF_HALF_NORMAL, rel=1e-15)


def test_expected_sampling_by_hand(device):
    logits = torch.tensor([[0.0, 0.0], [10.0, 20.0], [-1.0, 3.0]], device=device)  # (C, W)
    shifted = focus_modulation(logits, {1: -1, 2: 1}, 2.0, dim=0, sampling='expected')
    shift = 2 * MEAN_OF_HALF_NORMAL
    expected = torch.tensor([[0, 0], [10 - shift, 20 - shift], [-1 + shift, 3 + shift]])
    torch.testing.assert_close(shifted.cpu(), expected)


def test_utility_noise_is_the_draw_of_pixel_and_class(device):
    logits = torch.randn(2, 3, 4, 5, device=device)
    noisy = utility_modulation(logits, 0.7, key=KEY)
    for b, c, h, w in [(0, 0, 0, 0), (0, 2, 3, 4), (1, 0, 0, 0), (1, 1, 2, 3)]:
        pixel = torch.tensor([(b * 4 + h) * 5 + w], device=device)
        draw = standard_normal(pixel, c, KEY, UTILITY_STREAM)
        assert noisy[b, c, h, w] == (logits[b, c, h, w] + 0.7 * draw).item()


def test_focus_noise_is_the_magnitude_of_the_draw_of_pixel_and_class(device):
    logits = torch.randn(2, 3, 4, 5, device=device)
    shifted = focus_modulation(logits, {2: 1, 0: -1}, 0.7, key=KEY)
    for b, h, w in [(0, 0, 0), (0, 3, 4), (1, 0, 0), (1, 2, 3)]:
        pixel = torch.tensor([(b * 4 + h) * 5 + w], device=device)
        for c, sign in [(2, 1), (0, -1)]:
            shift = sign * 0.7 * standard_normal(pixel, c, KEY, FOCUS_STREAM).abs()
            assert shifted[b, c, h, w] == (logits[b, c, h, w] + shift).item()
    assert torch.equal(shifted[:, 1], logits[:, 1])
    assert (shifted[:, 2] > logits[:, 2]).all()
    assert (shifted[:, 0] < logits[:, 0]).all()


@pytest.mark.parametrize(
    ('shape', 'dim'),
    [((3,), 0), ((3,), -1), ((5, 3), 1), ((3, 5), 0), ((2, 4, 3), -1), ((2, 3, 4, 5, 2), 1)],
)
def test_any_rank_and_class_dimension(shape, dim, device):
    logits = torch.randn(shape, device=device)
    pixels = logits.numel() // 3
    classes = logits.movedim(dim, 0).reshape(3, pixels)
    noisy = utility_modulation(logits, 1.0, dim=dim, key=KEY).movedim(dim, 0)
    draws = standard_normal_range(0, pixels, range(3), KEY, UTILITY_STREAM, device)
    assert torch.equal(noisy.reshape(3, pixels), classes + draws)
    shifted = focus_modulation(logits, {1: 1}, 1.0, dim=dim, key=KEY).movedim(dim, 0)
    draws = standard_normal_range(0, pixels, 1, KEY, FOCUS_STREAM, device)
    assert torch.equal(shifted[1].reshape(pixels), classes[1] + draws.abs())


@every_function
def test_sigma_0_is_the_exact_identity_in_a_new_tensor(modulate, device):
    logits = torch.tensor([[-0.0, math.nan, math.inf, -math.inf, 1e-45, 3.3]], device=device)
    for dtype in DTYPES:
        given = logits.to(dtype)
        same = modulate(given, 0)
        assert torch.equal(bits(same), bits(given))
        assert same.data_ptr() != given.data_ptr()


def test_without_targets_focus_is_the_exact_identity_in_a_new_tensor():
    logits = torch.tensor([[-0.0, math.nan, 1.5]])
    same = focus_modulation(logits, {}, 1.0)
    assert torch.equal(bits(same), bits(logits))
    assert same.data_ptr() != logits.data_ptr()


@of_images
def test_the_input_never_changes(modulate, device):
    logits = torch.randn(2, 3, 4, 5, device=device)
    channels_last = logits.to(memory_format=torch.channels_last)
    expanded = logits[:, :, :1].expand(2, 3, 4, 5)
    for given in (logits, channels_last, expanded):
        before = given.clone()
        changed = modulate(given, 1.0, key=KEY)
        assert torch.equal(given, before)
        assert not torch.equal(changed, before)


@of_images
def test_memory_layout_makes_no_difference(modulate, device):
    logits = torch.randn(2, 3, 4, 5, device=device)
    expected = modulate(logits, 1.0, key=KEY)
    channels_last = logits.to(memory_format=torch.channels_last)
    assert torch.equal(modulate(channels_last, 1.0, key=KEY), expected)
    transposed = logits.transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.equal(modulate(transposed, 1.0, key=KEY), expected)
    expanded = logits[:1].expand(2, 3, 4, 5)
    contiguous = modulate(expanded.contiguous(), 1.0, key=KEY)
    assert torch.equal(modulate(expanded, 1.0, key=KEY), contiguous)


@of_images
@pytest.mark.parametrize('dtype', DTYPES)
def test_any_float_dtype_is_rounded_once(modulate, dtype, device):
    logits = (10 * torch.randn(1, 3, 40, 50, device=device)).to(dtype)
    result = modulate(logits, 1.0, key=KEY)
    assert result.dtype == dtype
    assert result.device == logits.device
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    assert torch.equal(result, modulate(logits.to(wide), 1.0, key=KEY).to(dtype))


def test_float64_logits_keep_their_digits():
    logits = torch.full((1, 2, 3), 1e9 + 0.125, dtype=torch.float64)
    noise = standard_normal_range(0, 3, range(2), KEY, UTILITY_STREAM)
    assert torch.equal(utility_modulation(logits, 1.0, key=KEY), logits + noise)


def test_one_key_gives_independent_utility_and_focus_noise(device):
    logits = torch.zeros(1, 2, 400_000, device=device)
    utility_noise = utility_modulation(logits, 1.0, key=KEY)[0, 1].abs()
    focus_noise = focus_modulation(logits, {1: 1}, 1.0, key=KEY)[0, 1]
    correlation = torch.corrcoef(torch.stack([utility_noise, focus_noise]))[0, 1].item()
    assert abs(correlation) < 4 / math.sqrt(400_000)


@pytest.mark.parametrize('sigma', [0.1, 1.0, 30.0])
def test_noise_has_the_size_of_sigma(sigma, device):
    count = 500_000
    logits = torch.zeros(count, 2, device=device)
    noise = utility_modulation(logits, sigma, key=KEY).double().flatten() / sigma
    assert abs(noise.mean().item()) < 4 / math.sqrt(2 * count)
    assert abs(noise.square().mean().item() - 1) < 4 * math.sqrt(2 / (2 * count))
    # The half-normal distribution has mean sqrt(2 / pi) and mean square 1.
    shift = focus_modulation(logits, {1: 1}, sigma, key=KEY)[:, 1].double() / sigma
    variance = 1 - 2 / math.pi
    assert abs(shift.mean().item() - MEAN_OF_HALF_NORMAL) < 4 * math.sqrt(variance / count)
    assert abs(shift.square().mean().item() - 1) < 4 * math.sqrt(2 / count)


@pytest.mark.parametrize('at_once', [1, 7, 40, 10**9])
def test_utility_noise_does_not_depend_on_how_many_classes_are_drawn_together(
    at_once, monkeypatch
):
    logits = torch.randn(1, 11, 3, 6)
    expected = utility_modulation(logits, 1.0, key=KEY)
    monkeypatch.setattr(control, '_DRAWS_AT_ONCE', at_once)
    assert torch.equal(utility_modulation(logits, 1.0, key=KEY), expected)


@pytest.mark.parametrize('modulate', [utility, focus_pixel])
def test_keys(modulate):
    logits = torch.randn(1, 3, 8, 8)
    assert torch.equal(modulate(logits, 1.0, key=KEY), modulate(logits, 1.0, key=KEY))
    assert not torch.equal(modulate(logits, 1.0, key=KEY), modulate(logits, 1.0, key=KEY + 1))
    assert not torch.equal(modulate(logits, 1.0), modulate(logits, 1.0))
    torch.manual_seed(4)
    first = modulate(logits, 1.0)
    torch.manual_seed(4)
    assert torch.equal(modulate(logits, 1.0), first)


def test_what_draws_nothing_leaves_the_generator_alone():
    logits = torch.randn(1, 3, 8, 8)
    state = torch.get_rng_state()
    focus_expected(logits, 1.0)
    utility(logits, 0.0)
    focus_pixel(logits, 0.0)
    utility(logits, 1.0, key=KEY)
    focus_pixel(logits, 1.0, key=KEY)
    assert torch.equal(torch.get_rng_state(), state)


@of_images
def test_gradients_pass_unchanged(modulate):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    weights = torch.randn(1, 3, 4, 4)
    (modulate(logits, 1.0, key=KEY) * weights).sum().backward()
    assert torch.equal(logits.grad, weights)


@every_function
def test_no_pixels(modulate):
    assert modulate(torch.zeros(0, 3, 4, 5), 1.0).shape == (0, 3, 4, 5)
    assert modulate(torch.zeros(2, 3, 0), 1.0).shape == (2, 3, 0)


@pytest.mark.parametrize(
    ('sigma', 'error', 'message'),
    [
        (-0.5, ValueError, 'sigma must be finite and 0 or larger; got -0.5'),
        (math.nan, ValueError, 'sigma must be finite and 0 or larger; got nan'),
        (math.inf, ValueError, 'sigma must be finite and 0 or larger; got inf'),
        ('1', TypeError, 'sigma must be a number, finite and 0 or larger; got str'),
        (None, TypeError, 'sigma must be a number, finite and 0 or larger; got NoneType'),
    ],
)
def test_sigma_is_checked(sigma, error, message):
    assert refused(torch.zeros(1, 3), sigma=sigma) == (error, message)
    with pytest.raises(error, match=message):
        expected_shift(sigma)


def test_logits_are_checked():
    error, message = refused(torch.zeros(1, 3, dtype=torch.int64))
    assert error is TypeError
    assert message == 'logits must be of a floating-point dtype; got torch.int64'
    error, message = refused([[1.0, 2.0]])
    assert error is TypeError
    assert message == 'logits must be a torch.Tensor; got list'
    error, message = refused(torch.tensor(1.0), dim=0)
    assert error is ValueError
    assert message == 'logits must have a class dimension; got a scalar'


@pytest.mark.parametrize('dim', [2, -3])
def test_dim_is_checked(dim):
    error, message = refused(torch.zeros(1, 3), dim=dim)
    assert error is ValueError
    assert message == f'dim must be in -2 .. 1 for logits of shape (1, 3); got {dim}'


def test_the_default_dim_does_not_fit_a_vector():
    error, message = refused(torch.zeros(3))
    assert error is ValueError
    assert message == 'dim must be in -1 .. 0 for logits of shape (3,); got 1'


@pytest.mark.parametrize('sigma', [0.0, 1.0])
@pytest.mark.parametrize('key', [-1, 2**64])
def test_key_is_checked_even_where_it_is_not_used(key, sigma):
    error, message = refused(torch.zeros(1, 3), sigma=sigma, key=key)
    assert error is ValueError
    assert message == f'key must be in 0 .. 2**64 - 1; got {key}'
    with pytest.raises(ValueError, match='key must be in'):
        focus_expected(torch.zeros(1, 3), sigma, key=key)


@pytest.mark.parametrize('sigma', [0.0, 1.0])
@pytest.mark.parametrize(
    ('signs', 'error', 'message'),
    [
        ({3: 1}, ValueError, 'class index 3 is out of range; logits have classes 0 .. 2'),
        ({-1: 1}, ValueError, 'class index -1 is out of range; logits have classes 0 .. 2'),
        ({1: 0}, ValueError, r'the sign of class 1 must be \+1 or -1; got 0'),
        ({1: 0.5}, ValueError, r'the sign of class 1 must be \+1 or -1; got 0.5'),
        ({1: '+'}, ValueError, r"the sign of class 1 must be \+1 or -1; got '\+'"),
        ({'person': 1}, TypeError, "a class index must be an integer; got 'person'"),
        ([1], TypeError, r'signs must map class indices to \+1 or -1; got list'),
    ],
)
def test_signs_are_checked(signs, error, message, sigma):
    with pytest.raises(error, match=message):
        focus_modulation(torch.zeros(2, 3, 4), signs, sigma)


def test_an_unknown_sampling_is_refused_with_the_choices():
    choices = "unknown sampling 'mean'; choices: 'expected', 'pixel', 'gated'"
    with pytest.raises(ValueError, match=choices):
        focus_modulation(torch.zeros(1, 3), {0: 1}, 1.0, sampling='mean')


def test_modules_only_remember_arguments(device):
    logits = torch.randn(2, 5, 3, device=device)
    module = UtilityModulation(0.5, dim=-1, key=KEY)
    assert torch.equal(module(logits), utility_modulation(logits, 0.5, dim=-1, key=KEY))
    assert repr(module) == f'UtilityModulation(sigma=0.5, dim=-1, key={KEY})'
    logits = torch.randn(2, 6, 5, 3, device=device)
    for sampling in SAMPLINGS:
        module = FocusModulation({2: 1}, 0.5, dim=2, sampling=sampling, key=KEY)
        expected = focus_modulation(logits, {2: 1}, 0.5, dim=2, sampling=sampling, key=KEY)
        assert torch.equal(module(logits), expected)
        assert not torch.equal(expected, logits)
    assert repr(module) == (
        f"FocusModulation(signs={{2: 1}}, sigma=0.5, dim=2, sampling='gated', key={KEY})"
    )
    assert list(module.parameters()) == []
