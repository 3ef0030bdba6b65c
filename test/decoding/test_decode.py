"""
Decoding against a reference that upsamples everything and modulates the whole array.

Both round, so a pixel counts as decided only where its winner leads by more than `_TIE`; where it
does not, either class is right. How many pixels are left out is bounded too.
"""

import importlib
from importlib.util import find_spec
import math
import sys

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from aim_ros.decoding import decode as decode_module
from aim_ros.decoding import reference as decode_reference
from aim_ros.decoding.decode import decode
from aim_ros.decoding.decode import prepare
from aim_ros.modulation import expected_shift
from aim_ros.modulation import focus_modulation
from aim_ros.modulation import Modulation
from aim_ros.modulation import utility_modulation

KEY = 0x0123456789ABCDEF

_TIE = 1e-5
_TIED_SHARE = 1e-3

# Class ids that every label set here has, so that one modulation serves all.
UP_AND_DOWN = ((2, 1), (5, -1), (11, 1), (17, -1))

MODULATIONS = {
    'neutral': Modulation(),
    'targets_without_sigma': Modulation(UP_AND_DOWN, 0.0, 'pixel'),
    'sigma_without_targets': Modulation((), 0.5, 'pixel'),
    'expected': Modulation(UP_AND_DOWN, 0.3),
    'pixel': Modulation(UP_AND_DOWN, 0.3, 'pixel'),
    'gated': Modulation(UP_AND_DOWN, 0.3, 'gated'),
    'gated_suppression': Modulation(((2, -1),), 0.3, 'gated'),
    'utility_and_gated': Modulation(UP_AND_DOWN, 0.3, 'gated', utility_sigma=0.2),
    'expected_far': Modulation(((11, -1), (18, 1)), 20.0),
    'utility': Modulation(utility_sigma=0.2),
    'utility_and_expected': Modulation(UP_AND_DOWN, 0.3, utility_sigma=0.2),
    'utility_and_pixel': Modulation(UP_AND_DOWN, 0.3, 'pixel', utility_sigma=0.2),
    'every_class': Modulation(tuple((i, 1 - i % 3 % 2 * 2) for i in range(19)), 0.3, 'pixel'),
}


@pytest.fixture(params=['cpu', 'cuda', 'reference'])
def device(request, monkeypatch):
    """Run a test with each kernel, and with the reference on the CPU."""
    if request.param == 'reference':
        use_reference(monkeypatch)
        return torch.device('cpu')
    if request.param == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device on this machine')
    return torch.device(request.param)


def use_reference(monkeypatch):
    monkeypatch.setattr(decode_module, '_backend', lambda device_type: decode_reference)


