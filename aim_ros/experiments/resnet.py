"""ResNet for CIFAR images: He et al., "Deep Residual Learning for Image Recognition", 2016."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class BasicBlock(nn.Module):
    """
    Two 3x3 convolutions and a shortcut without parameters (the paper's option A).

    Where the block halves the resolution the shortcut takes every second pixel, and the channels
    that are new are zero, half of them before and half after the old ones.
    """

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride = stride
        self.padding = (channels - channels_in) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Return features `(B, channels, H / stride, W / stride)` of `(B, channels_in, H, W)`."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = functional.pad(shortcut, (0, 0, 0, 0, self.padding, self.padding))
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + shortcut)


class CifarResNet(nn.Module):
    """
    The paper's network for 32x32 images: 6 n + 2 layers in three stages of n blocks.

    :param depth: 20, 32, 44, 56, 110, ...: 6 n + 2.
    :param classes: number of classes.
    :raises ValueError: `depth` is not 6 n + 2.
    """

    def __init__(self, depth: int = 56, classes: int = 10):
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f'depth must be 6 n + 2, such as 20 or 56; got {depth}')
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits `(B, classes)` of normalised images `(B, 3, H, W)`; see `normalise`."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


def _stage(channels_in: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(channels_in, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))


def load_resnet(weights: str | Path) -> CifarResNet:
    """
    Return the network that a state dict belongs to, ready for inference.

    Depth and classes are those of the tensors, so that any ResNet of this family is read.

    :param weights: safetensors file with the names of `CifarResNet`'s state dict, or with
        ``fc`` for ``linear``. A leading ``module.`` is taken off.
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: the tensors are not those of a CIFAR ResNet.
    """
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise ValueError(f'{weights} is no safetensors file: {error}') from error
    state = {name.removeprefix('module.').replace('fc.', 'linear.', 1): tensor
             for name, tensor in tensors.items()}
    blocks = {name.split('.')[1] for name in state if name.startswith('layer1.')}
    if not blocks or 'linear.weight' not in state:
        raise ValueError(
            f'{weights} holds no CIFAR ResNet: its tensors should be named conv1, bn1, layer1.0 '
            f'.. layer3, linear; got {", ".join(sorted(state)[:3])}, ...')
    model = CifarResNet(6 * len(blocks) + 2, len(state['linear.weight']))
    # Counters of batches matter to training alone, and some files have dropped them.
    counters = {name: value for name, value in model.state_dict().items()
                if name.endswith('num_batches_tracked')}
    try:
        model.load_state_dict(counters | state)
    except RuntimeError as error:
        raise ValueError(f'{weights} holds another network: {error}') from error
    return model.eval()


def normalise(images: Tensor) -> Tensor:
    """
    Return what the network expects of RGB images.

    :param images: uint8 `(B, H, W, 3)`.
    :return: float32 `(B, 3, H, W)`, RGB / 255 less ImageNet's mean, by its standard deviation.
    """
    mean = torch.tensor(_MEAN).view(3, 1, 1)
    std = torch.tensor(_STD).view(3, 1, 1)
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std
