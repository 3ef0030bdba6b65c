"""SegFormer on a device: camera images in, logits on the model's grid out."""

from collections.abc import Callable
from collections.abc import Sequence
import logging
import math
import os

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import AutoConfig
from transformers import AutoImageProcessor
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation

from aim_ros.imaging.frame import Frame
from aim_ros.resources import share_directory
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.network import fold
from aim_ros.segmentation.network import GraphedNetwork

PRECISIONS: dict[str, torch.dtype] = {
    'fp32': torch.float32,
    'fp16': torch.float16,
    'bf16': torch.bfloat16,
}

# PIL's numbers of the filters, which image processors store.
_RESAMPLING = {2: 'bilinear', 3: 'bicubic'}

_logger = logging.getLogger(__name__)


class ModelError(RuntimeError):
    """A checkpoint or device that can not be used; the text says which, why and what would do."""


def find_checkpoint(model: str) -> str:
    """
    Turn the parameter `model` into what ``from_pretrained`` takes.

    :param model: a local folder, the name of a model that ships with the package, or a hub id.
    :raises ModelError: it looks like none of them.
    """
    # Unlike pathlib's, these answer for any text: an empty one, a user that does not exist.
    path = os.path.expanduser(model)
    if os.path.isdir(path):
        return path
    shipped = share_directory() / 'models'
    if model and os.path.isdir(shipped / model):
        return str(shipped / model)
    is_hub_id = model.count('/') == 1 and not model.startswith(('.', '/', '~'))
    if is_hub_id:
        return model
    names = sorted(config.parent.name for config in shipped.glob('*/config.json'))
    raise ModelError(
        f'there is no model {model!r}; give the folder of a checkpoint, a hub id (owner/name) or '
        f'one that ships: {", ".join(names)}')


def _load(loader, model: str, what: str, **options):
    """Call ``loader.from_pretrained`` and say in one sentence what went wrong, if it does."""
    checkpoint = find_checkpoint(model)
    try:
        # A checkpoint that brings code of its own would have transformers ask on the terminal.
        return loader.from_pretrained(checkpoint, trust_remote_code=False, **options)
    # Whatever breaks in a checkpoint surfaces as one of many types, some of them private.
    except Exception as error:
        _logger.debug('loading %s of %s failed', what, checkpoint, exc_info=True)
        reason = ' '.join(str(error).split())[:300]
        where = '' if os.path.isdir(checkpoint) else ', a hub id since there is no such folder,'
        raise ModelError(
            f'the {what} of model {checkpoint!r}{where} can not be loaded '
            f'({type(error).__name__}: {reason}); expected a SegFormer checkpoint with '
            'config.json, preprocessor_config.json and model.safetensors') from error


def load_labels(model: str) -> LabelSet:
    """
    Read a checkpoint's classes from its config alone, without its weights.

    :raises ModelError: the config is missing, or not a SegFormer's.
    """
    config = _load(AutoConfig, model, 'config')
    if config.model_type != 'segformer':
        raise ModelError(
            f'model {model!r} is a {config.model_type}, not a segformer; give a checkpoint of '
            'SegformerForSemanticSegmentation')
    try:
        return LabelSet.from_id2label(config.id2label)
    except ValueError as error:
        raise ModelError(f'the config of model {model!r} names no classes: {error}') from error