def random_logits(classes, grid, seed=0, spread=0.3):
    """Logits (C, h, w) whose leaders are close: their gaps are far below the spread."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(classes, *grid, generator=generator) * spread


class Reference:
    """The scores (C, H, W) that the three decisions are the arg max of."""

    def __init__(self, logits, size, modulation, key):
        signs = dict(modulation.signs)
        self.base = interpolate(
            logits[None].float(), size=size, mode='bilinear', align_corners=False)[0]
        self.focused = focus_modulation(
            self.base, signs, modulation.sigma, dim=0, sampling='expected')
        noisy = utility_modulation(self.base, modulation.utility_sigma, dim=0, key=key)
        if modulation.sampling == 'gated':
            shift = gated_shift(logits, size, modulation)
            self.focused, self.mask = self.base + shift, noisy + shift
            return
        self.mask = focus_modulation(
            noisy, signs, modulation.sigma, dim=0, sampling=modulation.sampling, key=key)


def gated_shift(logits, size, modulation):
    """Return what gated sampling adds to the upsampled logits, (C, H, W)."""
    signs = dict(modulation.signs)
    ups = [target for target, sign in signs.items() if sign > 0]
    evidence = np.isin(logits.cpu().numpy().argmax(0), ups)
    near = cv2.dilate(evidence.astype(np.float32), np.ones((3, 3)))
    gate = interpolate(torch.from_numpy(near)[None, None], size=size, mode='bilinear')[0, 0]
    shift = torch.zeros(len(logits), *size)
    for target, sign in signs.items():
        shift[target] = expected_shift(modulation.sigma) * (gate if sign > 0 else -1)
    return shift.to(logits.device)


def best(scores):
    """Return the arg max; NumPy promises the first of equal ones, torch does not."""
    return torch.from_numpy(scores.cpu().numpy().argmax(0))


def assert_decided(ids, scores):
    """`ids` are the arg max of `scores` wherever the winner leads by more than rounding."""
    first, second = scores.topk(2, dim=0).values
    decided = (first - second > _TIE).cpu()
    assert (ids.cpu()[decided] == best(scores)[decided]).all()
    assert (~decided).sum() <= 2 + _TIED_SHARE * decided.numel()


def assert_like_reference(logits, size, modulation, key=KEY, temperature=1.0):
    decoded = decode(
        logits, size, modulation, key=key, confidence=True, temperature=temperature)
    reference = Reference(logits, size, modulation, key)
    for name in ('base', 'focused', 'mask'):
        assert getattr(decoded, name).shape == size
        assert getattr(decoded, name).device == logits.device
        assert_decided(getattr(decoded, name), getattr(reference, name))

    changed = (best(reference.mask) != best(reference.base)).float().mean().item()
    assert decoded.changed_share == pytest.approx(
        changed, abs=2 * (2 / decoded.mask.numel() + _TIED_SHARE))
    exactly = (decoded.mask != decoded.base).float().mean().item()
    assert decoded.changed_share == pytest.approx(exactly, abs=1e-6)

    probability = (reference.base / temperature).softmax(0)
    chosen = probability.gather(0, decoded.mask.long()[None])[0]
    torch.testing.assert_close(decoded.confidence, chosen, atol=1e-5, rtol=0)
    assert decoded.confidence.max() <= 1
    return decoded


@pytest.mark.parametrize('classes', [19, 150, 300])
@pytest.mark.parametrize('name', MODULATIONS)
def test_as_the_reference(name, classes, device):
    logits = random_logits(classes, (8, 16)).to(device)
    assert_like_reference(logits, (61, 97), MODULATIONS[name])


@pytest.mark.parametrize('size', [
    (1, 1), (3, 5), (8, 16), (7, 15), (8, 97), (61, 16), (1, 200), (200, 1), (64, 128)])
@pytest.mark.parametrize('name', ['expected', 'pixel', 'utility_and_pixel'])
def test_sizes_around_that_of_the_grid(name, size, device):
    assert_like_reference(random_logits(19, (8, 16)).to(device), size, MODULATIONS[name])


@pytest.mark.parametrize('grid', [(1, 1), (1, 7), (7, 1)])
def test_grids_of_one_row_or_column(grid, device):
    assert_like_reference(random_logits(19, grid).to(device), (30, 41), MODULATIONS['pixel'])


@pytest.mark.parametrize('name', ['expected', 'pixel', 'utility_and_pixel'])
def test_a_frame_of_kitti(name, device):
    decoded = assert_like_reference(
        random_logits(19, (48, 160)).to(device), (375, 1242), MODULATIONS[name])
    assert 0.01 < decoded.changed_share < 0.99


@pytest.mark.parametrize('temperature', [0.5, 1.7])
def test_temperature_changes_confidence_and_no_decision(temperature, device):
    logits = random_logits(19, (8, 16)).to(device)
    modulation = MODULATIONS['pixel']
    tempered = assert_like_reference(logits, (61, 97), modulation, temperature=temperature)
    plain = decode(logits, (61, 97), modulation, key=KEY, confidence=True)
    assert torch.equal(tempered.mask, plain.mask)
    assert not torch.allclose(tempered.confidence, plain.confidence, atol=1e-3)


@pytest.mark.parametrize('rows', [1, 2, 3, 7, 61, 1000])
@pytest.mark.parametrize('name', ['expected', 'pixel', 'utility_and_pixel'])
def test_bands_leave_no_trace(name, rows, monkeypatch):
    use_reference(monkeypatch)
    logits = random_logits(19, (8, 16))
    whole = decode(logits, (61, 97), MODULATIONS[name], key=KEY, confidence=True)
    monkeypatch.setattr(decode_reference, '_BAND_ELEMENTS', 19 * 97 * rows)
    banded = decode(logits, (61, 97), MODULATIONS[name], key=KEY, confidence=True)
    for part in ('mask', 'base', 'focused'):
        assert torch.equal(getattr(banded, part), getattr(whole, part))
    assert banded.changed_share == whole.changed_share
    torch.testing.assert_close(banded.confidence, whole.confidence, atol=1e-6, rtol=0)


def test_a_row_that_is_larger_than_a_band_is_one(monkeypatch):
    use_reference(monkeypatch)
    monkeypatch.setattr(decode_reference, '_BAND_ELEMENTS', 1)
    assert_like_reference(random_logits(19, (8, 16)), (5, 97), MODULATIONS['pixel'])


@pytest.mark.parametrize('name', ['pixel', 'utility', 'utility_and_expected'])
def test_the_key_alone_decides_the_draws(name, device):
    logits = random_logits(19, (8, 16)).to(device)
    mask = decode(logits, (61, 97), MODULATIONS[name], key=1).mask
    assert torch.equal(mask, decode(logits, (61, 97), MODULATIONS[name], key=1).mask)
    for key in (0, 2, 2**64 - 1):
        other = decode(logits, (61, 97), MODULATIONS[name], key=key).mask
        assert (mask != other).float().mean() > 0.05


def test_the_expected_shift_needs_no_key(device):
    logits = random_logits(19, (8, 16)).to(device)
    masks = [decode(logits, (61, 97), MODULATIONS['expected'], key=key).mask for key in (1, 2)]
    assert torch.equal(*masks)


@pytest.mark.parametrize('name', MODULATIONS)
def test_no_modulation_moves_the_unmodulated_decision(name, device):
    logits = random_logits(19, (8, 16)).to(device)
    neutral = decode(logits, (61, 97), Modulation()).base
    assert torch.equal(decode(logits, (61, 97), MODULATIONS[name], key=KEY).base, neutral)


def test_the_deterministic_decision_knows_neither_draws_nor_utility_noise(device):
    logits = random_logits(19, (8, 16)).to(device)
    focused = [decode(logits, (61, 97), MODULATIONS[name], key=KEY).focused
               for name in ('expected', 'pixel', 'utility_and_expected', 'utility_and_pixel')]
    assert all(torch.equal(focused[0], other) for other in focused[1:])


def test_decisions_that_must_be_equal_are_one_tensor():
    logits = random_logits(19, (4, 4))
    neutral = decode(logits, (8, 8), Modulation())
    assert neutral.mask is neutral.focused is neutral.base
    assert neutral.changed_share == 0
    assert neutral.confidence is None
    expected = decode(logits, (8, 8), MODULATIONS['expected'])
    assert expected.mask is expected.focused
    assert expected.focused is not expected.base


# By hand


def one_pixel(values, modulation, **options):
    logits = torch.tensor(values, dtype=torch.float32)[:, None, None]
    return decode(logits, (1, 1), modulation, confidence=True, **options)


@pytest.mark.parametrize(('sigma', 'winner'), [(0.9, 0), (1.1, 1)])
def test_a_target_wins_once_the_mean_shift_exceeds_the_gap(sigma, winner):
    gap = expected_shift(1.0)
    up = one_pixel([gap, 0.0, -9.0], Modulation(((1, 1),), sigma))
    down = one_pixel([gap, 0.0, -9.0], Modulation(((0, -1),), sigma))
    for decoded in (up, down):
        assert decoded.mask.item() == decoded.focused.item() == winner
        assert decoded.base.item() == 0
        assert decoded.changed_share == winner


def test_confidence_is_that_of_the_masks_class_before_modulation():
    values = [1.0, 0.0, 0.5]
    total = sum(math.exp(value) for value in values)
    neutral = one_pixel(values, Modulation())
    assert neutral.confidence.item() == pytest.approx(math.e / total, abs=1e-6)
    focused = one_pixel(values, Modulation(((1, 1),), 10.0))
    assert focused.mask.item() == 1
    assert focused.confidence.item() == pytest.approx(1 / total, abs=1e-6)
    soft = one_pixel([2 * value for value in values], Modulation(), temperature=2.0)
    assert soft.confidence.item() == pytest.approx(math.e / total, abs=1e-6)


@pytest.mark.parametrize('modulation', [
    Modulation(), Modulation(((1, 1), (3, 1)), 1.0), Modulation(((0, -1), (4, -1)), 1.0),
    Modulation(tuple((i, 1) for i in range(6)), 1.0)])
@pytest.mark.parametrize('device_name', ['cpu', 'cuda'])
def test_the_lowest_id_wins_a_tie(modulation, device_name):
    if device_name == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device on this machine')
    generator = torch.Generator().manual_seed(0)
    # At the grid's own size nothing is rounded, and few levels make many ties.
    logits = torch.randint(0, 3, (6, 20, 30), generator=generator).float().to(device_name)
    decoded = decode(logits, (20, 30), modulation)
    reference = Reference(logits, (20, 30), modulation, KEY)
    tied = (logits == logits.max(0).values).sum(0) > 1
    assert tied.float().mean() > 0.5
    for name in ('base', 'focused', 'mask'):
        assert torch.equal(
            getattr(decoded, name).cpu().long(), best(getattr(reference, name)))


def test_a_model_of_one_class():
    decoded = decode(torch.randn(1, 2, 2), (5, 5), Modulation(((0, -1),), 3.0), confidence=True)
    assert not decoded.mask.any()
    assert decoded.confidence.min() > 1 - 1e-6
    assert decoded.confidence.max() <= 1


@pytest.mark.parametrize(('classes', 'dtype'), [
    (255, torch.uint8), (256, torch.int32), (300, torch.int32)])
def test_ids_over_255_need_a_wider_mask(classes, dtype):
    logits = torch.zeros(classes, 2, 2)
    logits[classes - 1] = 1
    decoded = decode(logits, (4, 4), Modulation(((3, 1),), 0.1, 'pixel'))
    for ids in (decoded.mask, decoded.base, decoded.focused):
        assert ids.dtype == dtype
        assert (ids == classes - 1).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_dtype_is_computed_in_float32(dtype):
    logits = random_logits(19, (8, 16)).to(dtype)
    one = decode(logits, (61, 97), MODULATIONS['pixel'], key=KEY, confidence=True)
    other = decode(logits.float(), (61, 97), MODULATIONS['pixel'], key=KEY, confidence=True)
    assert torch.equal(one.mask, other.mask)
    assert one.confidence.dtype == torch.float32
    assert torch.equal(one.confidence, other.confidence)


@pytest.mark.parametrize('name', MODULATIONS)
def test_the_logits_are_left_as_they_are(name):
    logits = random_logits(19, (4, 4))
    before = logits.clone()
    for size in ((4, 4), (9, 9)):
        decode(logits, size, MODULATIONS[name], key=KEY, confidence=True)
    assert torch.equal(logits, before)


# Memory


class LargestTensor(TorchDispatchMode):
    """Note the elements of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.elements = max(self.elements, leaf.numel())
        return result


