"""A network behind its preprocessing: camera images in, logits on the model's grid out."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import logging
from threading import Lock
import time

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.checkpoint import FOLDED
from aim_ros.segmentation.checkpoint import is_exported
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.engine import KEPT_SIZES
from aim_ros.segmentation.loading import open_engine
from aim_ros.segmentation.shape import fitting_size
from aim_ros.segmentation.shape import INPUT_PIXELS

_USUAL_CAMERA = (375, 1242)
"""A size of images to try a network on before the first camera is heard."""

_logger = logging.getLogger(__name__)


class Segmenter:
    """
    A network, its preprocessing and its classes, on one engine.

    :param model: a local folder, an ONNX file, the name of a shipped model, or a hub id.
    :param device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``openvino:NAME``.
    :param engine: ``auto``, ``torch``, ``openvino`` or ``onnxruntime``; see `open_engine`.
    :param precision: ``auto`` (fp16 on CUDA, else fp32) or one of `PRECISIONS`.
    :param input_size: (height, width) of the network's input in pixels. Empty or None is the
        camera's own aspect ratio at `input_pixels`; networks of other families than SegFormer
        take the size that their checkpoint names, ONNX files that of their description.
    :param input_pixels: about how many pixels the network's input has where no size is given.
    :param providers: execution providers of ONNX Runtime, the most wanted first.
    :raises ModelError: the model, the device, the engine or the size cannot be used.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str = 'auto',
        engine: str = 'auto',
        precision: str = 'auto',
        input_size: Sequence[int] | None = None,
        input_pixels: int = INPUT_PIXELS,
        providers: Sequence[str] = (),
    ):
        self.model = model
        if input_size and (len(input_size) != 2 or min(input_size) < 32):
            raise ModelError(
                f'input_size must be [height, width] of at least 32 pixels each, got '
                f'{list(input_size)}; SegFormer reduces it 32 times')
        self.description, self.engine = open_engine(
            model, device=device, engine=engine, precision=precision, providers=providers)
        self.labels = self.description.labels
        self.temperature = self.description.temperature
        self.device = self.engine.device
        self.precision = self.engine.precision
        self.input_size = self._choose_size(tuple(input_size or ()))
        self._pixels = input_pixels
        for text in self._without_effect(device, providers):
            _logger.warning('%s', text)
        self._ready: set[tuple[int, int]] = set()
        self._used: tuple[tuple[int, int], ...] = ()
        self._preparing = Lock()
        self._batch = 1
        scale, offset = self.description.normalisation()
        self._scale, self._offset = scale.to(self.device), offset.to(self.device)

    def _without_effect(self, device: str, providers: Sequence[str]) -> Iterator[str]:
        """Say of each setting that was given which engine and model leave it without effect."""
        given = ', '.join(providers)
        if providers and self.engine.name != 'onnxruntime':
            yield (f'execution_providers [{given}] has no effect: the network runs on '
                   f'{self.engine.name}, and providers are those of engine onnxruntime')
        elif providers and device not in ('auto', 'cpu') and not {'cuda', 'tensorrt'} & {
                *providers}:
            yield (f'device {device!r} has no effect: execution_providers [{given}] says where '
                   'the network runs')
        if self._pixels != INPUT_PIXELS and self.input_size is not None:
            height, width = self.input_size
            yield (f'input_pixels {self._pixels} has no effect: the input of the network is '
                   f'{width}x{height}, by input_size or by the model')

    def _choose_size(self, given: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the one size of all inputs; None where it goes by the camera."""
        fixed = self.engine.fixed_size
        # Who wrote an ONNX file's description meant this network; an image processor's size is
        # often the one that it was trained in crops of.
        named = self.description.size if is_exported(self.model) else None
        if fixed is not None:
            if named not in (None, fixed):
                raise ModelError(
                    f'{self.model} takes inputs of {list(fixed)} alone, but its description says '
                    f'input_size {list(named)}; correct it, or leave it out')
            if given and given != fixed:
                raise ModelError(
                    f'{self.model} takes inputs of {list(fixed)} alone, but input_size is '
                    f'{list(given)}; leave it empty, or export for that size')
            return fixed
        if named is not None:
            return given or named
        if given or self.description.family in ('', FOLDED):
            return given or None
        # Other families may have embeddings of positions for one size.
        if self.description.size is None:
            raise ModelError(
                f'the image processor of {self.model} names no height and width to resize to; '
                'set input_size to [height, width]')
        return self.description.size

    def size_for(self, camera: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) of the network's input for images of (height, width)."""
        return self.input_size or fitting_size(camera, self._pixels)

    @property
    def size_text(self) -> str:
        """The sizes that the network's input has had of late, width first, in words."""
        sizes = (self.input_size,) if self.input_size else self._used
        if not sizes:
            return f'as the camera, about {self._pixels} pixels'
        return ', '.join(f'{width}x{height}' for height, width in sorted(sizes))

    def groups(self, frames: Sequence[Frame]) -> list[list[int]]:
        """
        Return which frames are to go through the network together, as indices.

        Frames of different input sizes cannot, and on many engines single ones are faster.
        """
        if not self.engine.batched:
            return [[index] for index in range(len(frames))]
        by_size: dict[tuple[int, int], list[int]] = {}
        for index, frame in enumerate(frames):
            by_size.setdefault(self.size_for(frame.size), []).append(index)
        return list(by_size.values())

    @contextmanager
    def threads(self) -> Iterator[None]:
        """
        Keep torch to one thread while a frame is processed, where it does not run the network.

        What is left to it takes a millisecond or two. OpenMP's threads, which wait for the slowest
        of them, make that a hundred where other processes share the cores.
        """
        before = torch.get_num_threads()
        if self.engine.name != 'torch':
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def warm_up(self, batch: int = 1) -> None:
        """
        Run the network on grey, so that the first frame finds everything in place.

        Where its size goes by the camera, one of a usual camera is tried now, and each other is
        prepared when its first frame comes.

        :param batch: the largest number of frames that will go through the network together.
        :raises ModelError: the network does not take such images, or its logits are not finite,
            for instance since the weights overflow in this precision.
        """
        with self._preparing:
            self._batch = batch
            self._prepare(self.size_for(_USUAL_CAMERA))

    def is_ready(self, size: tuple[int, int]) -> bool:
        """Whether inputs of (height, width) find everything in place."""
        return size in self._ready and self.engine.holds(size)

    def prepare(self, size: tuple[int, int]) -> None:
        """
        Make ready for inputs of (height, width), see `warm_up`; nothing to do where it is.

        Other threads may run the network for other sizes meanwhile.

        :raises ModelError: as `warm_up`.
        """
        with self._preparing:
            if not self.is_ready(size):
                self._prepare(size)

    def _prepare(self, size: tuple[int, int]) -> None:
        started = time.monotonic()
        height, width = size
        try:
            grey = torch.zeros(1, 3, height, width, device=self.device, dtype=self.engine.dtype)
            self.engine.prepare(self._batch, size)
            logits = self.engine(grey)
        except ModelError:
            raise
        # What a network does not take surfaces as one of many types.
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f'the network of {self.model} does not run at input_size [{height}, {width}]: '
                f'{" ".join(str(error).split())[:300]}') from error
        if logits.ndim != 4:
            raise ModelError(
                f'the network of {self.model} gives {tuple(logits.shape)}, not logits on a grid '
                '(B, classes, height, width)')
        if logits.shape[1] != len(self.description.classes):
            raise ModelError(
                f'the network of {self.model} gives {logits.shape[1]} classes, but '
                f'{len(self.description.classes)} are named')
        if not torch.isfinite(logits).all():
            raise ModelError(
                f'the network gives logits that are not finite in {self.precision}; '
                'use precision fp32, or another checkpoint')
        self._require_logits(logits, size)
        self._ready.add(size)
        _logger.info('the network is ready for inputs of %dx%d on %s after %.1f s',
                     width, height, str(self.engine), time.monotonic() - started)

    def _require_logits(self, logits: Tensor, size: tuple[int, int]) -> None:
        """
        Refuse probabilities: the softmax of these is nearly the same for all classes.

        :param logits: of grey.
        :param size: (height, width) of the inputs.
        """
        def are_shares(values: Tensor) -> bool:
            return bool(values.min() >= 0 and 0 < values.max() <= 1)

        if not are_shares(logits):
            return
        noise = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
        if are_shares(self.engine(noise.to(self.device, self.engine.dtype))):
            raise ModelError(
                f'the network of {self.model} gives numbers from 0 to 1 alone, as probabilities '
                'are, and logits are expected: export it without its softmax or sigmoid')

    @torch.inference_mode()
    def preprocess(self, frames: Sequence[Frame]) -> Tensor:
        """
        Resize and normalise frames as the checkpoint's image processor does.

        :param frames: one or more frames of any size, whose inputs have one size.
        :return: (B, 3, h, w) on the device, in the engine's type.
        """
        images = [self._preprocess_one(frame) for frame in frames]
        return images[0] if len(images) == 1 else torch.cat(images)

    def _preprocess_one(self, frame: Frame) -> Tensor:
        image = frame.image
        size = self.size_for(frame.size)
        # torch takes neither a view that runs backwards nor one that must not be written to.
        if min(image.strides) < 0 or not image.flags.writeable:
            image = image.copy()
        pixels = torch.from_numpy(image)
        if self.device.type == 'cuda':
            # From pinned memory the copy runs beside what the host does next.
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        pixels = pixels.permute(2, 0, 1)[None]
        if frame.size != size:
            # PIL, the reference, resizes bytes; torch has bytes on the CPU only.
            whole = pixels if self.device.type == 'cpu' else pixels.float()
            pixels = interpolate(
                whole, size=size, mode=self.description.resample, align_corners=False,
                antialias=True)
            if pixels.is_floating_point():
                pixels = pixels.round().clamp(0, 255)
        channels = frame.rgb_channels
        if self.description.bgr:
            channels = channels[::-1]
        # Indexing by a list takes longer than all the rest.
        if channels == (0, 1, 2):
            pixels = pixels[:, :3]
        elif channels == (2, 1, 0):
            pixels = pixels[:, :3].flip(1)
        else:
            pixels = pixels[:, channels]
        # A frame may be given in the network's size: its layout and memory are the camera's.
        values = pixels.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
        return values.mul_(self._scale).add_(self._offset).to(self.engine.dtype)

    @torch.inference_mode()
    def forward(self, pixels: Tensor) -> Tensor:
        """
        Run the network.

        :param pixels: (B, 3, h, w) from `preprocess`.
        :return: float32 logits (B, C, h', w'), one channel for each of `labels`.
        :raises ModelError: the network does not take this size.
        """
        size = tuple(pixels.shape[2:])
        if size not in self._ready:
            self.prepare(size)
        # Replaced as a whole: another thread may look at it.
        if self._used[-1:] != (size,):
            self._used = (*(other for other in self._used if other != size), size)[-KEPT_SIZES:]
        logits = self.engine(pixels)
        if len(self.description.classes) == 1:
            # A sigmoid's logit is that of its class against a background of 0.
            logits = torch.cat([torch.zeros_like(logits), logits], 1)
        return logits
