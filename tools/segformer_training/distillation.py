"""
What a network learns from a teacher on every crop, labelled or not.

The teacher's probabilities (distillation, Hinton et al. 2015) and its features, which each stage
of the network predicts through one 1x1 convolution (hints, Romero et al. 2015). Teacher and
convolutions are needed in training only.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .efficientnet import EfficientNetSegmenter


@dataclass(frozen=True)
class Lesson:
    """What the teacher says of a batch: `logits` (B, C, H / 4, W / 4), and its four `stages`."""

    logits: torch.Tensor
    stages: list[torch.Tensor]


@torch.no_grad()
def ask(teacher: EfficientNetSegmenter, pixels: torch.Tensor, zoom: float = 1.0) -> Lesson:
    """
    Return the teacher's answer to normalised pixels (B, 3, zoom H, zoom W).

    Its logits and stages are on the grids of a network that sees the crop at (H, W).
    """
    logits, stages = teacher.logits(pixels)
    return Lesson(_shrunk(logits, zoom), [_shrunk(stage, zoom) for stage in stages])


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
    The regressors of the teacher's features from a network's stages, and how wrong they are.

    `widths` are the channels of the network's four stages, `wanted` those of the teacher's.
    """

    def __init__(self, widths: tuple[int, ...], wanted: tuple[int, ...]):
        super().__init__()
        self.regressors = torch.nn.ModuleList(
            torch.nn.Conv2d(*both, 1) for both in zip(widths, wanted, strict=True))
        # By the batch's own statistics every channel counts alike, whatever its scale.
        self.norms = torch.nn.ModuleList(
            torch.nn.BatchNorm2d(width, affine=False, track_running_stats=False)
            for width in wanted)

    def forward(self, stages: tuple[torch.Tensor, ...],
                wanted: list[torch.Tensor]) -> torch.Tensor:
        """
        Return the share of the features' variance that is not predicted, averaged over stages.

        Both are (B, width, H / stride, W / stride) at strides 4, 8, 16 and 32. 1 is what a
        constant reaches, 0 is perfect.
        """
        errors = [
            F.mse_loss(regressor(stage).float(), norm(features.float()))
            for stage, regressor, norm, features in zip(
                stages, self.regressors, self.norms, wanted, strict=True)
        ]
        return sum(errors) / len(errors)
