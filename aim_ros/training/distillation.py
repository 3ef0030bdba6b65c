"""
What a network learns from a teacher on every crop, labelled or not.

The teacher's probabilities (distillation, Hinton et al. 2015) and its features, at four strides
and before its classifier, which the network's own predict through one 1x1 convolution each (hints,
Romero et al. 2015). Teacher and convolutions are needed in training only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from aim_ros.training.efficientnet import EfficientNetSegmenter


@dataclass(frozen=True)
class Lesson:
    """What the teacher says of a batch: `logits` (B, C, H / 4, W / 4), and its `features`."""

    logits: torch.Tensor
    features: list[torch.Tensor]


@torch.no_grad()
def ask(teacher: EfficientNetSegmenter, pixels: torch.Tensor, zoom: float = 1.0) -> Lesson:
    """
    Return the teacher's answer to normalised pixels (B, 3, zoom H, zoom W).

    Its logits and features are on the grids of a network that sees the crop at (H, W).
    """
    logits, features = teacher.logits(pixels)
    return Lesson(_shrunk(logits, zoom), [_shrunk(each, zoom) for each in features])


def _shrunk(values, zoom):
    if zoom == 1:
        return values
    size = [round(side / zoom) for side in values.shape[2:]]
    return F.interpolate(values.float(), size, mode='bilinear', antialias=True)


def divergence(logits: torch.Tensor, wanted: torch.Tensor, temperature: float) -> torch.Tensor:
    """
    Return the Kullback-Leibler divergence KL(teacher || network), the mean over the pixels.

    `logits` and the teacher's, `wanted`, are (B, C, h, w); both are divided by `temperature`. The
    result is times its square, which keeps the gradients' size about the same at any temperature
    (Hinton et al. 2015).
    """
    target = F.log_softmax(wanted.float() / temperature, 1)
    answer = F.log_softmax(logits.float() / temperature, 1)
    each = F.kl_div(answer, target, reduction='none', log_target=True).sum(1)
    return temperature ** 2 * each.mean()


class Hints(torch.nn.Module):
    """
    The regressors of the teacher's features from a network's, and how wrong they are.

    `widths` are the channels of the network's features, `wanted` those of the teacher's.
    """

    def __init__(self, widths: tuple[int, ...], wanted: tuple[int, ...]):
        super().__init__()
        self.regressors = torch.nn.ModuleList(
            torch.nn.Conv2d(*both, 1) for both in zip(widths, wanted, strict=True))
        # By the batch's own statistics every channel counts alike, whatever its scale.
        self.norms = torch.nn.ModuleList(
            torch.nn.BatchNorm2d(width, affine=False, track_running_stats=False)
            for width in wanted)

    def forward(self, features: Sequence[torch.Tensor],
                wanted: Sequence[torch.Tensor]) -> torch.Tensor:
        """
        Return the share of the teacher's variance that is not predicted, the mean over features.

        Both are (B, width, h, w), feature by feature of one size. 1 is what a constant reaches, 0
        is perfect.
        """
        errors = [
            F.mse_loss(regressor(own).float(), norm(teachers.float()))
            for own, regressor, norm, teachers in zip(
                features, self.regressors, self.norms, wanted, strict=True)
        ]
        return sum(errors) / len(errors)
