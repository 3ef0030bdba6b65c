"""What an ONNX file says of itself: a description inside it, or in YAML beside it."""

from pathlib import Path
from typing import Any

from aim_ros.plain_data import load_yaml
from aim_ros.plain_data import parse_json
from aim_ros.plain_data import shortened
from aim_ros.segmentation.description import Description
from aim_ros.segmentation.description import ModelError

KEY = 'aim_ros'
"""The name of the metadata property whose JSON is the description."""


def read_description(path: Path) -> tuple[Description, str]:
    """
    Return the description of an ONNX file, and the precision that its weights are in.

    A YAML file beside it, of the same name but for ``.yaml``, wins over what stands inside.

    :param path: of the ONNX file.
    :raises ModelError: there is no description, or one that cannot be used.
    """
    beside = path.with_suffix('.yaml')
    if beside.exists():
        try:
            content, where = load_yaml(beside), str(beside)
        except OSError as error:
            raise ModelError(f'{beside} cannot be read: {error.strerror}') from error
        except ValueError as error:
            raise ModelError(f'{beside} cannot be read: it {error}') from error
    else:
        content, where = _metadata(path), f'the metadata of {path}'
    if content is None:
        raise ModelError(
            f'{path} says nothing of its classes: write {beside.name} beside it, with the lists '
            'classes, mean and std, and if need be input_size, temperature and rescale_factor')
    description = Description.from_dict(content, where)
    known = (*description.as_dict(), 'precision')
    # A key that is misspelt would leave the network with the default, and maybe blind.
    if unknown := [key for key in content if key not in known]:
        raise ModelError(f'{where} has an unknown key {shortened(unknown[0])}; '
                         f'keys: {", ".join(known)}')
    precision = content.get('precision', 'fp32')
    if not isinstance(precision, str):
        raise ModelError(f'precision in {where} must be a word such as fp16, '
                         f'got {shortened(precision)}')
    return description, precision


def _metadata(path: Path) -> Any | None:
    """Return the description inside an ONNX file, None if it has none."""
    try:
        import onnxruntime as ort
    except ImportError:
        return _metadata_by_openvino(path)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    # Its exceptions have no common type below this one.
    except Exception as error:
        raise ModelError(
            f'ONNX Runtime cannot load {path}: {" ".join(str(error).split())[:300]}') from error
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    return None if text is None else _parse(text, path)


def _metadata_by_openvino(path: Path) -> Any | None:
    try:
        import openvino as ov
    except ImportError as error:
        raise ModelError(
            f'neither onnxruntime nor openvino is installed, and one of them must run {path}; '
            '"pip install onnxruntime"') from error
    try:
        model = ov.Core().read_model(path)
    except RuntimeError as error:
        raise ModelError(
            f'OpenVINO cannot read {path}: {" ".join(str(error).split())[:300]}') from error
    place = ['framework', KEY]
    return _parse(model.get_rt_info(place).astype(str), path) if model.has_rt_info(place) else None


def _parse(text: str, path: Path) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise ModelError(f'the metadata {KEY} of {path} {error}') from error
