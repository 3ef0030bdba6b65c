"""
From logits on the model's grid to a mask at camera resolution, modulated on the way.

Noise and shifts act at the resolution at which the arg max is taken, i.e. after upsampling (see
DESIGN notes in the README). The work is done in bands of rows, so that nothing of the size
classes x height x width ever exists at camera resolution.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import standard_normal_range
from aim_ros.modulation.noise import UTILITY_STREAM

SAMPLINGS = ('expected', 'pixel')

_BAND_ELEMENTS = 1 << 20
"""Logits in a band: large enough to amortise a torch call, small enough for the CPU's cache."""


@dataclass(frozen=True)
class Modulation:
    """
    What is done to a frame's logits.

    :param signs: the target classes of focus modulation, as ``(class id, +1 or -1)`` pairs.
    :param sigma: standard deviation of the focus noise, in logits, >= 0.
    :param sampling: ``'expected'`` (mean shift) or ``'pixel'`` (one draw per pixel and target).
    :param utility_sigma: standard deviation of the utility noise, in logits, >= 0.
    """

    signs: tuple[tuple[int, int], ...] = ()
    sigma: float = 0.0
    sampling: str = 'expected'
    utility_sigma: float = 0.0

    def __post_init__(self):
        for name, value in (('sigma', self.sigma), ('utility_sigma', self.utility_sigma)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f'{name} must be finite and >= 0, got {value}')
        if self.sampling not in SAMPLINGS:
            raise ValueError(f'sampling must be one of {SAMPLINGS}, got {self.sampling!r}')
        if any(sign not in (1, -1) for _, sign in self.signs):
            raise ValueError(f'signs must be +1 or -1, got {dict(self.signs)}')
        if len({target for target, _ in self.signs}) != len(self.signs):
            raise ValueError(f'a target class has two signs: {self.signs}')

    @property
    def focuses(self) -> bool:
        """Whether focus modulation changes anything."""
        return bool(self.signs) and self.sigma > 0

    @property
    def draws(self) -> bool:
        """Whether the mask depends on random draws."""
        return self.utility_sigma > 0 or (self.focuses and self.sampling == 'pixel')


@dataclass(frozen=True)
class Decoded:
    """
    The decisions about one frame, tensors (H, W) on the logits' device.

    :param mask: class ids as published: modulated as asked; uint8, or int32 over 255 classes.
    :param base: class ids of the unmodulated logits.
    :param focused: class ids under focus modulation's expected shift, whatever the mask's
        sampling and without utility noise: the deterministic decision that alerts use.
    :param changed_share: share of the pixels at which `mask` differs from `base`, 0..1.
    :param confidence: softmax probability of the mask's class under the unmodulated logits,
        float32 in 0..1; None unless asked for.
    """

    mask: Tensor
    base: Tensor
    focused: Tensor
    changed_share: float
    confidence: Tensor | None


def decode(
    logits: Tensor,
    size: tuple[int, int],
    modulation: Modulation,
    *,
    key: int = 0,
    confidence: bool = False,
    temperature: float = 1.0,
) -> Decoded:
    """
    Decide the class of every camera pixel.

    The logits are upsampled bilinearly (pixel centres aligned as in
    ``interpolate(align_corners=False)``) and modulated there. On a tie the lowest id wins.

    :param logits: (C, h, w), any float dtype; computed in float32.
    :param size: (H, W) of the camera image.
    :param key: key of the counter-based noise, 0..2**64-1; the pixel's index is its flat index
        in the camera image.
    :param confidence: whether to compute the confidence image.
    :param temperature: the softmax's temperature, > 0; it changes no decision.
    :raises ValueError: the shapes do not fit, or a target is no class of the model.
    """
    if logits.ndim != 3 or min(logits.shape) < 1:
        raise ValueError(f'logits must be (C, h, w) and not empty, got {tuple(logits.shape)}')
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f'size must be at least 1x1, got {height}x{width}')
    classes = logits.shape[0]
    for target, _ in modulation.signs:
        if not 0 <= target < classes:
            raise ValueError(f'target class {target} is not in 0..{classes - 1}')

    dtype = torch.uint8 if classes <= 255 else torch.int32
    base = torch.empty(size, dtype=dtype, device=logits.device)
    focused = torch.empty_like(base) if modulation.focuses else base
    mask = torch.empty_like(base) if modulation.draws else focused
    probability = torch.empty(size, device=logits.device) if confidence else None

    for top, band in _bands(logits.float(), height, width):
        rows = slice(top, top + band.shape[1])
        base[rows], focused[rows] = _deterministic(band, modulation)
        if modulation.draws:
            mask[rows] = _sampled(band, modulation, key, first_pixel=top * width)
        if probability is not None:
            scaled = band / temperature
            chosen = scaled.gather(0, mask[rows].long()[None])[0]
            probability[rows] = torch.exp(chosen - scaled.logsumexp(0))

    changed = 0.0 if mask is base else (mask != base).float().mean().item()
    return Decoded(mask, base, focused, changed, probability)


