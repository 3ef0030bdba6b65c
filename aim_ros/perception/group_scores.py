"""How sure the network is of groups of classes, on its own grid."""

from functools import lru_cache

import numpy as np
import torch

from aim_ros.hazards.components import ClassGroups
from aim_ros.hazards.components import Scores


def group_scores(logits: torch.Tensor, search: ClassGroups, temperature: float) -> Scores:
    """
    Return how sure the network is of the groups of a search; on CUDA after a wait.

    :param logits: (C, h, w), on the network's device.
    :param temperature: of the softmax, > 0.
    """
    if not logits.is_cuda:
        return Scores.lazy(logits.numpy(), search.count, temperature)
    # The device has them in no time, and a few groups come down faster than all logits.
    return computed_scores(logits, search, temperature)


def computed_scores(logits: torch.Tensor, search: ClassGroups, temperature: float) -> Scores:
    """Compute the same on the logits' device, with nothing left to compute; does not wait."""
    scaled = logits / temperature
    softmax = scaled.softmax(0)
    group_of_class = search.group_of_class[:len(logits)].tobytes()
    values = torch.empty((2, search.count, *logits.shape[1:]), device=logits.device)
    for k in range(search.count):
        inside, others = _members(group_of_class, k, logits.device)
        values[0, k] = softmax[inside].sum(0)
        rest = scaled[others].amax(0) if len(others) else scaled.amin(0)
        values[1, k] = scaled[inside].amax(0) - rest
    hosted = values.to('cpu', non_blocking=True).numpy()
    return Scores(hosted[0], hosted[1], np.empty((0, *logits.shape[1:]), np.float32))


@lru_cache(maxsize=256)
def _members(group_of_class: bytes, group: int, device: torch.device
             ) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the classes of a group and all others, int64: bringing them there takes a wait."""
    inside = torch.frombuffer(bytearray(group_of_class), dtype=torch.int16) == group
    return inside.nonzero()[:, 0].to(device), (~inside).nonzero()[:, 0].to(device)