def choose_device(device: str) -> torch.device:
    """
    Return the torch device for ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.

    :raises ModelError: there is no such device here.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ('cpu', 'cuda'):
        raise ModelError(f'unknown device {device!r}; devices: auto, cpu, cuda, cuda:N')
    if chosen.type == 'cuda':
        count = torch.cuda.device_count()
        if (chosen.index or 0) >= count:
            raise ModelError(
                f'there is no device {device!r}: torch sees {count} CUDA devices; use auto or cpu')
    return chosen


class Segmenter:
    """
    A SegFormer checkpoint, its preprocessing and its classes, on one device.

    :param model: a local folder, the name of a shipped model, or a hub id.
    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    :param precision: ``auto`` (fp16 on CUDA, else fp32) or one of `PRECISIONS`.
    :param input_size: (height, width) of the network's input in pixels; None takes the size that
        the checkpoint's image processor resizes to.
    :raises ModelError: the checkpoint, the device or the size can not be used.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = 'auto',
        precision: str = 'auto',
        input_size: tuple[int, int] | None = None,
    ):
        self.labels = load_labels(model)
        self.device = choose_device(device)
        if precision == 'auto':
            precision = 'fp16' if self.device.type == 'cuda' else 'fp32'
        if precision not in PRECISIONS:
            raise ModelError(
                f'unknown precision {precision!r}; precisions: auto, {", ".join(PRECISIONS)}')
        self.precision = precision
        self._dtype = PRECISIONS[precision]

        processor = _load(AutoImageProcessor, model, 'image processor')
        self.input_size = tuple(input_size or _processor_size(processor))
        if len(self.input_size) != 2 or min(self.input_size) < 32:
            raise ModelError(
                f'input_size must be [height, width] of at least 32 pixels each, got '
                f'{list(self.input_size)}; SegFormer reduces it 32 times')
        self._filter = _RESAMPLING.get(processor.resample)
        if self._filter is None:
            raise ModelError(
                f'the image processor of {model!r} resamples with filter {processor.resample}; '
                'supported: 2 (bilinear), 3 (bicubic)')
        self._scale, self._offset = _normalisation(processor, self.device)

        network, info = _load(
            SegformerForSemanticSegmentation, model, 'weights',
            dtype=self._dtype, output_loading_info=True)
        missing = sorted(info['missing_keys'])
        if missing:
            raise ModelError(
                f'the checkpoint {model!r} lacks {len(missing)} weights, for instance '
                f'{missing[0]}; give one that was trained for semantic segmentation')
        self._network = network = fold(network).to(self.device)
        # It holds the network and not this segmenter: in a cycle, network and graphs would stay on
        # the device until a garbage collection, beside those that are loaded next.
        self._logits: Callable[[Tensor], Tensor] = (
            lambda pixels: network(pixel_values=pixels).logits)
        self._run = self._logits
        self.temperature = _temperature(model)

    def warm_up(self, batch: int = 1) -> None:
        """
        Run the network on grey, so that the first frame finds everything in place.

        On CUDA the network is captured as graphs, see `GraphedNetwork`.

        :param batch: the largest number of frames that will go through the network together.
        :raises ModelError: the logits are not finite, for instance since the weights overflow
            in this precision.
        """
        if self.device.type == 'cuda':
            self._run = GraphedNetwork(
                self._logits, self.input_size, batches=batch, device=self.device,
                dtype=self._dtype)
        for size in range(1, batch + 1):
            grey = torch.zeros(size, 3, *self.input_size, device=self.device, dtype=self._dtype)
            if not torch.isfinite(self.forward(grey)).all():
                raise ModelError(
                    f'the network gives logits that are not finite in {self.precision}; '
                    'use precision fp32, or another checkpoint')

    @torch.inference_mode()
    def preprocess(self, frames: Sequence[Frame]) -> Tensor:
        """
        Resize and normalise frames as the checkpoint's image processor does.

        :param frames: one or more frames, each of any size.
        :return: (B, 3, h, w) on the device, in the network's precision.
        """
        return torch.cat([self._preprocess_one(frame) for frame in frames])

    def _preprocess_one(self, frame: Frame) -> Tensor:
        image = frame.image
        # torch takes neither a view that runs backwards nor one that must not be written to.
        if min(image.strides) < 0 or not image.flags.writeable:
            image = image.copy()
        pixels = torch.from_numpy(image)
        if self.device.type == 'cuda':
            # From pinned memory the copy runs beside what the host does next.
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        pixels = pixels.permute(2, 0, 1)[None]
        if frame.size != self.input_size:
            # PIL, the reference, resizes bytes; torch has bytes on the CPU only.
            whole = pixels if self.device.type == 'cpu' else pixels.float()
            pixels = interpolate(
                whole, size=self.input_size, mode=self._filter, align_corners=False,
                antialias=True)
            if pixels.is_floating_point():
                pixels = pixels.round().clamp(0, 255)
        rgb = pixels[:, frame.rgb_channels].float()
        return (rgb * self._scale + self._offset).to(self._dtype)

    @torch.inference_mode()
    def forward(self, pixels: Tensor) -> Tensor:
        """
        Run the network.

        :param pixels: (B, 3, h, w) from `preprocess`.
        :return: float32 logits (B, C, ceil(h / 4), ceil(w / 4)).
        """
        # A copy where the device's graph would overwrite them with the next frame's.
        return self._run(pixels).to(
            torch.float32, memory_format=torch.contiguous_format, copy=pixels.is_cuda)


def _temperature(model: str) -> float:
    """Return by how much a checkpoint says to soften its softmax values, 1 if it does not say."""
    # The config object lacks it: transformers takes it for a setting of text generation.
    content, _ = SegformerConfig.get_config_dict(find_checkpoint(model))
    temperature = content.get('temperature', 1.0)
    if not (isinstance(temperature, int | float) and 0 < temperature < math.inf):
        raise ModelError(
            f'the temperature in the config of model {model!r} must be a number above 0, '
            f'got {temperature!r}')
    return float(temperature)


def _processor_size(processor) -> tuple[int, int]:
    """Return the (height, width) that an image processor resizes to."""
    size = dict(processor.size)
    if not (processor.do_resize and size.get('height') and size.get('width')):
        raise ModelError(
            f"the checkpoint's image processor names no height and width to resize to ({size}); "
            'set input_size to [height, width]')
    return int(size['height']), int(size['width'])


def _normalisation(processor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (scale, offset), each (1, 3, 1, 1), such that scale * byte + offset is the input."""
    scale = torch.ones(3, dtype=torch.float64)
    offset = torch.zeros(3, dtype=torch.float64)
    if processor.do_rescale:
        scale *= processor.rescale_factor
    if processor.do_normalize:
        std = torch.tensor(processor.image_std, dtype=torch.float64)
        scale /= std
        offset -= torch.tensor(processor.image_mean, dtype=torch.float64) / std
    shape = (1, 3, 1, 1)
    return scale.view(shape).float().to(device), offset.view(shape).float().to(device)
