"""A checkpoint's logits of images, computed once."""

import argparse
from pathlib import Path

import numpy as np

from aim_ros.experiments.cache import array_checksum
from aim_ros.experiments.cache import ArrayCache
from aim_ros.experiments.cache import folder_checksum
from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.checkpoint import find_checkpoint
from aim_ros.segmentation.engine import ENGINES
from aim_ros.segmentation.segmenter import Segmenter

_VERSION = 3
"""Part of the cache's keys; to be raised when preprocessing or network give other logits."""


class CachedSegmenter:
    """
    A `Segmenter` that remembers its logits on disk.

    :param model: a local folder, the name of a shipped model, or a hub id.
    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    :param engine: ``auto``, ``torch``, ``openvino`` or ``onnxruntime``.
    :param input_size: (height, width) of the network's input; None is the images' own aspect
        ratio, as in the node.
    """

    def __init__(self, model: str, *, device: str = 'auto', engine: str = 'torch',
                 input_size: tuple[int, int] | None = None, cache: str | Path | None = None):
        self._segmenter = Segmenter(model, device=device, engine=engine, input_size=input_size)
        self.labels = self._segmenter.labels
        self.device = self._segmenter.device
        self.temperature = self._segmenter.temperature
        self.cache = ArrayCache(cache)
        self.checksum = checkpoint_checksum(model)

    def logits(self, frame: Frame) -> np.ndarray:
        """Return the logits of a frame on the network's grid, float32 (C, h, w)."""
        key = {
            'version': _VERSION,
            'checkpoint': self.checksum,
            'input_size': list(self._segmenter.size_for(frame.size)),
            'engine': str(self._segmenter.engine),
            'precision': self._segmenter.precision,
            'image': array_checksum(frame.image),
            'encoding': frame.encoding,
        }
        return self.cache.get(key, lambda: self._compute(frame))

    def _compute(self, frame: Frame) -> np.ndarray:
        segmenter = self._segmenter
        return segmenter.forward(segmenter.preprocess([frame]))[0].cpu().numpy()


def checkpoint_checksum(model: str) -> str:
    """Return a sha256 over the files of a checkpoint; one from the hub must have been loaded."""
    folder = Path(find_checkpoint(model))
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(model, local_files_only=True))
    return folder_checksum(folder)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a network: `--model`, `--device`, `--engine` and so on."""
    parser.add_argument(
        '--model', default='segformer-b0-street',
        help='folder of a SegFormer checkpoint, name of a shipped one, or a hub id '
             '(default: %(default)s)')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--engine', default='torch', choices=('auto', *ENGINES),
        help='what runs the network (default: torch, the reference)')
    parser.add_argument(
        '--input-size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
        help="the network's input in pixels (default: the images' own aspect ratio, as in the "
             'node)')


def open_model(arguments: argparse.Namespace) -> CachedSegmenter:
    """Open what the options of `add_model_options` and `--cache` say."""
    size = tuple(arguments.input_size) if arguments.input_size else None
    return CachedSegmenter(
        arguments.model, device=arguments.device, engine=arguments.engine, input_size=size,
        cache=arguments.cache)
