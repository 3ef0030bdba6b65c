"""
What the teacher sees in every frame, computed once and kept on disk.

A folder a source: `probabilities/NAME.npy`, (h, w, 19) float16 on the finest grid of the teacher's
logits, which covers the whole frame, and `labels/NAME.png`, the most probable class of each pixel.
"""

from collections.abc import Callable
from functools import cache
import json
from pathlib import Path

import numpy as np
import openvino
from PIL import Image
import torch
import torch.nn.functional as F

from aim_ros.outputs import whole_file
from aim_ros.training import distillation
from aim_ros.training import efficientvit
from aim_ros.training.config import Config
from aim_ros.training.config import SourceConfig
from aim_ros.training.data import image_paths
from aim_ros.training.labels import IGNORE
from aim_ros.training.sources import LabelledFrame


class Teacher:
    """
    EfficientViT-Seg-B0 under OpenVINO, which takes a ninth of torch's time on a CPU.

    :param weights: the folder of the state dict.
    :param threads: of the CPU; 0: OpenVINO's choice.
    """

    def __init__(self, weights: str | Path, threads: int = 0):
        network = efficientvit.load(weights)
        self._model = openvino.convert_model(
            network, example_input=torch.zeros(1, 3, 64, 96))
        self._options = {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_NUM_THREADS': threads,
                         'INFERENCE_PRECISION_HINT': 'f32'}
        self._core = openvino.Core()
        self._compiled = cache(self._compile)

    def _compile(self, size):
        model = self._model.clone()
        model.reshape([1, 3, *size])  # a fixed size is what makes it fast
        return self._core.compile_model(model, 'CPU', self._options)

    def probabilities(self, image: np.ndarray, zoom: float = 2.0) -> np.ndarray:
        """
        Return the probabilities of an image's classes.

        :param image: (H, W, 3) uint8 RGB.
        :param zoom: the image is enlarged by about this, to multiples of the network's stride.
        :return: (h, w, 19) float32 on a grid over the whole image, h = zoom H / 8 about.
        """
        size = efficientvit.fitting_size(image.shape[:2], zoom)
        enlarged = Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC)
        mean, std = (np.array(v, np.float32) for v in (efficientvit.MEAN, efficientvit.STD))
        pixels = (np.asarray(enlarged, np.float32) / 255 - mean) / std
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        logits = torch.from_numpy(self._compiled(size)(pixels)[0])
        return logits[0].softmax(0).permute(1, 2, 0).contiguous().numpy()


class CropTeacher:
    """
    What a teacher sees in blends of crops, which cannot be computed once.

    Its network is read where the first is shown, so that each process that prepares crops has its
    own.

    :param weights: the folder of the state dict.
    :param zoom: how much larger than the network's the crops are that it is shown.
    :param crop: (height, width) of what the network sees.
    :param threads: of the CPU; 0: OpenVINO's choice.
    :raises ValueError: where its grid would not be the network's.
    """

    def __init__(self, weights: str | Path, zoom: int, crop: tuple[int, int], threads: int = 0):
        self._weights, self._threads = weights, threads
        self._teacher: Teacher | None = None
        if zoom * distillation.STRIDE != efficientvit.LOGITS_STRIDE:
            raise ValueError(f"teacher.zoom is {zoom}: the grid of its logits is the network's "
                             f'at {efficientvit.LOGITS_STRIDE // distillation.STRIDE} alone')
        if any(zoom * side % efficientvit.STRIDE for side in crop):
            raise ValueError(f'augment.crop is {tuple(crop)}: with teacher.zoom={zoom} both sides '
                             f'must be multiples of {efficientvit.STRIDE // zoom}')

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probabilities (h, w, 19) float32 of a crop (H, W, 3) uint8 RGB."""
        if self._teacher is None:
            self._teacher = Teacher(self._weights, self._threads)
        return self._teacher.probabilities(image, zoom=1.0)


def predictor(teacher: Teacher, zoom: float) -> Callable[[LabelledFrame], torch.Tensor]:
    """Return what gives the teacher's logits (C, H, W) of a frame at its own size."""

    def predict(frame: LabelledFrame) -> torch.Tensor:
        grid = torch.from_numpy(teacher.probabilities(frame.image, zoom)).permute(2, 0, 1)[None]
        upsampled = F.interpolate(grid, frame.image.shape[:2], mode='bilinear')[0]
        return upsampled.clamp_min(1e-12).log()

    return predict


def mean_probabilities(teacher: Teacher, image: np.ndarray, zoom: float) -> np.ndarray:
    """
    Return the mean of what a teacher sees of a frame at `distillation.ZOOMS` of a zoom.

    :return: (h, w, 19) float32 on the finest of their grids.
    """
    seen = [torch.from_numpy(teacher.probabilities(image, share * zoom)).permute(2, 0, 1)[None]
            for share in distillation.ZOOMS]
    return distillation.mean_on_finest(seen)[0].permute(1, 2, 0).contiguous().numpy()


def most_probable(probabilities: np.ndarray, size: tuple[int, int], least: float) -> np.ndarray:
    """
    Return the labels (H, W) uint8 of probabilities (h, w, C) upsampled bilinearly to `size`.

    Pixels whose most probable class has less than `least` are 255.
    """
    grid = torch.from_numpy(probabilities.astype(np.float32)).permute(2, 0, 1)[None]
    top, label = F.interpolate(grid, size, mode='bilinear')[0].max(0)
    return label.where(top >= least, IGNORE).numpy().astype(np.uint8)


def compute(config: Config, report: Callable[[str], None] = print) -> None:
    """Compute what is missing of taught sources, to train on and to choose by; the rest stays."""
    if not config.data.computed:
        raise ValueError('data.computed is not set: name the folder to keep the results in')
    teacher = Teacher(config.teacher.weights, config.train.threads)
    unlabelled = [source for source in config.data.choice if source.labels is None]
    for source in (s for s in (*config.data.sources, *unlabelled) if s.taught):
        done = _compute_source(teacher, config, source)
        report(f'{source.name}: {done} frames')


def _note_sizes(folder, source):
    """Note at what sizes the teacher sees the frames of a folder; refuse those of other sizes."""
    note, sizes = folder / 'sizes.json', [share * source.teacher_zoom
                                          for share in distillation.ZOOMS]
    known = json.loads(note.read_text()) if note.exists() else None
    if known != sizes and any((folder / 'labels').iterdir()):
        raise ValueError(f'{folder} holds what the teacher saw at other sizes: remove it, or '
                         'choose another data.computed')
    note.write_text(json.dumps(sizes))


def _compute_source(teacher: Teacher, config: Config, source: SourceConfig) -> int:
    folder = Path(config.data.computed) / source.name
    for kind in ('probabilities', 'labels'):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    _note_sizes(folder, source)
    done = 0
    for path in image_paths(config.data.root, source):
        labels_path = folder / 'labels' / f'{path.stem}.png'
        if labels_path.exists():
            continue
        image = np.asarray(Image.open(path).convert('RGB'))
        found = mean_probabilities(teacher, image, source.teacher_zoom).astype(np.float16)
        np.save(folder / 'probabilities' / f'{path.stem}.npy', found)
        labels = most_probable(found, image.shape[:2], config.teacher.least)
        # Last, and whole: what is there marks the frame as done.
        with whole_file(labels_path) as partial:
            Image.fromarray(labels).save(partial, format='PNG')
        done += 1
    return done
