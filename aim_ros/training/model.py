"""The networks: sizes, starting weights, and a forward pass for training."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

try:  # the Pillow form needs no torchvision
    from transformers import SegformerImageProcessorPil as SegformerImageProcessor
except ImportError:
    from transformers import SegformerImageProcessor

from aim_ros.training.config import ModelConfig
from aim_ros.training.labels import IGNORE
from aim_ros.training.labels import NAMES

# Depths, widths and decoder width of the family (Xie et al. 2021, table 6).
SIZES = {
    'b0': ((2, 2, 2, 2), (32, 64, 160, 256), 256),
    'b1': ((2, 2, 2, 2), (64, 128, 320, 512), 256),
    'b2': ((3, 4, 6, 3), (64, 128, 320, 512), 768),
}


def build(settings: ModelConfig) -> SegformerForSemanticSegmentation:
    """
    Return the network in fp32, from a checkpoint or from random weights.

    :raises ValueError: where the size is unknown or the checkpoint's is another, and where there
        is no checkpoint or none that `keep` could act on.
    """
    if settings.start:
        return _from_checkpoint(settings)
    if settings.keep != 1:
        raise ValueError(f'model.keep is {settings.keep:g}: there is no model.start to forget')
    size = settings.size or 'b0'
    if size not in SIZES:
        raise ValueError(f'unknown model size {size!r}; sizes: {", ".join(SIZES)}')
    depths, widths, decoder = SIZES[size]
    return SegformerForSemanticSegmentation(SegformerConfig(
        depths=depths, hidden_sizes=widths, decoder_hidden_size=decoder,
        drop_path_rate=settings.drop_path, classifier_dropout_prob=settings.dropout,
        semantic_loss_ignore_index=IGNORE,
        id2label=dict(enumerate(NAMES)), label2id={n: i for i, n in enumerate(NAMES)},
    ))


def _from_checkpoint(settings):
    folder = Path(settings.start)
    if not (folder / 'config.json').is_file():
        raise ValueError(f'model.start: {folder} holds no checkpoint; '
                         'model.start=null begins from random weights')
    network = SegformerForSemanticSegmentation.from_pretrained(
        folder, drop_path_rate=settings.drop_path,
        classifier_dropout_prob=settings.dropout, dtype=torch.float32)
    shape = network.config
    found = next((size for size, (depths, widths, decoder) in SIZES.items()
                  if tuple(shape.depths) == depths and tuple(shape.hidden_sizes) == widths
                  and shape.decoder_hidden_size == decoder), 'network of another size')
    if settings.size not in (None, found):
        raise ValueError(f'model.start: {folder} holds a {found}, model.size is {settings.size}; '
                         'model.start=null begins from random weights')
    if settings.keep != 1:
        _forget(network, settings.keep)
    return network


@torch.no_grad()
def _forget(network, keep):
    """
    Mix random weights into a network's matrices (shrink and perturb, Ash and Adams 2020).

    A network that goes on from where it has learned its frames by heart generalises worse than
    one that starts afresh; one that forgets a part learns about as well, and sooner.
    """
    fresh = dict(SegformerForSemanticSegmentation(network.config).named_parameters())
    for name, weights in network.named_parameters():
        if weights.ndim > 1:
            weights.lerp_(fresh[name], 1 - keep)


def processor(size: tuple[int, int]) -> SegformerImageProcessor:
    """Return the image processor of the family at a network input of (height, width)."""
    return SegformerImageProcessor(
        size={'height': size[0], 'width': size[1]}, do_reduce_labels=False)


def add_upsampled(parts: list[torch.Tensor]) -> torch.Tensor:
    """Return the sum of (B, C, h, w) maps at the first one's size, upsampled bilinearly."""
    first, *others = parts
    for part in others:
        first = first + F.interpolate(part, first.shape[2:], mode='bilinear')
    return first


def logits(model: SegformerForSemanticSegmentation, pixels: torch.Tensor) -> torch.Tensor:
    """
    Return the logits (B, C, H / 4, W / 4), as `model(pixels).logits` is.

    The decode head projects each stage, upsamples it and then mixes all of them with one 1x1
    convolution. All that is linear, so one matrix that projects and mixes, before upsampling,
    gives the same values with far fewer multiplications.
    """
    head = model.decode_head
    stages = model.segformer(pixels, output_hidden_states=True).hidden_states
    width = head.linear_fuse.out_channels
    parts = []
    for index, (stage, projection) in enumerate(zip(stages, head.linear_projections, strict=True)):
        start = (len(stages) - 1 - index) * width  # the head concatenates the last stage first
        mix = head.linear_fuse.weight[:, start:start + width, 0, 0]
        both = mix @ projection.proj.weight
        # Of ten times the speed to upsample on a CPU, forward and backward.
        stage = stage.contiguous(memory_format=torch.channels_last)
        parts.append(F.conv2d(stage, both[:, :, None, None], mix @ projection.proj.bias))
    seen = head.activation(head.batch_norm(add_upsampled(parts)))
    return head.classifier(head.dropout(seen))


def save(model: SegformerForSemanticSegmentation, folder: str | Path,
         size: tuple[int, int]) -> None:
    """Write weights (safetensors, fp32), config and the image processor."""
    model.save_pretrained(folder)
    processor(size).save_pretrained(folder)
