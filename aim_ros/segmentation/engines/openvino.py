"""OpenVINO: the fastest on CPUs, and the way to Intel's GPUs and NPUs."""

from functools import partial
import logging
from pathlib import Path
from threading import Lock
import time
import warnings

import numpy as np
import openvino as ov
import torch
from torch import nn
from torch import Tensor

from aim_ros.segmentation.cache import cache_folder
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.engine import KEPT_SIZES
from aim_ros.segmentation.engine import LastUsed

_HINTS = {'fp32': 'f32', 'fp16': 'f16', 'bf16': 'bf16'}
# The device's own names of what it computes in.
_CAPABILITIES = {'fp32': 'FP32', 'fp16': 'FP16', 'bf16': 'BF16'}

_logger = logging.getLogger(__name__)


def supports(precision: str, device: str = 'CPU') -> bool:
    """Return whether a device of OpenVINO computes in a precision natively."""
    capabilities = ov.Core().get_property(device, 'OPTIMIZATION_CAPABILITIES')
    return _CAPABILITIES[precision] in capabilities


class _ChannelsLast(nn.Module):
    """Takes (B, h, w, 3), which is how images lie in memory, for a module of (B, 3, h, w)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images.permute(0, 3, 1, 2))


def convert(network: nn.Module, path: Path, *, channels_last: bool = False) -> None:
    """
    Convert a module for images of any number and size, and write it in float32.

    The front end is called directly: `openvino.convert_model`, which does the same, reports
    its use to the internet unless the user has objected before.

    :param network: maps pixels (B, 3, h, w) to logits, in float32, on the CPU.
    :param path: of the file to write, ending in ``.xml``; weights go beside it.
    :param channels_last: whether the file takes (B, h, w, 3), which OpenVINO computes with: so
        nothing has to be rearranged.
    :raises OSError: the file cannot be written.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # Of constants in the trace, which the tests of sizes disprove, and of what is obsolete.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        if channels_last:
            network, shape = _ChannelsLast(network), (1, 64, 96, 3)
        else:
            shape = (1, 3, 64, 96)
        decoder = TorchScriptPythonDecoder(network, example_input=(torch.zeros(shape),))
        front_end = FrontEndManager().load_by_framework('pytorch')
        model = front_end.convert(front_end.load(decoder))
    model.reshape([-1, -1, -1, 3] if channels_last else [-1, 3, -1, -1])
    try:
        ov.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f'{path} cannot be written whole, as on a full disk ({error})') from error


def _in_float32(model: ov.Model, path: Path) -> ov.Model:
    """
    Return a network that takes and gives float32, whatever it computes in.

    :raises ModelError: it takes or gives what is no floating point number.
    """
    for port, what, hint in ((model.inputs[0], 'input', ''),
                             (model.outputs[0], 'output', ', as an arg max gives it')):
        if not port.element_type.is_real():
            raise ModelError(
                f'the {what} of {path} is {port.element_type.get_type_name()}{hint}; float32 or '
                'float16 is expected: normalised images in, logits out')
    if {model.inputs[0].element_type, model.outputs[0].element_type} == {ov.Type.f32}:
        return model
    around = ov.preprocess.PrePostProcessor(model)
    around.input().tensor().set_element_type(ov.Type.f32)
    around.output().tensor().set_element_type(ov.Type.f32)
    return around.build()


def _require_numbers(model: ov.Model, path: Path) -> None:
    """
    Refuse weights that are NaN.

    On the CPU a ReLU makes 0 of what they give: so the logits would be finite, the same for every
    image, and all would look well.
    """
    for node in model.get_ops():
        if node.get_type_name() == 'Constant' and node.get_element_type().is_real() and np.isnan(
                node.get_data(dtype=np.float32)).any():
            raise ModelError(
                f'weights of {path} are NaN, in {node.get_friendly_name()}; give another one')


