import pytest
from safetensors.torch import save_file
import torch

from aim_ros.experiments.resnet import BasicBlock
from aim_ros.experiments.resnet import CifarResNet
from aim_ros.experiments.resnet import load_resnet
from aim_ros.experiments.resnet import normalise


def test_resnet_56_has_the_parameters_of_the_paper():
    model = CifarResNet(56)

    # He et al. give 0.85 million: 3 stages of 18 convolutions, the first one and the classifier.
    convolutions = 9 * (3 * 16 + 18 * 16 * 16 + 16 * 32 + 17 * 32 * 32 + 32 * 64 + 17 * 64 * 64)
    norms = 2 * (19 * 16 + 18 * 32 + 18 * 64)
    assert sum(p.numel() for p in model.parameters()) == convolutions + norms + 64 * 10 + 10


def test_option_a_takes_every_second_pixel_and_pads_with_zeros_on_both_sides():
    block = BasicBlock(16, 32, stride=2).eval()
    # Without its convolutions a block is its shortcut.
    torch.nn.init.zeros_(block.conv1.weight)
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.rand(2, 16, 8, 8)

    with torch.inference_mode():
        y = block(x)

    assert y.shape == (2, 32, 4, 4)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert y[:, :8].count_nonzero() == y[:, 24:].count_nonzero() == 0


def test_weights_are_read_back_whatever_their_prefix(tmp_path):
    model = CifarResNet(8, classes=3).eval()
    state = {f'module.{name}'.replace('linear', 'fc'): tensor
             for name, tensor in model.state_dict().items() if 'num_batches' not in name}
    save_file(state, tmp_path / 'small.safetensors')
    x = torch.randn(2, 3, 32, 32)

    loaded = load_resnet(tmp_path / 'small.safetensors')

    with torch.inference_mode():
        assert torch.equal(loaded(x), model(x))


def test_another_networks_weights_are_refused(tmp_path):
    save_file({'encoder.weight': torch.zeros(2)}, tmp_path / 'other.safetensors')

    with pytest.raises(ValueError, match=r'no CIFAR ResNet.*encoder\.weight'):
        load_resnet(tmp_path / 'other.safetensors')


def test_a_depth_that_is_no_resnets_is_refused():
    with pytest.raises(ValueError, match=r'6 n \+ 2.*57'):
        CifarResNet(57)


def test_normalising_puts_imagenets_mean_at_zero():
    images = torch.tensor([123.675, 116.28, 103.53]).round().to(torch.uint8).expand(1, 2, 2, 3)

    assert normalise(images).abs().max() < 0.01
    white = normalise(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).flatten()
    torch.testing.assert_close(white, torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
