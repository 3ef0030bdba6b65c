"""ONNX Runtime: exported networks, on the execution providers of the user's choice."""

from collections.abc import Sequence
import logging
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor

from aim_ros.segmentation.cache import cache_folder
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.engine import PROVIDERS

_TYPES = {'tensor(float)': torch.float32, 'tensor(float16)': torch.float16,
          'tensor(double)': torch.float64}

_logger = logging.getLogger(__name__)


def _options(provider: str) -> dict[str, str]:
    """Return a provider's options: where it keeps what it compiled, if it can."""
    if provider not in ('tensorrt', 'openvino'):
        return {}
    folder = cache_folder() / provider
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _logger.warning('what %s compiles cannot be kept, so every start compiles it: %s',
                        provider, error)
        return {}
    if provider == 'openvino':
        return {'cache_dir': str(folder)}
    return {'trt_engine_cache_enable': 'True', 'trt_engine_cache_path': str(folder)}


def available_providers() -> list[str]:
    """Return the keys of `PROVIDERS` that this build of ONNX Runtime has."""
    here = ort.get_available_providers()
    return [name for name, full in PROVIDERS.items() if full in here]


class OnnxRuntimeEngine(Engine):
    """
    Runs an ONNX file that maps images (B, 3, h, w) to logits.

    :param path: of the file.
    :param providers: keys of `PROVIDERS`, the most wanted first; what one cannot run falls to the
        next, and last to the CPU.
    :param precision: what the file's weights are in, for reports.
    :raises ModelError: a provider is not there, or the file cannot be used.
    """

    name = 'onnxruntime'
    version = ort.__version__

    def __init__(self, path: Path, *, providers: Sequence[str] = ('cpu',),
                 precision: str = 'fp32'):
        self.providers = tuple(providers) or ('cpu',)
        self.target = ', '.join(self.providers)
        self.precision = precision
        available = available_providers()
        for provider in self.providers:
            if provider not in available:
                raise ModelError(
                    f'ONNX Runtime has no execution provider {provider!r} here; it has '
                    f'{", ".join(available)}. Others come with other builds, for instance '
                    'onnxruntime-gpu and onnxruntime-openvino')
        self._session = self._open(path)
        running = self._session.get_providers()
        lost = [provider for provider in self.providers if PROVIDERS[provider] not in running]
        if lost:
            # It would go on without, many times slower.
            raise ModelError(
                f'ONNX Runtime cannot start its execution provider {lost[0]!r}, as where a '
                'library that it needs is missing or of another version; its own message above '
                'says which. Mend that, or leave it out of execution_providers')
        if len(self._session.get_inputs()) != 1 or len(self._session.get_outputs()) != 1:
            raise ModelError(
                f'{path} has {len(self._session.get_inputs())} inputs and '
                f'{len(self._session.get_outputs())} outputs; a network takes one (images) and '
                'gives one (logits)')
        (taken,), (given,) = self._session.get_inputs(), self._session.get_outputs()
        # A side that the file leaves open has a name, or none.
        if taken.type not in _TYPES or len(taken.shape) != 4 or (
                taken.shape[1] != 3 and (isinstance(taken.shape[1], int) or taken.shape[3] == 3)):
            raise ModelError(
                f'the input of {path} is {taken.type} {taken.shape}, not float, float16 or double '
                '(B, 3, height, width)')
        if given.type not in _TYPES:
            hint = ', as an arg max gives it' if 'int' in given.type else ''
            raise ModelError(
                f'the output of {path} is {given.type}{hint}; logits, float, float16 or double, '
                'are expected: export it so')
        self.dtype = _TYPES[taken.type]
        self._input = taken.name
        batch, _, height, width = taken.shape
        if batch != 1 and isinstance(batch, int):
            raise ModelError(
                f'{path} takes exactly {batch} images at once; export it for one, or any number')
        if isinstance(height, int) and isinstance(width, int):
            self.fixed_size = height, width
        self.batched = batch != 1 and self.providers[0] in ('tensorrt', 'cuda')

    def _open(self, path: Path) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that spin while they wait take the cores from whatever else runs there.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        try:
            return ort.InferenceSession(str(path), options, providers=[
                (PROVIDERS[provider], _options(provider)) for provider in self.providers])
        # Its exceptions have no common type below this one.
        except Exception as error:
            raise ModelError(
                f'ONNX Runtime cannot load {path}: {" ".join(str(error).split())[:300]}'
            ) from error

    def prepare(self, batch: int, size: tuple[int, int]) -> None:
        """Run once for each number of images that go together: providers compile at first."""
        try:
            for count in range(1, (batch if self.batched else 1) + 1):
                self(torch.zeros(count, 3, *size, dtype=self.dtype))
        # Its exceptions have no common type below this one.
        except Exception as error:
            raise RuntimeError(str(error)) from error

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run the network; images one by one where they are not faster together."""
        if len(pixels) > 1 and not self.batched:
            return torch.cat([self(image[None]) for image in pixels])
        logits, = self._session.run(None, {self._input: pixels.contiguous().numpy()})
        return torch.from_numpy(logits.astype(np.float32, copy=False))