@pytest.mark.parametrize('name', ['expected', 'pixel', 'utility_and_pixel'])
def test_nothing_of_classes_times_pixels_exists(name, monkeypatch):
    classes, height, width, band = 150, 24, 80, 1 << 14
    use_reference(monkeypatch)
    monkeypatch.setattr(decode_reference, '_BAND_ELEMENTS', band)
    logits = random_logits(classes, (6, 10))
    with LargestTensor() as largest:
        decode(logits, (height, width), MODULATIONS[name], key=KEY, confidence=True)
    assert height * width <= largest.elements <= band
    assert band * 17 < classes * height * width

    with LargestTensor() as largest:
        Reference(logits, (height, width), MODULATIONS[name], KEY)
    assert largest.elements >= classes * height * width


def test_the_band_that_ships_is_far_smaller_than_a_frame():
    assert decode_reference._BAND_ELEMENTS * 20 < 150 * 375 * 1242


@pytest.mark.parametrize('size', [(9, 13), (60, 91)])
@pytest.mark.parametrize('signs', [((2, 1), (5, -1), (11, 1)), ((2, -1),)])
def test_gated_decisions_are_those_of_gated_logits(size, signs, device):
    """Modulating before the upsampling, as a user without this decoder does, is the same."""
    logits = random_logits(19, (9, 13)).to(device)
    modulation = Modulation(signs, 0.4, 'gated')
    modulated = focus_modulation(logits, dict(signs), 0.4, dim=0, sampling='gated')
    decoded = decode(logits, size, modulation)
    scores = interpolate(modulated[None], size=size, mode='bilinear', align_corners=False)[0]
    assert_decided(decoded.focused, scores)
    assert torch.equal(decoded.mask, decoded.focused)
    assert decoded.changed > 0


