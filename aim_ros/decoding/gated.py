"""
Decoding with gated sampling: the expected shift, only where the model has evidence nearby.

The gate lies on the logits' grid, and between its cells it is interpolated as the logits are.
Upsampling is linear, so the gated shift can be added on the grid, and any backend's unmodulated
decisions about that grid are the focused ones; see `aim_ros.modulation.gating`.
"""

from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from aim_ros.decoding.decoded import Decoded
from aim_ros.decoding.grid import place_on_grid
from aim_ros.modulation import focus_modulation
from aim_ros.modulation import Modulation


def fill(
    outputs: Decoded, logits: Tensor, modulation: Modulation, key: int, temperature: float,
    backend: ModuleType,
) -> None:
    """Compute `outputs` by two passes of a backend; see `decode.decode`."""
    base, focused, mask = outputs.base, outputs.focused, outputs.mask
    backend.fill(
        Decoded(mask=base, base=base, focused=base, changed=outputs.changed,
                confidence=outputs.confidence),
        logits, Modulation(), key, temperature)
    backend.fill(
        Decoded(mask=mask, base=focused, focused=focused,
                changed=torch.zeros_like(outputs.changed), confidence=None),
        _shifted(logits, modulation), Modulation(utility_sigma=modulation.utility_sigma),
        key, temperature)
    turned = mask != base
    outputs.changed.copy_(turned.sum())
    if outputs.confidence is not None:
        # So far it is that of the base decision.
        pixels = turned.nonzero(as_tuple=True)
        lead = (_values(logits, base[pixels], pixels, base.shape)
                - _values(logits, mask[pixels], pixels, base.shape))
        outputs.confidence[pixels] *= torch.exp(-lead / temperature)


def _shifted(logits: Tensor, modulation: Modulation) -> Tensor:
    """Return the modulated logits on their own grid, (C, h, w), float32."""
    return focus_modulation(
        logits.float(), dict(modulation.signs), modulation.sigma, dim=0, sampling='gated')


def _values(
    logits: Tensor, ids: Tensor, pixels: tuple[Tensor, Tensor], size: tuple[int, int],
) -> Tensor:
    """Upsample single logits: of the classes `ids` (N,) at `pixels`, rows and columns (N,)."""
    (upper, down), (left, across) = (
        _axis(points, extent, at) for points, extent, at in zip(
            logits.shape[1:], size, pixels, strict=True))
    lower, right = (upper + 1).clamp_max(logits.shape[1] - 1), (left + 1).clamp_max(
        logits.shape[2] - 1)
    ids, logits = ids.long(), logits.float()
    before = torch.lerp(logits[ids, upper, left], logits[ids, lower, left], down)
    after = torch.lerp(logits[ids, upper, right], logits[ids, lower, right], down)
    return torch.lerp(before, after, across)


def _axis(points: int, pixels: int, at: Tensor) -> tuple[Tensor, Tensor]:
    """Return `place_on_grid` of some pixels, int64 and float32, on their device."""
    before, distance = place_on_grid(points, pixels)
    before = torch.from_numpy(before.astype(np.int64)).to(at.device)
    return before[at], torch.from_numpy(distance).to(at.device)[at]
