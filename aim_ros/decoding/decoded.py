"""What decoding answers."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