# Backends


@pytest.fixture
def fresh_backends():
    decode_module._backend.cache_clear()
    yield
    decode_module._unusable.clear()
    decode_module._backend.cache_clear()


@pytest.mark.parametrize(('device_type', 'compiler'), [('cpu', 'numba'), ('cuda', 'triton')])
def test_without_its_compiler_a_kernel_is_replaced_with_one_warning(
        device_type, compiler, fresh_backends, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, compiler, None)
    for module in list(sys.modules):
        if module.startswith((f'aim_ros.decoding.{device_type}', 'aim_ros.decoding.compilation')):
            monkeypatch.delitem(sys.modules, module)
    assert decode_module._backend(device_type) is decode_reference
    assert decode_module._backend(device_type) is decode_reference
    [record] = caplog.records
    assert record.levelname == 'WARNING'
    assert compiler in record.getMessage()


class ForeignError(Exception):
    """A compiler's own, as Triton's where its assembler does not know the device."""


@pytest.mark.parametrize('kind', [RuntimeError, OSError, ForeignError])
def test_a_kernel_that_cannot_be_compiled_is_replaced_with_one_warning(
        kind, fresh_backends, monkeypatch, caplog):
    def fill(*_):
        raise kind('Failed to find C compiler')

    monkeypatch.setattr(decode_module._backend('cpu'), 'fill', fill)
    prepare(torch.device('cpu'), 19)
    assert decode_module._backend('cpu') is decode_reference
    [record] = caplog.records
    assert f'{kind.__name__}: Failed to find C compiler' in record.getMessage()
    monkeypatch.setattr(decode_reference, 'fill', fill)
    with pytest.raises(kind, match='Failed to find'):
        prepare(torch.device('cpu'), 19)


