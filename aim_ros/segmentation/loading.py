"""From what a user says of model, device, engine and precision to an engine that runs it."""

from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
import json
import logging
from pathlib import Path
import tempfile
from typing import Any

import torch

from aim_ros.segmentation import checkpoint
from aim_ros.segmentation.cache import cache_key
from aim_ros.segmentation.cache import kept_folder
from aim_ros.segmentation.description import Description
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.engine import choose_device
from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.engine import ENGINES
from aim_ros.segmentation.engine import PRECISIONS
from aim_ros.segmentation.engine import PROVIDERS
from aim_ros.segmentation.engines.torch import TorchEngine
from aim_ros.segmentation.exported import read_description
from aim_ros.segmentation.fingerprint import fingerprint
from aim_ros.segmentation.labels import LabelSet

_logger = logging.getLogger(__name__)

_VERSION = 3
"""Part of the keys of what is kept; to be raised when folding, conversion or its checks change."""

_PREFIX = 'openvino:'


def open_engine(
    model: str, *, device: str = 'auto', engine: str = 'auto', precision: str = 'auto',
    providers: Sequence[str] = (),
) -> tuple[Description, Engine]:
    """
    Load a network onto an engine.

    :param model: a local folder, an ONNX file, the name of a shipped model, or a hub id.
    :param device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, or ``openvino:NAME`` for OpenVINO's
        device of that name.
    :param engine: ``auto`` or one of `ENGINES`. On CUDA ``auto`` is torch; on the CPU it is
        OpenVINO where that is installed and the network can be converted, else torch; an ONNX
        file runs on ONNX Runtime, or on a device of OpenVINO if one is asked for.
    :param precision: ``auto`` (fp16 on CUDA, else fp32; that of an ONNX file) or one of
        `PRECISIONS`.
    :param providers: execution providers of ONNX Runtime, the most wanted first; empty is CUDA
        and CPU on a CUDA device (``auto``: where ONNX Runtime lists it), else the CPU.
    :raises ModelError: these do not go together, or cannot be used here.
    """
    if engine not in ('auto', *ENGINES):
        raise ModelError(f'unknown engine {engine!r}; engines: auto, {", ".join(ENGINES)}')
    if precision not in ('auto', *PRECISIONS):
        raise ModelError(
            f'unknown precision {precision!r}; precisions: auto, {", ".join(PRECISIONS)}')
    unknown = [provider for provider in providers if provider not in PROVIDERS]
    if unknown:
        # Whichever engine runs now: a name that nobody knows is a mistake.
        raise ModelError(
            f'unknown execution provider {unknown[0]!r}; providers: {", ".join(PROVIDERS)}')
    place, target = parse_device('cpu' if (device, engine) == ('auto', 'openvino') else device)
    if target is not None:
        if engine not in ('auto', 'openvino'):
            raise ModelError(f'device {device!r} is for engine openvino, not {engine}')
        engine = 'openvino'
    if engine == 'openvino' and place.type != 'cpu':
        raise ModelError(
            f'engine openvino does not run on {device!r}; use device cpu or openvino:NAME')
    target = 'CPU' if target is None else target
    if checkpoint.is_exported(model):
        return _open_exported(model, device, engine, target, precision, providers)
    if engine == 'onnxruntime':
        raise ModelError(
            f'engine onnxruntime runs ONNX files, and {model!r} is none; write one with '
            f'"ros2 run aim_ros export --model {model}", or use engine auto')
    if precision == 'auto':
        precision = 'fp16' if place.type == 'cuda' else 'fp32'
    if engine == 'auto' and _suits_openvino(model, place, precision):
        engine = 'openvino'
    if engine == 'openvino':
        return _open_converted(model, target, precision)
    description = checkpoint.describe(model)
    network = checkpoint.load_network(model, PRECISIONS[precision])
    return description, TorchEngine(network, device=place, precision=precision)


def parse_device(device: str) -> tuple[torch.device, str | None]:
    """
    Return torch's device, and OpenVINO's name of its own device where one is asked for.

    :param device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``openvino:NAME``.
    :raises ModelError: there is no such device here; those of OpenVINO are looked for later.
    """
    if device.startswith(_PREFIX):
        return torch.device('cpu'), device.removeprefix(_PREFIX)
    return choose_device(device), None


def load_labels(model: str) -> LabelSet:
    """
    Read the classes of a model's masks without its weights.

    :param model: a local folder, an ONNX file, the name of a shipped model, or a hub id.
    :raises ModelError: it says nothing of them, or is not for segmentation.
    """
    path = checkpoint.find_checkpoint(model)
    if checkpoint.is_exported(path):
        return read_description(Path(path))[0].labels
    return checkpoint.read_labels(model)


