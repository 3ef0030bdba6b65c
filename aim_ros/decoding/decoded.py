"""What decoding is asked for, and what it answers."""

from dataclasses import dataclass
import math

import torch
from torch import Tensor

SAMPLINGS = ('expected', 'pixel', 'gated')


@dataclass(frozen=True)
class Modulation:
    """
    What is done to a frame's logits.

    :param signs: the target classes of focus modulation, as ``(class id, +1 or -1)`` pairs.
    :param sigma: standard deviation of the focus noise, in logits, >= 0.
    :param sampling: ``'expected'`` (mean shift), ``'pixel'`` (one draw per pixel and target) or
        ``'gated'`` (mean shift near unmodulated evidence of a target, see `decode_gated`).
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
    The decisions about one frame, tensors (H, W) on one device.

    :param mask: class ids as published: modulated as asked; uint8, or int32 over 255 classes.
    :param base: class ids of the unmodulated logits.
    :param focused: class ids under focus modulation's expected shift, whatever the mask's
        sampling and without utility noise: the deterministic decision that alerts use. With
        gated sampling the shift is gated here too.
    :param changed: number of pixels at which `mask` differs from `base`, a tensor of one integer.
    :param confidence: softmax probability of the mask's class under the unmodulated logits,
        float32 in 0..1; None unless asked for.
    """

    mask: Tensor
    base: Tensor
    focused: Tensor
    changed: Tensor
    confidence: Tensor | None

    @property
    def changed_share(self) -> float:
        """Share of the pixels whose class the modulation changed, 0..1; waits for the device."""
        return self.changed.item() / self.mask.numel()

    def cpu(self) -> 'Decoded':
        """Return the same on the host: all copies start together, and one wait ends them."""
        if not self.mask.is_cuda:
            return self
        # Decisions that are one tensor are copied once and stay one tensor.
        tensors = {id(tensor): tensor for tensor in vars(self).values() if tensor is not None}
        hosted = {name: tensor.to('cpu', non_blocking=True) for name, tensor in tensors.items()}
        torch.cuda.current_stream(self.mask.device).synchronize()
        return Decoded(**{name: None if tensor is None else hosted[id(tensor)]
                          for name, tensor in vars(self).items()})
