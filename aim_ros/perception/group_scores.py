"""How sure the network is of groups of classes, on its own grid."""

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
    scaled = logits / temperature
    softmax = scaled.softmax(0)
    group = search.group_of_class[:len(logits)]
    values = torch.empty((2, search.count, *logits.shape[1:]), device=logits.device)
    for k in range(search.count):
        inside = np.flatnonzero(group == k).tolist()
        others = np.flatnonzero(group != k).tolist()
        values[0, k] = softmax[inside].sum(0)
        rest = scaled[others].amax(0) if others else scaled.amin(0)
        values[1, k] = scaled[inside].amax(0) - rest
    hosted = values.to('cpu', non_blocking=True).numpy()
    return Scores(hosted[0], hosted[1], np.empty((0, *logits.shape[1:]), np.float32))
