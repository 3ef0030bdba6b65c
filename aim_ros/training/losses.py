"""What labels say against a network's logits; what a teacher says is in `distillation`."""

import torch
import torch.nn.functional as F

from aim_ros.training.labels import IGNORE


def weighted_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor,
                  class_weights: torch.Tensor, *, stride: int = 1,
                  dice: float = 0.0) -> torch.Tensor:
    """
    Return the cross entropy of a batch, weighted by class and by sample, and a share of Dice.

    :param logits: (B, C, h, w), upsampled bilinearly to the labels that count.
    :param labels: (B, H, W) class ids, 255 for none.
    :param weights: (B,) how far each sample's labels are trusted.
    :param class_weights: (C,).
    :param stride: every so many rows and columns of the labels count.
    :param dice: times the soft Dice loss (Milletari et al. 2016) of the classes present, in which
        a person's few pixels count as much as the road's many.
    :return: a scalar; 0 without any label.
    """
    # Centred, so that a strided label lies where its upsampled logit does.
    labels = labels[:, stride // 2::stride, stride // 2::stride].long()
    logits = F.interpolate(logits.float(), labels.shape[1:], mode='bilinear')
    loss = F.cross_entropy(logits, labels, class_weights, ignore_index=IGNORE, reduction='none')
    known = labels != IGNORE
    truth = labels.where(known, 0)
    trust = known * weights[:, None, None]
    result = (loss * trust).sum() / (class_weights[truth] * trust).sum().clamp_min(1e-6)
    return result + dice * _dice(logits, truth, trust) if dice else result


def _dice(logits, truth, trust):
    found, trust = logits.softmax(1), trust[:, None]
    # Scattered: `index_add` into 19 sums adds one after the other on a GPU.
    actual = torch.zeros_like(found).scatter_(1, truth[:, None], trust)
    right, claimed, actual = (
        part.sum((0, 2, 3)) for part in (actual * found, trust * found, actual))
    share = 2 * right / (claimed + actual).clamp_min(1e-6)
    present = actual > 0
    return ((1 - share) * present).sum() / present.sum().clamp_min(1)
