"""The reference: torch, on the CPU, or on CUDA with graphs."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import nullcontext
from threading import Lock

import torch
from torch import nn
from torch import Tensor

from aim_ros.segmentation.engine import Engine
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
        self._graphs: dict[tuple[int, int], Callable[[Tensor], Tensor]] = {}
        # Callers share a graph's memory, and cuDNN's arithmetic is the whole process's.
        self._one_at_a_time = Lock() if self.batched else nullcontext()

    def prepare(self, batch: int, size: tuple[int, int]) -> None:
        """Capture graphs on CUDA, see `GraphedNetwork`; on the CPU, run once."""
        size = tuple(size)
        if self.device.type == 'cuda':
            with self._one_at_a_time, full_float32():
                self._graphs[size] = GraphedNetwork(
                    self.network, size, batches=batch, device=self.device, dtype=self.dtype)
        for count in range(1, batch + 1):
            self(torch.zeros(count, 3, *size, device=self.device, dtype=self.dtype))

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Run the network."""
        run = self._graphs.get(tuple(pixels.shape[2:]), self.network)
        with self._one_at_a_time, full_float32() if self.batched else nullcontext():
            # A copy where the device's graph would overwrite them with the next frame's.
            return run(pixels).to(
                torch.float32, memory_format=torch.contiguous_format, copy=pixels.is_cuda)


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
