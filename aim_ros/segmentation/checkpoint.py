"""
Checkpoints of transformers: where they are, what they say of themselves, and their network.

Importing transformers takes seconds, so it is imported where a checkpoint is read that no cache
knows yet.
"""

import logging
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch import Tensor

from aim_ros.plain_data import BoundsError
from aim_ros.plain_data import IrregularFileError
from aim_ros.plain_data import parse_json
from aim_ros.plain_data import read_text
from aim_ros.resources import share_directory
from aim_ros.segmentation.description import Description
from aim_ros.segmentation.description import label_set
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.description import positive_number
from aim_ros.segmentation.description import three_numbers
from aim_ros.segmentation.labels import LabelSet

# PIL's numbers of the filters, which image processors store.
_RESAMPLING = {2: 'bilinear', 3: 'bicubic'}

_MOST_CLASSES = 65535

FOLDED = 'segformer'
"""The family whose network is folded and converted; others run as transformers has them."""

_logger = logging.getLogger(__name__)


def find_checkpoint(model: str) -> str:
    """
    Turn the parameter `model` into what ``from_pretrained`` takes, or the path of an ONNX file.

    :param model: a local folder, an ONNX file, the name of a model that ships with the package,
        or a hub id.
    :raises ModelError: it looks like none of them.
    """
    # Unlike pathlib's, these answer for any text: an empty one, a user that does not exist.
    path = os.path.expanduser(model)
    if os.path.isdir(path) or (is_exported(model) and os.path.isfile(path)):
        return path
    shipped = share_directory() / 'models'
    if model and os.path.isdir(shipped / model):
        return str(shipped / model)
    is_hub_id = model.count('/') == 1 and not model.startswith(('.', '/', '~'))
    if is_hub_id and not is_exported(model):
        return model
    names = sorted(config.parent.name for config in shipped.glob('*/config.json'))
    raise ModelError(
        f'there is no model {model!r}; give the folder of a checkpoint, an ONNX file, a hub id '
        f'(owner/name) or one that ships: {", ".join(names)}')


def is_exported(model: str) -> bool:
    """Return whether `model` names an exported network, by the end of its name."""
    return model.lower().endswith('.onnx')


def read_labels(model: str) -> LabelSet:
    """
    Read the classes of a checkpoint's masks from its config alone, without its weights.

    :raises ModelError: the config is missing, or not that of a network for segmentation.
    """
    names = _plain_config(model).get('id2label')
    if not (isinstance(names, dict) and names):
        names = _config(model).id2label
    return label_set(_classes(model, names))


def is_foldable(model: str) -> bool:
    """
    Return whether a checkpoint is of the family whose network is folded and converted.

    :raises ModelError: the config is missing, or not that of a network for segmentation.
    """
    return bool(_plain_config(model)) or _config(model).model_type == FOLDED


def _plain_config(model: str) -> dict:
    """Return the config of a SegFormer in a folder; nothing where transformers must read it."""
    content = _read_json(model, 'config.json')
    known = isinstance(content, dict) and content.get('model_type') == FOLDED
    return content if known else {}


def _read_json(model: str, name: str) -> Any:
    """
    Return what a file in a checkpoint's folder says; None where transformers is to say why not.

    :raises ModelError: it says what transformers would go astray with.
    """
    path = Path(find_checkpoint(model), name)
    try:
        content = parse_json(read_text(path))
    except BoundsError as error:
        raise ModelError(f'{path} {error}') from error
    except IrregularFileError as error:
        raise ModelError(f'{path} cannot be read: {error.strerror}') from error
    except (OSError, ValueError):
        return None
    # It makes a name for each.
    number = content.get('num_labels') if isinstance(content, dict) else None
    if isinstance(number, int) and number > _MOST_CLASSES:
        raise ModelError(f'{path} has num_labels {number}; masks hold {_MOST_CLASSES} classes')
    return content


def _classes(model: str, id2label: dict) -> tuple[str, ...]:
    try:
        return LabelSet.from_id2label(id2label).names
    except ValueError as error:
        raise ModelError(f'the config of model {model!r} names no classes: {error}') from error


def _config(model: str):
    """Load a checkpoint's config and see that its network is one for segmentation."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES as families,
    )

    _read_json(model, 'config.json')
    config = _load(AutoConfig, model, 'config')
    if config.model_type not in families:
        raise ModelError(
            f'model {model!r} is a {config.model_type}, which transformers does not load for '
            f'semantic segmentation; give a checkpoint of one of: {", ".join(sorted(families))}')
    return config


def describe(model: str) -> Description:
    """
    Read all that must be known of a checkpoint besides its weights.

    :raises ModelError: config or image processor are missing, or cannot be used.
    """
    from transformers import AutoImageProcessor

    config = _config(model)
    classes = _classes(model, config.id2label)
    _read_json(model, 'preprocessor_config.json')
    processor = _load(AutoImageProcessor, model, 'image processor', **_of_old_name(model, config))
    resample = _RESAMPLING.get(processor.resample)
    if resample is None:
        raise ModelError(
            f'the image processor of {model!r} resamples with filter {processor.resample}; '
            'supported: 2 (bilinear), 3 (bicubic)')
    # transformers takes whatever stands there, and the network would be blind.
    where = f'the image processor of model {model!r}'
    mean, std = (0.0,) * 3, (1.0,) * 3
    # Some families, such as MobileViT, take bytes / 255 and have no such setting.
    if getattr(processor, 'do_normalize', False):
        values = {'image_mean': _plain(processor.image_mean),
                  'image_std': _plain(processor.image_std)}
        mean = three_numbers(values, 'image_mean', where)
        std = three_numbers(values, 'image_std', where, positive=True)
    rescale = (positive_number(processor.rescale_factor, 'rescale_factor', where)
               if processor.do_rescale else 1.0)
    description = Description(
        classes, mean, std, rescale, resample,
        bool(getattr(processor, 'do_flip_channel_order', False)), _processor_size(processor),
        _temperature(model), config.model_type)
    description.check_inputs(where)
    return description


def _of_old_name(model: str, config) -> dict:
    """Return what has transformers 5 find an image processor that was stored by version 4."""
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        content, _ = ImageProcessingMixin.get_image_processor_dict(find_checkpoint(model))
        old = content.get('image_processor_type', '').endswith('FeatureExtractor')
    # Whatever is wrong with it, loading it says so.
    except Exception:
        _logger.debug('the image processor of %s cannot be read', model, exc_info=True)
        return {}
    # The class of that name is gone; that of the network's family stands for it.
    return {'config': config} if old else {}


def _plain(values):
    """Return what may be a tuple as it stands in the file."""
    return list(values) if isinstance(values, tuple) else values


def _processor_size(processor) -> tuple[int, int] | None:
    """Return the (height, width) of an image processor's results, None if it names none."""
    for wanted, size in ((getattr(processor, 'do_center_crop', False),
                          getattr(processor, 'crop_size', None)),
                         (processor.do_resize, processor.size)):
        size = dict(size or {})
        if wanted and size.get('height') and size.get('width'):
            return int(size['height']), int(size['width'])
    return None


