"""The reference: torch, on the CPU, or on CUDA with graphs."""

from contextlib import nullcontext
from threading import Lock
from typing import Any

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
        # Callers share a graph's memory.
        self._one_at_a_time = Lock() if self.batched else nullcontext()

    def prepare(self, batch: int, size: tuple[int, int]) -> None:
        """Capture graphs on CUDA, see `GraphedNetwork`; on the CPU, run once."""
        self._batch = max(self._batch, batch)
        for count in range(1, batch + 1):
            self(torch.zeros(count, 3, *size, device=self.device, dtype=self.dtype))

    def holds(self, size: tuple[int, int]) -> bool:
        """Whether there are graphs for a (height, width); the CPU needs none."""
        return not self.batched or (size, self._batch) in self._graphs

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Run the network."""
        # The device captures alone: that takes a fraction of a second.
        with full_float32 if self.batched else nullcontext(), self._one_at_a_time:
            run = self._graphed(tuple(pixels.shape[2:])) if pixels.is_cuda else self.network
            # A copy where the device's graph would overwrite them with the next frame's.
            return run(pixels).to(
                torch.float32, memory_format=torch.contiguous_format, copy=pixels.is_cuda)

    def _graphed(self, size: tuple[int, int]) -> GraphedNetwork:
        """Return the network with graphs for all batches that were prepared, of any size."""
        key = size, self._batch
        return self._graphs.get(key, lambda: GraphedNetwork(
            self.network, size, batches=self._batch, device=self.device, dtype=self.dtype))


class _FullFloat32:
    """
    Keeps cuDNN from TF32: by default its convolutions round float32 factors to 11 bits.

    That is the whole process's, so the first thread that enters sets it, and the last one that
    leaves sets it back.
    """

    def __init__(self):
        self._lock = Lock()
        self._inside = 0
        self._before: Any = None

    def __enter__(self) -> None:
        convolutions = torch.backends.cudnn.conv
        with self._lock:
            if not self._inside:
                self._before = convolutions.fp32_precision
                convolutions.fp32_precision = 'ieee'
            self._inside += 1

    def __exit__(self, *_) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                torch.backends.cudnn.conv.fp32_precision = self._before


full_float32 = _FullFloat32()
