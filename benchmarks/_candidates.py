"""What `pipeline` compares: the usual recipe, its network on other runtimes, and ours."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
import copy
import itertools
from pathlib import Path
import statistics
import tempfile

import numpy as np
import torch
from torch.nn.functional import interpolate
from transformers import AutoImageProcessor
from transformers import SegformerForSemanticSegmentation

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import Modulation
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.pipeline import STAGES
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.checkpoint import find_checkpoint
from aim_ros.segmentation.checkpoint import LogitsOnly
from aim_ros.segmentation.description import Description
from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.segmenter import Segmenter
from benchmarks._models import checkpoint
from benchmarks._models import GOALS
from benchmarks._models import Setting

TARGETS = (11, 12, 17, 18)  # person, rider, motorcycle, bicycle
SIGMA = 1.0
MODULATIONS = {
    'off': Modulation(),
    'expected': Modulation(tuple((target, 1) for target in TARGETS), SIGMA),
    'pixel': Modulation(tuple((target, 1) for target in TARGETS), SIGMA, 'pixel'),
}


class Recipe:
    """What `transformers`' documentation and the published code do, on the same device."""

    def __init__(self, model: str, device: torch.device):
        self._folder = find_checkpoint(model)
        self._model = SegformerForSemanticSegmentation.from_pretrained(
            self._folder).eval().to(device)
        self._device = device
        self._processor = None

    def resize_to(self, network: tuple[int, int]) -> None:
        """Let images be resized to (height, width) from now on."""
        height, width = network
        self._processor = AutoImageProcessor.from_pretrained(
            self._folder, size={'height': height, 'width': width})

    def plain(self) -> LogitsOnly:
        """Return the model as others convert it."""
        return LogitsOnly(self._model)

    @torch.inference_mode()
    def network(self, pixels: torch.Tensor) -> torch.Tensor:
        """Run the model alone."""
        return self._model(pixel_values=pixels).logits

    def in_float16(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Return what runs a copy of the model alone, in float16."""
        model = copy.deepcopy(self._model).half()
        return torch.inference_mode()(lambda pixels: model(pixel_values=pixels).logits)

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the mask of an RGB image under focus modulation."""
        inputs = self._processor(images=image, return_tensors='pt').to(self._device)
        logits = interpolate(
            self.network(inputs['pixel_values']), size=image.shape[:2], mode='bilinear',
            align_corners=False)[0]
        for target in TARGETS:
            logits[target] += torch.normal(
                0.0, SIGMA, logits.shape[1:], device=self._device).abs()
        return logits.argmax(0).cpu().numpy()


def peers(recipe: Recipe, network: tuple[int, int]) -> dict[str, Engine]:
    """Return the recipe's model as other runtimes take it, alone."""
    # Only here, since neither need be installed.
    from aim_ros.segmentation.engines.onnxruntime import OnnxRuntimeEngine
    from aim_ros.segmentation.engines.openvino import convert
    from aim_ros.segmentation.engines.openvino import OpenVinoEngine
    from aim_ros.segmentation.export import write_onnx

    model, engines = recipe.plain(), {}
    with tempfile.TemporaryDirectory() as folder:
        openvino_path, onnx_path = Path(folder, 'plain.xml'), Path(folder, 'plain.onnx')
        convert(model, openvino_path)
        engines['openvino'] = OpenVinoEngine(openvino_path)
        description = Description(CITYSCAPES.names, (0.0,) * 3, (1.0,) * 3)
        write_onnx(model, description, onnx_path, size=network)
        engines['onnxruntime'] = OnnxRuntimeEngine(onnx_path)
    return engines


def wants_peers(setting: Setting, options, device: torch.device) -> bool:
    """Return whether a setting is timed on other runtimes too: converting takes its time."""
    goals = GOALS.get(setting, {})
    return options.peers and device.type == 'cpu' and 'ours / openvino' in goals


class Models:
    """
    The checkpoint and the recipe of one model at a time, made when they are first asked for.

    :param stack: ends the last checkpoint.
    :param device: of the recipe.
    """

    def __init__(self, stack: ExitStack, device: torch.device):
        self._stack = stack
        self._device = device
        self._present: tuple[str, int] | None = None
        self._model = ''
        self._recipe: Recipe | None = None

    def of(self, setting: Setting) -> tuple[str, Recipe]:
        """Return the checkpoint of a setting, and the recipe for it."""
        wanted = setting.model, setting.classes
        if wanted != self._present:
            self._stack.close()
            self._present = self._recipe = None
            self._model = self._stack.enter_context(checkpoint(setting))
            self._recipe = Recipe(self._model, self._device)
            self._present = wanted
        return self._model, self._recipe


def open_segmenter(model: str, setting: Setting, options: argparse.Namespace,
                   device: torch.device, engine: str | None = None) -> Segmenter:
    """Return a segmenter of a checkpoint that is ready for a setting's frames."""
    segmenter = Segmenter(
        model, device=str(device), engine=engine or options.engine, precision=options.precision,
        input_size=setting.network)
    Pipeline(segmenter).warm_up()
    return segmenter


class Ours:
    """
    The pipeline under one modulation, for a number of cameras at once.

    :param one_by_one: whether frames go alone, or all together; None for the pipeline's choice.
    """

    def __init__(self, pipeline: Pipeline, image: np.ndarray, modulation: Modulation,
                 cameras: int = 1, *, one_by_one: bool | None = None):
        self._one_by_one = one_by_one
        self.laps: list[dict[str, float]] = []
        self._pipeline = pipeline
        self._image = image
        self._settings = Settings(1, 'benchmark', modulation, AlertSettings(TARGETS))
        self._names = [f'camera{i}' for i in range(cameras)]
        self._stamps = itertools.count(0, 100_000_000)

    def __call__(self) -> None:
        """Process one frame of each camera."""
        stamp = next(self._stamps)
        frames = [Frame(self._image, 'rgb8', name, stamp) for name in self._names]
        groups = self._pipeline.groups(frames)
        if self._one_by_one is not None:
            groups = [[frame] for frame in frames] if self._one_by_one else [frames]
        for group in groups:
            results = self._pipeline.process(group, self._settings)
        self.laps.append(results[0].latency_ms)

    def stages(self, rounds: int) -> dict[str, float]:
        """Return the median milliseconds of each stage over the last rounds."""
        return {stage: statistics.median(lap[stage] for lap in self.laps[-rounds:])
                for stage in STAGES}
