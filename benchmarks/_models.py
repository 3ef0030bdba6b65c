"""What `pipeline` is timed on: models, sizes and goals, and checkpoints of such models."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import itertools
import math
from pathlib import Path
import tempfile

import torch
from torch.nn.functional import interpolate
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

from aim_ros.segmentation.checkpoint import find_checkpoint
from aim_ros.segmentation.labels import CITYSCAPES
from benchmarks._budget import Load

SHIPPED = 'segformer-b0-street'
SIZES = {
    'b0': {'hidden_sizes': [32, 64, 160, 256], 'depths': [2, 2, 2, 2], 'decoder_hidden_size': 256},
    'b2': {'hidden_sizes': [64, 128, 320, 512], 'depths': [3, 4, 6, 3],
           'decoder_hidden_size': 768},
}
_PER_PIXEL = {'b0': 32e3, 'b2': 238e3}
"""Operations of a network for each pixel of its input: by SegFormer's paper, 8.4 and 62.4 billion
for 512x512."""

_PER_VALUE = 200
"""Operations of a network that take as long as a value that is upsampled and compared, roughly."""


@dataclass(frozen=True)
class Setting:
    """A model, its number of classes, and the (height, width) of network and camera."""

    model: str
    classes: int
    network: tuple[int, int]
    camera: tuple[int, int]

    @property
    def load(self) -> Load:
        """What timing a frame asks: blocks to load, and billions of operations of the recipe."""
        height, width = self.network
        upsampled = self.classes * math.prod(self.camera)
        return Load(sum(SIZES[self.model]['depths']),
                    1e-9 * (height * width * _PER_PIXEL[self.model] + upsampled * _PER_VALUE))

    def __str__(self) -> str:
        camera, network = (f'{width}x{height}' for height, width in (self.camera, self.network))
        return f'{self.model.upper()}, {self.classes} classes, {camera} at {network}'


KITTI, LARGE = (375, 1242), (1200, 1920)
QUICK = (
    Setting('b0', 19, (192, 640), KITTI),
    Setting('b0', 19, (384, 1248), KITTI),
    Setting('b2', 150, (384, 1248), KITTI),
    Setting('b0', 19, (512, 512), LARGE),
)
ALL = tuple(
    Setting(model, classes, network, camera)
    for model, classes, (network, camera) in itertools.product(
        SIZES, (19, 150), (((192, 640), KITTI), ((384, 1248), KITTI), ((512, 512), LARGE))))


# The most that a ratio may be; the least, negative, where more is better. For the CPU.
GOALS = {
    QUICK[0]: {'ours / network': 0.18, 'ours / openvino': 0.5, 'recipe / ours': -10},
    QUICK[1]: {'ours / network': 0.16, 'ours / openvino': 0.5},
    QUICK[2]: {'ours / network': 0.3},
}
BUSY_GOAL = {'ours / torch, threads spin': 0.4}


@contextmanager
def checkpoint(setting: Setting) -> Iterator[str]:
    """Give the name or folder of a checkpoint of such a model."""
    if (setting.model, setting.classes) == ('b0', 19):
        yield SHIPPED
        return
    names = (CITYSCAPES.names if setting.classes == 19
             else [f'class {i}' for i in range(setting.classes)])
    torch.manual_seed(0)
    network = SegformerForSemanticSegmentation(SegformerConfig(
        **SIZES[setting.model], id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)})).eval()
    with torch.no_grad():
        image = interpolate(torch.randn(1, 3, 12, 40), size=(192, 640), mode='bicubic')
        logits = network(image).logits[0]
        classifier = network.decode_head.classifier
        scale = 3 / logits.std((1, 2)).mean()
        classifier.weight.mul_(scale)
        classifier.bias.copy_(-scale * (logits.mean((1, 2)) - classifier.bias))
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        name = 'preprocessor_config.json'
        Path(folder, name).write_text(Path(find_checkpoint(SHIPPED), name).read_text())
        yield folder
