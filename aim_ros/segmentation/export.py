"""Writes a network as an ONNX file that says all of itself, for other runtimes."""

from collections.abc import Sequence
from importlib.util import find_spec
import json
import logging
from pathlib import Path
import shlex
import warnings

import torch
from torch import nn
from torch import Tensor

from aim_ros.segmentation.description import Description
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.exported import KEY

OPSET = 18
"""The oldest set of operators that torch's exporter writes by itself."""

LARGEST_BATCH = 64

_PACKAGES = ('onnx', 'onnxscript', 'onnxruntime')


class _InFloat32(nn.Module):
    """
    Computes a part of a network in float32, whatever the type around it.

    :param part: takes a tensor, or a sequence of tensors.
    :param result: the type that it gives, None for float32.
    """

    def __init__(self, part: nn.Module, result: torch.dtype | None):
        super().__init__()
        self.part = part.float()
        self.result = result

    def forward(self, values: Tensor | Sequence[Tensor], **_) -> Tensor:
        """Compute."""
        wide = values.float() if isinstance(values, Tensor) else [v.float() for v in values]
        return self.part(wide).to(self.result or torch.float32)


class HalfNetwork(nn.Module):
    """
    A folded SegFormer in float16, but for its head and its normalisations: these stay in float32.

    :param network: as `load_network` gives it in float32; it is changed.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.half()
        network.decode_head = _InFloat32(network.decode_head, None)
        for module in list(network.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.LayerNorm):
                    setattr(module, name, _InFloat32(child, torch.float16))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return float32 logits of float32 pixels."""
        return self.network(pixels.half())


def write_onnx(
    network: nn.Module, description: Description, path: Path, *, size: tuple[int, int],
    precision: str = 'fp32', dynamic_batch: bool = False, opset: int = OPSET,
) -> None:
    """
    Write a network as ONNX, with its description as the metadata property `KEY`.

    :param network: maps float32 pixels (B, 3, h, w) to logits, on the CPU; see `load_network`.
    :param size: (height, width) of the input; it is fixed in the file.
    :param precision: ``fp32``, or ``fp16`` with head and normalisations in float32 (the network
        is changed then). Input and output are float32 in both.
    :param dynamic_batch: whether any number of images up to `LARGEST_BATCH` goes together, or one.
    :param opset: of the operators, >= 17.
    :raises ModelError: a package is missing, or the network cannot be exported.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ModelError(f'export needs {", ".join(missing)}: "pip install {" ".join(missing)}"')
    import onnx

    if precision == 'fp16':
        network = HalfNetwork(network)
    # It names operators of packages that no network here needs.
    logging.getLogger('torch.onnx._internal.exporter._registration').setLevel(logging.ERROR)
    pixels = torch.zeros(2 if dynamic_batch else 1, 3, *size)
    batch = torch.export.Dim('batch', min=1, max=LARGEST_BATCH)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                network, (pixels,), dynamo=True, opset_version=opset, verbose=False,
                input_names=['pixels'], output_names=['logits'],
                dynamic_shapes=({0: batch},) if dynamic_batch else None)
    # What cannot be exported surfaces as one of many types.
    except Exception as error:
        logging.getLogger(__name__).debug('export failed', exc_info=True)
        raise ModelError(
            f'torch cannot export the network ({type(error).__name__}: '
            f'{" ".join(str(error).split())[:300]})') from error
    content = program.model_proto
    written = next(item.version for item in content.opset_import if item.domain in ('', 'ai.onnx'))
    if written != opset:
        # Its converter only warns where it fails.
        raise ModelError(
            f'the network cannot be written with opset {opset}, which onnxscript does not convert '
            f'it to; use --opset {written}')
    entry = content.metadata_props.add()
    entry.key = KEY
    entry.value = json.dumps(
        {**description.as_dict(), 'input_size': list(size), 'precision': precision})
    onnx.save(content, path)
    try:
        onnx.checker.check_model(path)
    except onnx.checker.ValidationError as error:
        raise ModelError(
            f'torch wrote a network that onnx refuses, with opset {opset}: '
            f'{" ".join(str(error).split())[:300]}; use --opset {OPSET}') from error


def trtexec_line(path: Path, size: tuple[int, int], *, precision: str, dynamic_batch: bool,
                 batch: int = 4) -> str:
    """Return the command that builds a TensorRT engine of a file from `write_onnx`."""
    words = ['trtexec', f'--onnx={path}', f'--saveEngine={path.with_suffix(".plan")}']
    if precision == 'fp16':
        # As the file types them; without, TensorRT would widen or narrow as it likes.
        words.append('--stronglyTyped')
    if dynamic_batch:
        shape = '3x' + 'x'.join(map(str, size))
        words += [f'--{name}Shapes=pixels:{count}x{shape}'
                  for name, count in (('min', 1), ('opt', 1), ('max', batch))]
    return shlex.join(words)