def test_other_devices_have_the_reference(caplog):
    assert decode_module._backend('meta') is decode_reference
    assert not caplog.records


def test_preparing_compiles_what_every_modulation_needs(device, monkeypatch):
    prepare(device, 19)
    prepare(device, 300)
    if decode_module._backend(device.type).__name__.endswith('cpu'):
        kernel = importlib.import_module('aim_ros.decoding.cpu.rows').fill_rows
        compiled = len(kernel.signatures)
        for classes in (19, 300):
            for modulation in MODULATIONS.values():
                decode(random_logits(classes, (8, 16)), (61, 97), modulation, key=2**64 - 1)
        assert len(kernel.signatures) == compiled


def test_on_the_host_nothing_is_copied():
    decoded = decode(random_logits(19, (4, 4)), (8, 8), MODULATIONS['expected'])
    assert decoded.cpu() is decoded


def test_decisions_that_are_one_tensor_stay_one_on_the_host(device):
    decoded = decode(
        random_logits(19, (4, 4)).to(device), (8, 8), MODULATIONS['expected'], confidence=True)
    hosted = decoded.cpu()
    assert hosted.mask is hosted.focused is not hosted.base
    for name in ('mask', 'base', 'confidence', 'changed'):
        assert getattr(hosted, name).device.type == 'cpu'
        assert torch.equal(getattr(hosted, name), getattr(decoded, name).cpu())
    assert hosted.changed_share == decoded.changed_share


