"""The reference: torch, on the CPU, or on CUDA with graphs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext
from threading import Lock

import torch
from torch import nn
from torch import Tensor

from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.engine import KEPT_SIZES
from aim_ros.segmentation.engine import LastUsed
from aim_ros.segmentation.engine import PRECISIONS
from aim_ros.segmentation.network import GraphedNetwork


class TorchEngine(Engine):
    """
    Runs a module.

    :param network: maps pixels (B, 3, h, w) to logits.
    :param device: CPU or a CUDA device; the network is moved there.
    :param precision: one of `PRECISIONS`, the type of the network's weights.
    """

    name = 'torch'
    version = torch.__version__

    def __init__(self, network: nn.Module, *, device: torch.device, precision: str = 'fp32'):
        self.network = network.to(device)
        self.device = device
        self.target = str(device)
        self.precision = precision
        self.dtype = PRECISIONS[precision]
        self.batched = device.type == 'cuda'
        self._batch = 1
        self._graphs: LastUsed[GraphedNetwork] = LastUsed(KEPT_SIZES)
        # Callers share a graph's memory, and cuDNN's arithmetic is the whole process's.
        self._one_at_a_time = Lock() if self.batched else nullcontext()

    def prepare(self, batch: int, size: tuple[int, int]) -> None:
        """Capture graphs on CUDA, see `GraphedNetwork`; on the CPU, run once."""
        self._batch = max(self._batch, batch)
        for count in range(1, batch + 1):
            self(torch.zeros(count, 3, *size, device=self.device, dtype=self.dtype))

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Run the network."""
        with self._one_at_a_time, full_float32() if self.batched else nullcontext():
            run = self._graphed(tuple(pixels.shape[2:])) if pixels.is_cuda else self.network
            # A copy where the device's graph would overwrite them with the next frame's.
            return run(pixels).to(
                torch.float32, memory_format=torch.contiguous_format, copy=pixels.is_cuda)

    def _graphed(self, size: tuple[int, int]) -> GraphedNetwork:
        """Return the network with graphs for all batches that were prepared, of any size."""
        key = size, self._batch
        return self._graphs.get(key, lambda: GraphedNetwork(
            self.network, size, batches=self._batch, device=self.device, dtype=self.dtype))


@contextmanager
def full_float32() -> Iterator[None]:
    """Keep cuDNN from TF32: by default its convolutions round float32 factors to 11 bits."""
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision
    convolutions.fp32_precision = 'ieee'
    try:
        yield
    finally:
        convolutions.fp32_precision = before
