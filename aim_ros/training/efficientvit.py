"""
The teacher: EfficientViT-Seg-B0 (Cai et al., 2205.14756), trained on Cityscapes.

The modules are named as the published state dicts name their tensors, so that those load strictly.
"""

from pathlib import Path

from safetensors.torch import load_file
import torch
from torch import nn
import torch.nn.functional as F

from aim_ros.training.labels import NAMES

STRIDE = 32  # height and width of the input are multiples of it
LOGITS_STRIDE = 8
# The normalisation of ImageNet's backbones, of RGB in 0..1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

_WIDTHS = (8, 16, 32, 64, 128)  # at strides 2, 4, 8, 16 and 32
_HEAD_WIDTH = 32
_HEAD_WIDTHS = (128, 64, 32)  # of the stages that the head takes, the coarsest first
_HEADS_WIDTH = 16  # channels of a head of attention
_EPSILON = 1e-15  # of the attention's denominator


def fitting_size(size: tuple[int, int], zoom: float) -> tuple[int, int]:
    """Return (height, width) enlarged by about `zoom`, to multiples of `STRIDE`, at least one."""
    height, width = (STRIDE * max(1, round(zoom * side / STRIDE)) for side in size)
    return height, width


class _Convolution(nn.Module):
    """A convolution, its batch norm and a hard swish; the latter two where they are wanted."""

    def __init__(self, inputs, outputs, size=1, *, stride=1, groups=1, bias=False, norm=True,
                 active=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(outputs) if norm else None
        self.active = active

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        values = self.conv(values)
        if self.norm is not None:
            values = self.norm(values)
        return F.hardswish(values) if self.active else values


class _Separable(nn.Module):
    """A depthwise 3x3 and a pointwise convolution."""

    def __init__(self, width):
        super().__init__()
        self.depth_conv = _Convolution(width, width, 3, groups=width)
        self.point_conv = _Convolution(width, width, active=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.point_conv(self.depth_conv(values))


class _InvertedResidual(nn.Module):
    """
    MobileNetV2's block (Sandler et al. 2018), without its shortcut.

    The deep stages have a bias instead of a norm in the first two convolutions: linear attention's
    outputs vary too much there for a norm's statistics.
    """

    def __init__(self, inputs, outputs, *, stride=1, normed=True):
        super().__init__()
        inner = 4 * inputs
        chosen = {'norm': normed, 'bias': not normed}
        self.inverted_conv = _Convolution(inputs, inner, **chosen)
        self.depth_conv = _Convolution(inner, inner, 3, stride=stride, groups=inner, **chosen)
        self.point_conv = _Convolution(inner, outputs, active=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.point_conv(self.depth_conv(self.inverted_conv(values)))


class _LinearAttention(nn.Module):
    """Attention with ReLU kernels at two scales, in time linear in the pixels (section 3.1)."""

    def __init__(self, width):
        super().__init__()
        triple = 3 * width
        self.qkv = _Convolution(width, triple, norm=False, active=False)
        self.aggreg = nn.ModuleList([nn.Sequential(
            nn.Conv2d(triple, triple, 5, padding=2, groups=triple, bias=False),
            nn.Conv2d(triple, triple, 1, groups=triple // _HEADS_WIDTH, bias=False),
        )])
        self.proj = _Convolution(2 * width, width, active=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        fine = self.qkv(values)
        both = torch.cat([fine, *(coarser(fine) for coarser in self.aggreg)], 1).float()
        batch, _, height, width = both.shape
        query, key, value = both.view(
            batch, -1, 3, _HEADS_WIDTH, height * width).unbind(2)  # (B, heads, 16, pixels)
        query, key = F.relu(query), F.relu(key)
        # Sums over the pixels come first: (relu(Q) relu(K)^T) V = relu(Q) (relu(K)^T V).
        weighted = value @ key.transpose(2, 3) @ query
        total = key.sum(3, keepdim=True).transpose(2, 3) @ query
        seen = weighted / (total + _EPSILON)
        return self.proj(seen.reshape(batch, -1, height, width).to(values.dtype))


class _Residual(nn.Module):
    def __init__(self, main):
        super().__init__()
        self.main = main

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + self.main(values)


class _Plain(nn.Module):
    """What has a shortcut elsewhere, but changes size here."""

    def __init__(self, main):
        super().__init__()
        self.main = main

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.main(values)


class _AttentionBlock(nn.Module):
    """Attention for the context, then an inverted residual for what is near."""

    def __init__(self, width):
        super().__init__()
        self.context_module = _Residual(_LinearAttention(width))
        self.local_module = _Residual(_InvertedResidual(width, width, normed=False))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.local_module(self.context_module(values))


class _Sequence(nn.Module):
    def __init__(self, *parts):
        super().__init__()
        self.op_list = nn.ModuleList(parts)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        for part in self.op_list:
            values = part(values)
        return values


class _Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        stem, *widths = _WIDTHS
        self.input_stem = _Sequence(_Convolution(3, stem, 3, stride=2),
                                    _Residual(_Separable(stem)))
        stages, before = [], stem
        for number, width in enumerate(widths):
            deep = number >= 2
            first = _Plain(_InvertedResidual(before, width, stride=2, normed=not deep))
            rest = [_AttentionBlock(width), _AttentionBlock(width)] if deep else [
                _Residual(_InvertedResidual(width, width))]
            stages.append(_Sequence(first, *rest))
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        values, found = self.input_stem(pixels), []
        for stage in self.stages:
            found.append(values := stage(values))
        return found


class _Head(nn.Module):
    def __init__(self, classes):
        super().__init__()
        *coarse, fine = (_Convolution(width, _HEAD_WIDTH, active=False)
                         for width in _HEAD_WIDTHS)
        self.input_ops = nn.ModuleList([*(_Sequence(part) for part in coarse), fine])
        self.middle = _Sequence(_Residual(_InvertedResidual(_HEAD_WIDTH, _HEAD_WIDTH)))
        expanded = 4 * _HEAD_WIDTH
        self.output_ops = nn.ModuleList([_Sequence(
            _Convolution(_HEAD_WIDTH, expanded),
            _Convolution(expanded, classes, bias=True, norm=False, active=False))])

    def forward(self, stages: list[torch.Tensor]) -> torch.Tensor:
        size = stages[-1].shape[2:]
        mixed = sum(F.interpolate(part(stage), size, mode='bilinear')
                    for part, stage in zip(self.input_ops, stages, strict=True))
        return self.output_ops[0](self.middle(mixed))


class EfficientViTSegmenter(nn.Module):
    """
    EfficientViT-Seg-B0: 0.7 M parameters, the classes of Cityscapes.

    `forward` takes normalised RGB (B, 3, H, W), both sides multiples of `STRIDE`, and returns
    logits (B, 19, H / 8, W / 8).
    """

    def __init__(self):
        super().__init__()
        self.backbone = _Backbone()
        self.head = _Head(len(NAMES))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the logits at stride 8."""
        stages = self.backbone(pixels)
        return self.head(stages[:0:-1])


class Probabilities(nn.Module):
    """
    What a trained network says of RGB images (B, 3, H, W) float, 0..255.

    `forward` returns the probabilities of the classes, (B, 19, H / 8, W / 8).
    """

    def __init__(self, network: EfficientViTSegmenter):
        super().__init__()
        self.network = network
        for name, values in (('mean', MEAN), ('std', STD)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None])

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the probabilities at stride 8."""
        return self.network((images - self.mean) / self.std).softmax(1)


def load(path: str | Path) -> EfficientViTSegmenter:
    """
    Return the trained network, in evaluation mode and without gradients.

    :param path: a folder with `model.safetensors`, or the file itself.
    :raises FileNotFoundError: where there is none.
    :raises RuntimeError: where a tensor is missing, unknown or of another shape.
    """
    path = Path(path)
    if path.is_dir():
        path = path / 'model.safetensors'
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no weights of the teacher; give teacher.weights')
    network = EfficientViTSegmenter()
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False)