# Refusals


@pytest.mark.parametrize('shape', [(19, 4), (1, 19, 4, 4), (0, 4, 4), (19, 0, 4)])
def test_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r'logits must be \(C, h, w\) and not empty') as error:
        decode(torch.zeros(shape), (8, 8), Modulation())
    assert str(shape) in str(error.value)


@pytest.mark.parametrize('size', [(0, 8), (8, 0), (-1, 8)])
def test_an_empty_size_is_refused(size):
    with pytest.raises(ValueError, match='size must be at least 1x1') as error:
        decode(torch.zeros(19, 4, 4), size, Modulation())
    assert f'{size[0]}x{size[1]}' in str(error.value)


@pytest.mark.parametrize('target', [-1, 19, 300])
def test_a_target_that_is_no_class_is_refused(target):
    with pytest.raises(ValueError, match=rf'target class {target} is not in 0\.\.18'):
        decode(torch.zeros(19, 4, 4), (8, 8), Modulation(((3, 1), (target, 1)), 1.0))


@pytest.mark.parametrize('name', ['sigma', 'utility_sigma'])
@pytest.mark.parametrize('value', [-0.1, math.nan, math.inf, -math.inf])
def test_a_wrong_sigma_is_refused(name, value):
    with pytest.raises(ValueError, match=f'{name} must be finite and >= 0, got {value}'):
        Modulation(**{name: value})


def test_other_wrong_modulations_are_refused():
    with pytest.raises(ValueError, match=r"sampling must be one of .*, got 'noisy'"):
        Modulation(sampling='noisy')
    for sign in (0, 2, -2):
        with pytest.raises(ValueError, match=rf'signs must be \+1 or -1, got {{5: {sign}}}'):
            Modulation(((5, sign),))
    with pytest.raises(ValueError, match='a target class has two signs'):
        Modulation(((5, 1), (5, -1)))


def test_what_focuses_and_what_draws():
    focused, drawn = zip(*(
        (name if modulation.focuses else None, name if modulation.draws else None)
        for name, modulation in MODULATIONS.items()), strict=True)
    assert set(focused) - {None} == {
        'expected', 'pixel', 'gated', 'gated_suppression', 'expected_far',
        'utility_and_expected', 'utility_and_pixel', 'utility_and_gated', 'every_class'}
    assert set(drawn) - {None} == {
        'pixel', 'utility', 'utility_and_expected', 'utility_and_pixel', 'utility_and_gated',
        'every_class'}


def test_half_normal_draws_move_a_mask_as_often_as_theory_says(device):
    """P(gap < sigma |z|) = 2 (1 - Phi(gap / sigma)), at 40,000 independent pixels."""
    logits = torch.tensor([0.5, 0.0], device=device)[:, None, None]
    mask = decode(logits, (200, 200), Modulation(((1, 1),), 1.0, 'pixel'), key=KEY).mask
    expected = 1 - math.erf(0.5 / math.sqrt(2))
    standard_error = math.sqrt(expected * (1 - expected) / mask.numel())
    assert mask.float().mean().item() == pytest.approx(expected, abs=4 * standard_error)
    assert np.corrcoef(mask.cpu()[:, :-1].flatten(), mask.cpu()[:, 1:].flatten())[0, 1] == (
        pytest.approx(0, abs=0.03))


@pytest.mark.parametrize('device_type', decode_module._KERNELS)
def test_each_kernel_is_where_it_is_looked_for(device_type):
    """A module that is not there would pass for a compiler that is not installed."""
    assert find_spec(decode_module._module_name(device_type)) is not None