def _bands(logits: Tensor, height: int, width: int) -> Iterator[tuple[int, Tensor]]:
    """Yield (first row, logits (C, rows, width)) of the upsampled image from top to bottom."""
    classes, grid_height, _ = logits.shape
    source = (torch.arange(height, device=logits.device, dtype=torch.float32) + 0.5)
    source = (source * (grid_height / height) - 0.5).clamp_(min=0)
    upper = source.long().clamp_(max=grid_height - 1)
    lower = (upper + 1).clamp_(max=grid_height - 1)
    weight = (source - upper)[None, :, None]
    step = max(1, _BAND_ELEMENTS // (classes * width))
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        band = torch.lerp(logits[:, upper[rows]], logits[:, lower[rows]], weight[:, rows])
        yield top, interpolate(
            band[None], size=(band.shape[1], width), mode='bilinear', align_corners=False)[0]


class _Leader:
    """The best class so far at each pixel of a band; a tie goes to the lower id."""

    def __init__(self, value: Tensor, index: Tensor):
        self.value = value
        self.index = index

    def challenge(self, value: Tensor, index: int) -> None:
        wins = (value > self.value) | ((value == self.value) & (index < self.index))
        self.value = torch.where(wins, value, self.value)
        self.index = self.index.masked_fill(wins, index)


def _untargeted(band: Tensor, modulation: Modulation) -> _Leader:
    """Return the leader among the classes that focus modulation leaves alone."""
    if modulation.focuses:
        band = band.clone()
        band[[target for target, _ in modulation.signs]] = -torch.inf
    return _Leader(*band.max(0))


def _deterministic(band: Tensor, modulation: Modulation) -> tuple[Tensor, Tensor]:
    """Return the (base, focused) class ids of a band; the same tensor twice without a focus."""
    rest = _untargeted(band, modulation)
    if not modulation.focuses:
        return rest.index, rest.index
    shift = expected_shift(modulation.sigma)
    base = _Leader(rest.value, rest.index)
    focused = _Leader(rest.value, rest.index)
    for target, sign in modulation.signs:
        base.challenge(band[target], target)
        focused.challenge(band[target] + sign * shift, target)
    return base.index, focused.index


def _sampled(band: Tensor, modulation: Modulation, key: int, first_pixel: int) -> Tensor:
    """Return the class ids of a band under the random draws of its pixels."""
    pixels = band[0].numel()
    if modulation.utility_sigma > 0:
        noise = standard_normal_range(
            first_pixel, pixels, range(len(band)), key, UTILITY_STREAM, band.device)
        band = band + modulation.utility_sigma * noise.view(band.shape)
    leader = _untargeted(band, modulation)
    for target, sign in modulation.signs if modulation.focuses else ():
        shift = expected_shift(modulation.sigma)
        if modulation.sampling == 'pixel':
            noise = standard_normal_range(
                first_pixel, pixels, target, key, FOCUS_STREAM, band.device)
            shift = modulation.sigma * noise.abs().view(band.shape[1:])
        leader.challenge(band[target] + sign * shift, target)
    return leader.index
