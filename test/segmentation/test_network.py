import logging

import pytest
import torch
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

from aim_ros.segmentation.engines.torch import full_float32
from aim_ros.segmentation.network import FoldedDecodeHead
from aim_ros.segmentation.network import FoldedSegformer
from aim_ros.segmentation.network import GraphedNetwork

# The shapes of B0 and B2, with fewer blocks.
SIZES = {
    'b0': {'hidden_sizes': [32, 64, 160, 256], 'decoder_hidden_size': 256},
    'b2': {'hidden_sizes': [64, 128, 320, 512], 'decoder_hidden_size': 768},
}


def random_network(size, classes=19):
    """A network whose normalisation has statistics as after a training."""
    torch.manual_seed(0)
    network = SegformerForSemanticSegmentation(SegformerConfig(
        **SIZES[size], depths=[1, 1, 1, 1], num_labels=classes)).eval()
    norm = network.decode_head.batch_norm
    with torch.no_grad():
        for projection in network.decode_head.modules():
            if isinstance(projection, torch.nn.Linear):
                projection.bias.normal_()
        norm.weight.uniform_(-2, 2)
        norm.bias.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.1, 3)
        network.decode_head.classifier.weight.normal_()
    return network


@torch.inference_mode()
def assert_same_decisions(ours, theirs):
    assert ours.shape == theirs.shape
    spread = theirs.max() - theirs.min()
    assert spread > 1
    assert (ours - theirs).abs().max() <= 1e-4 * spread
    best, second = theirs.topk(2, dim=1).values.unbind(1)
    tie = best - second <= 2e-4 * spread
    assert ((ours.argmax(1) == theirs.argmax(1)) | tie).all()
    assert tie.float().mean() < 0.05


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('shape', [(2, 3, 64, 96), (1, 3, 70, 50)])
def test_the_folded_network_gives_the_logits_of_the_original(size, shape, device):
    network = random_network(size).to(device)
    pixels = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(device)
    with torch.inference_mode(), full_float32:
        theirs = network(pixels).logits
        ours = FoldedSegformer(network)(pixels)
    assert_same_decisions(ours, theirs)


def test_each_stage_keeps_its_own_columns_of_the_fuse():
    """The head's order of stages is the reverse of the encoder's."""
    network = random_network('b0')
    states = [torch.zeros(1, channels, 8 >> i, 8 >> i)
              for i, channels in enumerate(SIZES['b0']['hidden_sizes'])]
    head = FoldedDecodeHead(network.decode_head)
    with torch.inference_mode():
        for state in states:
            state.normal_()
            assert_same_decisions(head(states), network.decode_head(states))
            state.zero_()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_the_folded_weights_keep_the_type_and_are_rounded_once(dtype):
    exact = FoldedDecodeHead(random_network('b0').decode_head)
    half = FoldedDecodeHead(random_network('b0').to(dtype).decode_head)
    assert {weight.dtype for weight in half.parameters()} == {dtype}
    for ours, theirs in zip(half.stages, exact.stages, strict=True):
        # The factors were rounded before, the product is rounded once more.
        error = (ours.float() - theirs).norm() / theirs.norm()
        assert error <= 3 * torch.finfo(dtype).eps


def test_folding_takes_the_large_products_away():
    network = random_network('b0')
    before = sum(weight.numel() for weight in network.decode_head.parameters())
    after = sum(weight.numel() for weight in FoldedSegformer(network).decode_head.parameters())
    assert after == 256 * (32 + 64 + 160 + 256) + 256 + 19 * 256 + 19
    assert after < 0.4 * before


# CUDA graphs


on_cuda = pytest.mark.parametrize('device', ['cuda'], indirect=True)


def graphed(network, device, **options):
    return GraphedNetwork(network, (64, 96), device=device,
                          dtype=torch.float32, **{'batches': 3, **options})


@on_cuda
def test_graphs_give_what_the_network_gives_for_each_batch_size(device, caplog):
    network = FoldedSegformer(random_network('b0')).to(device)
    with caplog.at_level(logging.WARNING):
        replayed = graphed(network, device)
    assert not caplog.records
    for batch in (1, 2, 3, 1, 4, 2):
        pixels = torch.randn(batch, 3, 64, 96, device=device)
        with torch.inference_mode():
            expected = network(pixels)
        torch.testing.assert_close(replayed(pixels), expected, atol=1e-3, rtol=1e-3)


@on_cuda
def test_a_network_that_cannot_be_captured_runs_without_graphs(device, caplog):
    def stubborn(pixels):
        # A host that waits for the device cannot be captured.
        return pixels * pixels.sum().item()

    with caplog.at_level(logging.WARNING):
        network = GraphedNetwork(stubborn, (4, 4), batches=2, device=device, dtype=torch.float32)
    assert len(caplog.records) == 1
    assert 'no CUDA graph' in caplog.text
    pixels = torch.ones(1, 3, 4, 4, device=device)
    assert (network(pixels) == 48).all()
    # What else the process draws on the device it draws as before.
    assert torch.rand(100, device=device).std() > 0.1