def _temperature(model: str) -> float:
    """Return by how much a checkpoint says to soften its softmax values, 1 if it does not say."""
    from transformers import PreTrainedConfig

    # The config object lacks it: transformers takes it for a setting of text generation.
    content, _ = PreTrainedConfig.get_config_dict(find_checkpoint(model))
    return positive_number(content.get('temperature', 1.0), 'temperature',
                           f'the config of model {model!r}')


class LogitsOnly(nn.Module):
    """
    A network of transformers whose output is the logits alone.

    :param network: as `AutoModelForSemanticSegmentation` loads it.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits (B, C, h', w') of pixels (B, 3, h, w)."""
        return self.network(pixel_values=pixels).logits


def load_network(model: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """
    Load a checkpoint's network for inference on the CPU; a SegFormer is folded.

    :param dtype: type of the weights.
    :return: maps pixels (B, 3, h, w) to logits.
    :raises ModelError: weights are missing or do not fit the config.
    """
    from transformers import AutoModelForSemanticSegmentation
    from transformers.utils.logging import disable_progress_bar

    from aim_ros.segmentation.network import FoldedSegformer

    disable_progress_bar()
    network, info = _load(
        AutoModelForSemanticSegmentation, model, 'weights', dtype=dtype,
        ignore_mismatched_sizes=True, output_loading_info=True)
    _require_matching(model, network, info)
    # A count that training alone uses, and that not every converter writes.
    missing = sorted(name for name in info['missing_keys']
                     if not name.endswith('num_batches_tracked'))
    if missing:
        others = sorted(info.get('unexpected_keys', ()))
        instead = f', and has others, for instance {others[0]}' if others else ''
        raise ModelError(
            f'the checkpoint {model!r} lacks {len(missing)} weights, for instance '
            f'{missing[0]}{instead}; give one that was trained for semantic segmentation')
    _require_finite(model, network, dtype)
    if network.config.model_type == FOLDED:
        return FoldedSegformer(network)
    return LogitsOnly(network.eval().requires_grad_(False))


def _require_matching(model: str, network: nn.Module, info: dict) -> None:
    mismatched = sorted(info.get('mismatched_keys', ()))
    for name, stored, wanted in mismatched:
        if 'classifier' in name and stored[0] != wanted[0]:
            raise ModelError(
                f'the weights of model {model!r} tell {stored[0]} classes apart ({name}), but its '
                f'config names {wanted[0]}; give id2label as many names as the weights have '
                'classes')
    for name, stored, wanted in mismatched:
        raise ModelError(
            f'the weights of model {model!r} do not fit its config: {name} is '
            f'{list(stored)}, but the config makes it {list(wanted)}')


def _require_finite(model: str, network: nn.Module, dtype: torch.dtype) -> None:
    """Refuse weights that training or their type broke: an engine may make 0 of what is NaN."""
    for name, values in network.state_dict().items():
        if not torch.isfinite(values).all():
            raise ModelError(
                f'the weights of model {model!r} are not finite as {dtype}, for instance {name}; '
                'use precision fp32, or another checkpoint')


def _load(loader, model: str, what: str, **options):
    """Call ``loader.from_pretrained`` and say in one sentence what went wrong, if it does."""
    checkpoint = find_checkpoint(model)
    from transformers.utils import logging as verbosity

    before = verbosity.get_verbosity()
    # It would print tables of what is said here in a sentence.
    verbosity.set_verbosity_error()
    try:
        # A checkpoint that brings code of its own would have transformers ask on the terminal.
        return loader.from_pretrained(checkpoint, trust_remote_code=False, **options)
    # Whatever breaks in a checkpoint surfaces as one of many types, some of them private.
    except Exception as error:
        _logger.debug('loading %s of %s failed', what, checkpoint, exc_info=True)
        reason = ' '.join(str(error).split())[:300]
        where = '' if os.path.isdir(checkpoint) else ', a hub id since there is no such folder,'
        raise ModelError(
            f'the {what} of model {checkpoint!r}{where} cannot be loaded '
            f'({type(error).__name__}: {reason}); expected a checkpoint for semantic segmentation '
            'with config.json, preprocessor_config.json and model.safetensors') from error
    finally:
        verbosity.set_verbosity(before)
