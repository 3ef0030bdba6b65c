"""
Decoding in plain torch, on any device: what the kernels are held against, and their fallback.

The work is done in bands of rows, so that nothing of the size classes x height x width ever
exists at camera resolution.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from aim_ros.decoding.decoded import Decoded
from aim_ros.modulation import Modulation
from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import standard_normal_range
from aim_ros.modulation.noise import UTILITY_STREAM

_BAND_ELEMENTS = 1 << 20
"""Logits in a band: large enough to amortise a torch call, small enough for the CPU's cache."""


def fill(
    outputs: Decoded, logits: Tensor, modulation: Modulation, key: int, temperature: float,
) -> None:
    """Compute `outputs`, whose tensors are on the logits' device; see `decode.decode`."""
    height, width = outputs.mask.shape
    for top, band in _bands(logits.float(), height, width):
        rows = slice(top, top + band.shape[1])
        outputs.base[rows], outputs.focused[rows] = _deterministic(band, modulation)
        if modulation.draws:
            outputs.mask[rows] = _sampled(band, modulation, key, first_pixel=top * width)
        if outputs.confidence is not None:
            scaled = band / temperature
            chosen = scaled.gather(0, outputs.mask[rows].long()[None])[0]
            outputs.confidence[rows] = torch.exp(chosen - scaled.logsumexp(0))
    outputs.changed.copy_((outputs.mask != outputs.base).sum())


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
