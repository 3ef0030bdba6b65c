"""The engine on torch: its arithmetic, and threads that share it."""

from concurrent.futures import ThreadPoolExecutor
import threading

from deadline import DEADLINE
import numpy as np
import pytest
import torch

from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.engine import KEPT_SIZES
from aim_ros.segmentation.engines.torch import full_float32
from aim_ros.segmentation.engines.torch import TorchEngine
from aim_ros.segmentation.network import GraphedNetwork
from aim_ros.segmentation.segmenter import Segmenter

MODEL = 'segformer-b0-street'


def noise(seed, size):
    return torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('prepared', [False, True])
def test_threads_that_share_an_engine_each_get_their_own_logits(prepared, device):
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 19, 3, padding=1).eval()
    engine = TorchEngine(network, device=device)
    sizes = ((64, 96), (48, 64))
    for size in sizes if prepared else ():
        engine.prepare(1, size)
    images = [noise(i, sizes[i % 2]).to(device) for i in range(200)]
    expected = [engine(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        for ours, theirs in zip(pool.map(engine, images), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize('device', ['cuda'], indirect=True)
def test_graphs_are_kept_of_the_sizes_used_last(device, monkeypatch):
    captured = []

    def capture(network, size, **options):
        captured.append(size)
        return GraphedNetwork(network, size, **options)

    monkeypatch.setattr('aim_ros.segmentation.engines.torch.GraphedNetwork', capture)
    engine = TorchEngine(torch.nn.Conv2d(3, 19, 3, padding=1).eval(), device=device)
    images = [noise(i, (32, 32 + 8 * i)).to(device) for i in range(KEPT_SIZES + 1)]
    rig = images[:8]
    expected = [engine.network(image) for image in images]
    for image in rig:
        engine.prepare(2, tuple(image.shape[2:]))
    for image, theirs in zip(3 * rig, 3 * expected[:8], strict=True):
        torch.testing.assert_close(engine(image), theirs, atol=1e-2, rtol=0)
    assert captured == [tuple(image.shape[2:]) for image in rig]
    for image, theirs in zip(images + images[:1], expected + expected[:1], strict=True):
        torch.testing.assert_close(engine(image), theirs, atol=1e-2, rtol=0)
    assert captured[8:] == [tuple(image.shape[2:]) for image in (*images[8:], images[0])]


def test_a_size_is_prepared_once_for_all_threads(make_checkpoint, monkeypatch):
    segmenter = Segmenter(str(make_checkpoint()), device='cpu', engine='torch')
    pixels = segmenter.preprocess([Frame(np.zeros((64, 96, 3), np.uint8))])
    prepared, all_here = [], threading.Barrier(4, timeout=60)
    monkeypatch.setattr(segmenter.engine, 'prepare', lambda batch, size: prepared.append(size))

    def forward(_):
        all_here.wait()
        return segmenter.forward(pixels)

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(forward, range(4)))) == 4
    assert prepared == [(64, 96)]


def test_float32_on_a_device_is_that_of_the_cpu(device):
    """Not TF32, which cuDNN takes by default: that is far further off."""
    ours, theirs = (
        Segmenter(MODEL, device=place, engine='torch', precision='fp32', input_size=(192, 640))
        for place in (str(device), 'cpu'))
    ours.warm_up()
    pixels = noise(0, (192, 640))
    found, expected = ours.forward(pixels.to(device)).cpu(), theirs.forward(pixels)
    assert (found - expected).abs().max() < 1e-4 * (expected.max() - expected.min())
    assert (found.argmax(1) == expected.argmax(1)).float().mean() > 0.999


def test_tf32_is_left_out_until_the_last_thread_is_done():
    precision = torch.backends.cudnn.conv
    before = precision.fp32_precision
    inside, may = threading.Event(), threading.Event()

    def stay():
        with full_float32:
            inside.set()
            assert may.wait(DEADLINE)
            return precision.fp32_precision

    with ThreadPoolExecutor(1) as pool:
        with full_float32:
            other = pool.submit(stay)
            assert inside.wait(DEADLINE)
        assert precision.fp32_precision == 'ieee'
        may.set()
        assert other.result(DEADLINE) == 'ieee'
    assert precision.fp32_precision == before


def test_only_the_engine_leaves_tf32_out():
    """Of the process's arithmetic nothing else changes, also where the network fails."""
    precision = torch.backends.cudnn.conv
    before, seen = precision.fp32_precision, []
    assert before != 'ieee'

    class Noting(torch.nn.Module):
        def forward(self, pixels):
            seen.append(precision.fp32_precision)
            if pixels.shape[2] == 1:
                raise RuntimeError('too small')
            return pixels

    engine = TorchEngine(Noting(), device=torch.device('cpu'))
    engine.batched = True  # as on CUDA
    engine(torch.zeros(1, 3, 2, 2))
    with pytest.raises(RuntimeError, match='too small'):
        engine(torch.zeros(1, 3, 1, 1))
    assert seen == ['ieee', 'ieee']
    assert precision.fp32_precision == before