def _suits_openvino(model: str, place: torch.device, precision: str) -> bool:
    """Return whether OpenVINO is here, and runs this checkpoint natively in this precision."""
    if place.type != 'cpu' or not is_installed('openvino') or not checkpoint.is_foldable(model):
        return False
    from aim_ros.segmentation.engines import openvino
    return openvino.supports(precision)


def is_installed(name: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    return find_spec(name) is not None


def _require(package: str, instead: str = '') -> None:
    """Refuse an engine whose package, of the same name, is missing; say what else would do."""
    if not is_installed(package):
        raise ModelError(f'engine {package} is not installed; "pip install {package}"{instead}')


def _open_converted(model: str, target: str, precision: str) -> tuple[Description, Engine]:
    """Open a checkpoint on OpenVINO; its conversion is kept on disk."""
    _require('openvino', ', or use engine torch')
    from aim_ros.segmentation.engines import openvino

    if not checkpoint.is_foldable(model):
        raise ModelError(
            f'engine openvino converts SegFormers alone, and {model!r} is of another family; use '
            'engine torch')

    def build(folder: Path) -> None:
        description = checkpoint.describe(model)
        (folder / 'description.json').write_text(json.dumps(description.as_dict()))
        openvino.convert(
            checkpoint.load_network(model), folder / 'network.xml', channels_last=True)

    key = cache_key(network_identity(model))
    try:
        with kept_folder(key, build) as folder:
            content = json.loads((folder / 'description.json').read_text())
            return Description.from_dict(content, 'the kept description'), openvino.OpenVinoEngine(
                folder / 'network.xml', target=target, precision=precision)
    except OSError as error:
        raise ModelError(
            f'the converted network of {model!r} finds room neither in the cache nor in '
            f'{tempfile.gettempdir()} ({error}); make some, or use engine torch') from error


def network_identity(model: str) -> dict[str, Any]:
    """Return all that a converted network depends on, as plain data."""
    files = fingerprint(model)
    if files is None:
        # From the hub, on first use: loading brings all of it here.
        checkpoint.describe(model)
        checkpoint.load_network(model)
        files = fingerprint(model)
        if files is None:
            raise ModelError(
                f'transformers loads model {model!r}, but its weights are not in files beside its '
                'config; give the folder of a checkpoint with model.safetensors')
    versions = {name: metadata.version(name) for name in ('torch', 'transformers', 'openvino')
                if is_installed(name)}
    return {'version': _VERSION, 'files': files, **versions}


def _open_exported(
    model: str, device: str, engine: str, target: str, precision: str,
    providers: Sequence[str],
) -> tuple[Description, Engine]:
    """Open an ONNX file on ONNX Runtime or OpenVINO."""
    path = Path(checkpoint.find_checkpoint(model))
    if engine == 'torch':
        raise ModelError(
            f'engine torch does not run ONNX files such as {model!r}; use engine auto, '
            'onnxruntime or openvino')
    description, stored = read_description(path)
    if precision not in ('auto', stored) and engine != 'openvino':
        raise ModelError(
            f'{path} is in {stored}, and ONNX Runtime runs it so: precision {precision!r} '
            'cannot be had; use precision auto, or export it in that precision')
    if engine == 'openvino':
        _require('openvino', ', or use engine onnxruntime')
        from aim_ros.segmentation.engines.openvino import OpenVinoEngine
        opened = OpenVinoEngine(
            path, target=target, precision='fp32' if precision == 'auto' else precision)
    else:
        _require('onnxruntime')
        from aim_ros.segmentation.engines.onnxruntime import OnnxRuntimeEngine
        opened = OnnxRuntimeEngine(
            path, providers=tuple(providers) or _usual_providers(device), precision=stored)
    return description, opened


def _usual_providers(device: str) -> tuple[str, ...]:
    """Return the execution providers of ONNX Runtime for a device."""
    if parse_device(device)[0].type != 'cuda':
        return ('cpu',)
    from aim_ros.segmentation.engines.onnxruntime import available_providers
    if device == 'auto' and 'cuda' not in available_providers():
        _logger.warning(
            'torch sees a GPU, but ONNX Runtime has no execution provider "cuda": the network '
            'runs on the CPU; onnxruntime-gpu has it')
        return ('cpu',)
    return 'cuda', 'cpu'
