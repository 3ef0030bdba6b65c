"""
The gate of gated sampling: where the unmodulated model gives something to a focused class.

It acts on a model's own grid, before upsampling. A focus behind it grows what the model has found
and finds nothing new: on KITTI frames that gains more accuracy of people for the mIoU that it
costs than the ungated shift does, and less of classes that the model hardly finds; see
``experiments segmentation``. Suppression needs no gate: only where a class leads can it lose.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


def gate(logits: Tensor, focused: Iterable[int], *, dim: int = 0) -> Tensor:
    """
    Return where focused classes are raised.

    That is in the cells whose arg max is one of them, and in the 8 neighbours of such cells.

    :param logits: `(C, h, w)`, or any shape with a class dimension and, last of the others, the
        two of an image, as `(B, C, h, w)` with `dim` 1.
    :param focused: the focused classes' indices.
    :param dim: the class dimension; may be negative.
    :return: bool tensor of the shape of `logits` without `dim`.
    :raises ValueError: there are fewer than two dimensions beside that of the classes.

    Example:
        >>> logits = torch.zeros(2, 3, 5)
        >>> logits[1, 1, 1] = 9
        >>> gate(logits, [1]).int()
        tensor([[1, 1, 1, 0, 0],
                [1, 1, 1, 0, 0],
                [1, 1, 1, 0, 0]], dtype=torch.int32)
    """
    if logits.dim() < 3:
        raise ValueError(
            'gated sampling needs the two dimensions of an image beside that of the classes, as '
            f'in (C, h, w); got logits of shape {tuple(logits.shape)}')
    classes = torch.tensor(list(focused), dtype=torch.int64, device=logits.device)
    evidence = torch.isin(logits.max(dim).indices, classes)  # faster than argmax
    images = evidence.flatten(end_dim=-3)[:, None] if evidence.dim() > 2 else evidence[None]
    if not images.numel():
        return evidence
    near = max_pool2d(images.float(), kernel_size=3, stride=1, padding=1) > 0
    return near.reshape(evidence.shape)