class OpenVinoEngine(Engine):
    """
    Runs a network that `convert` wrote, or an ONNX file, compiled for each size that comes.

    Of `KEPT_SIZES` that is kept; for one that returns later it takes as long as at first.

    :param path: of the network.
    :param target: OpenVINO's name of the device: ``CPU``, ``GPU``, ``GPU.1``, ``NPU``, ...
    :param precision: what it computes in; ``fp32``, ``fp16`` or ``bf16``.
    :raises ModelError: there is no such device, it lacks the precision, or the file is broken.
    """

    name = 'openvino'

    def __init__(self, path: Path, *, target: str = 'CPU', precision: str = 'fp32'):
        self.version = ov.get_version().partition('-')[0]
        # As many as torch is given; while a frame is processed that is fewer.
        self._threads = torch.get_num_threads()
        self._core = ov.Core()
        available = self._core.available_devices
        if target not in available:
            raise ModelError(
                f"there is no device 'openvino:{target}': OpenVINO sees "
                f'{", ".join(available) or "none"}; use one of these, or device cpu')
        if not supports(precision, target):
            raise ModelError(
                f'{target} of OpenVINO does not compute in {precision} here; use precision fp32'
                f'{" or bf16" if supports("bf16", target) else ""}, or engine torch')
        self.target = target
        self.precision = precision
        try:
            self._model = self._core.read_model(path)
        except RuntimeError as error:
            raise ModelError(
                f'OpenVINO cannot read {path}: {" ".join(str(error).split())[:300]}') from error
        if len(self._model.inputs) != 1 or len(self._model.outputs) != 1:
            raise ModelError(
                f'{path} has {len(self._model.inputs)} inputs and {len(self._model.outputs)} '
                'outputs; a network takes one (images) and gives one (logits)')
        shape = self._model.inputs[0].partial_shape
        if shape.rank.is_dynamic or shape.rank.get_length() != 4:
            raise ModelError(f'the input of {path} is {shape}, not (B, 3, height, width)')
        _require_numbers(self._model, path)
        self._model = _in_float32(self._model, path)
        # As `convert` writes it.
        self._channels_last = shape[3].is_static and shape[3].get_length() == 3
        height, width = shape[1:3] if self._channels_last else shape[2:4]
        if height.is_static and width.is_static:
            self.fixed_size = height.get_length(), width.get_length()
        self._requests: LastUsed[ov.InferRequest] = LastUsed(KEPT_SIZES)
        # A request runs once at a time: another thread would be refused, or change its images.
        self._one_at_a_time = Lock()

    def prepare(self, batch: int, size: tuple[int, int]) -> None:
        """Compile for single images of a size: one by one is faster than together."""
        self(torch.zeros(1, 3, *size))

    def holds(self, size: tuple[int, int]) -> bool:
        """Whether the network is compiled for a (height, width)."""
        return size in self._requests

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run the network on the images one by one."""
        if len(pixels) > 1:
            return torch.cat([self(image[None]) for image in pixels])
        size = tuple(pixels.shape[2:])
        if self._channels_last:
            pixels = pixels.permute(0, 2, 3, 1)
        # Both sides work in torch's memory: nothing is copied. It must be kept until then, since
        # OpenVINO does not.
        images = pixels.contiguous().numpy()
        request = self._requests.get(size, partial(self._compile, size))
        with self._one_at_a_time:
            logits = torch.empty(tuple(request.model_outputs[0].shape))
            request.set_input_tensor(ov.Tensor(images, shared_memory=True))
            request.set_output_tensor(ov.Tensor(logits.numpy(), shared_memory=True))
            request.infer()
        return logits

    def _compile(self, size: tuple[int, int]) -> ov.InferRequest:
        started = time.monotonic()
        model = self._model.clone()
        options = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': _HINTS[self.precision],
        }
        if self.target == 'CPU':
            # Pinned to cores, threads would wait for whatever else runs on these.
            options |= {'INFERENCE_NUM_THREADS': self._threads,
                        'ENABLE_CPU_PINNING': False}
        else:
            options['CACHE_DIR'] = str(cache_folder() / 'openvino')
        try:
            model.reshape([1, *size, 3] if self._channels_last else [1, 3, *size])
            compiled = self._core.compile_model(model, self.target, options)
        except RuntimeError as error:
            raise ModelError(
                f'OpenVINO cannot compile the network for {size[1]}x{size[0]} on {self.target}: '
                f'{" ".join(str(error).split())[:300]}') from error
        _logger.info('compiled for %dx%d in %.1f s', size[1], size[0],
                     time.monotonic() - started)
        return compiled.create_infer_request()
