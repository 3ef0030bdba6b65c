"""The networks: sizes, starting weights, and a forward pass for training."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

try:  # the Pillow form needs no torchvision
    from transformers import SegformerImageProcessorPil as SegformerImageProcessor
except ImportError:
    from transformers import SegformerImageProcessor

from . import efficientnet
from .config import ModelConfig
from .labels import IGNORE
from .labels import NAMES

# Depths, widths and decoder width of the family (Xie et al. 2021, table 6).
SIZES = {
    'b0': ((2, 2, 2, 2), (32, 64, 160, 256), 256),
    'b1': ((2, 2, 2, 2), (64, 128, 320, 512), 256),
    'b2': ((3, 4, 6, 3), (64, 128, 320, 512), 768),
}


Network = SegformerForSemanticSegmentation | efficientnet.EfficientNetSegmenter


def build(settings: ModelConfig) -> Network:
    """
    Return the network in fp32, from a checkpoint or from random weights.

    A teacher's backbone starts from ImageNet weights instead. Raises `ValueError` where the size
    is unknown and `ImportError` where the teacher's packages are missing.
    """
    if settings.start and efficientnet.is_saved_in(settings.start):
        return efficientnet.EfficientNetSegmenter.load(
            settings.start, drop_path=settings.drop_path)
    if settings.start:
        return SegformerForSemanticSegmentation.from_pretrained(
            settings.start, drop_path_rate=settings.drop_path,
            classifier_dropout_prob=settings.dropout, dtype=torch.float32)
    if settings.size in efficientnet.SIZES:
        return efficientnet.EfficientNetSegmenter(settings.size, drop_path=settings.drop_path)
    if settings.size not in SIZES:
        raise ValueError(f'unknown model size {settings.size!r}; '
                         f'sizes: {", ".join([*SIZES, *efficientnet.SIZES])}')
    depths, widths, decoder = SIZES[settings.size]
    return SegformerForSemanticSegmentation(SegformerConfig(
        depths=depths, hidden_sizes=widths, decoder_hidden_size=decoder,
        drop_path_rate=settings.drop_path, classifier_dropout_prob=settings.dropout,
        semantic_loss_ignore_index=IGNORE,
        id2label=dict(enumerate(NAMES)), label2id={n: i for i, n in enumerate(NAMES)},
    ))


def processor(size: tuple[int, int]) -> SegformerImageProcessor:
    """Return the image processor of the family at a network input of (height, width)."""
    return SegformerImageProcessor(
        size={'height': size[0], 'width': size[1]}, do_reduce_labels=False)


def logits(model: Network,
           pixels: torch.Tensor) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
    """
    Return the logits (B, C, H / 4, W / 4), as `model(pixels).logits` is, and the stages' output.

    The decode head upsamples each stage and then mixes all of them with one 1x1 convolution.
    Both are linear, so mixing first gives the same values with fewer multiplications: the
    coarse stages are mixed on their own small grids. The stages are (B, width, H / stride,
    W / stride), for strides 4, 8, 16 and 32.
    """
    if isinstance(model, efficientnet.EfficientNetSegmenter):
        return model.logits(pixels)
    head = model.decode_head
    stages = model.segformer(pixels, output_hidden_states=True).hidden_states
    width = head.linear_fuse.out_channels
    parts = []
    for index, (stage, projection) in enumerate(zip(stages, head.linear_projections, strict=True)):
        start = (len(stages) - 1 - index) * width  # the head concatenates the last stage first
        mix = head.linear_fuse.weight[:, start:start + width]
        part = F.conv2d(stage, projection.proj.weight[:, :, None, None], projection.proj.bias)
        parts.append(F.conv2d(part, mix))
    mixed = efficientnet.add_upsampled(parts)
    return head.classifier(head.dropout(head.activation(head.batch_norm(mixed)))), stages


def save(model: Network, folder: str | Path,
         size: tuple[int, int]) -> None:
    """Write weights (safetensors, fp32), config and a SegFormer's image processor."""
    if isinstance(model, efficientnet.EfficientNetSegmenter):
        model.save(folder)
        return
    model.save_pretrained(folder)
    processor(size).save_pretrained(folder)
