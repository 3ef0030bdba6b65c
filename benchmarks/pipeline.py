"""
A whole frame, from the camera's bytes to mask and alerts: the plain recipe and ours.

recipe       the checkpoint's AutoImageProcessor, the Hugging Face model in eager fp32, its logits
             upsampled to the camera, |noise| added to the four target classes, arg max
network      the same model alone, on the same pixels
openvino     that model as OpenVINO converts it, alone; with --peers
onnxruntime  that model as torch exports it to ONNX, on ONNX Runtime, alone; with --peers
our network  the folded network on our engine, alone
ours, ...    `Pipeline.process` without modulation, with `expected` and with `pixel` sampling
ours, torch  the same with `expected` sampling and the folded network on torch

All take turns in one process, on the same threads. B0 with 19 classes is the shipped checkpoint;
the others have random weights, scaled so that their masks vary, which takes as long. Last, the
first setting again while as many other processes as there are cores do nothing but count.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
import ctypes
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
import itertools
import json
import math
import os
from pathlib import Path
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch.nn.functional import interpolate
from transformers import AutoImageProcessor
from transformers import SegformerConfig
from transformers import SegformerForSemanticSegmentation
from transformers.utils.logging import disable_progress_bar

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.imaging.frame import Frame
from aim_ros.media.street import Street
from aim_ros.modulation import Modulation
from aim_ros.perception.memory import keep_freed_memory
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.pipeline import STAGES
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.checkpoint import find_checkpoint
from aim_ros.segmentation.checkpoint import LogitsOnly
from aim_ros.segmentation.description import Description
from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.segmenter import Segmenter
from benchmarks._common import Case
from benchmarks._common import measure
from benchmarks._common import parser
from benchmarks._common import peak_memory
from benchmarks._common import prepare
from benchmarks._common import ratio
from benchmarks._common import report
from benchmarks._common import Timing

SHIPPED = 'segformer-b0-street'
TARGETS = (11, 12, 17, 18)  # person, rider, motorcycle, bicycle
SIGMA = 1.0
MODULATIONS = {
    'off': Modulation(),
    'expected': Modulation(tuple((target, 1) for target in TARGETS), SIGMA),
    'pixel': Modulation(tuple((target, 1) for target in TARGETS), SIGMA, 'pixel'),
}
SIZES = {
    'b0': {'hidden_sizes': [32, 64, 160, 256], 'depths': [2, 2, 2, 2], 'decoder_hidden_size': 256},
    'b2': {'hidden_sizes': [64, 128, 320, 512], 'depths': [3, 4, 6, 3],
           'decoder_hidden_size': 768},
}


@dataclass(frozen=True)
class Setting:
    """A model, its number of classes, and the (height, width) of network and camera."""

    model: str
    classes: int
    network: tuple[int, int]
    camera: tuple[int, int]

    def __str__(self) -> str:
        camera, network = (f'{width}x{height}' for height, width in (self.camera, self.network))
        return f'{self.model.upper()}, {self.classes} classes, {camera} at {network}'


KITTI, LARGE = (375, 1242), (1200, 1920)
QUICK = (
    Setting('b0', 19, (192, 640), KITTI),
    Setting('b0', 19, (384, 1248), KITTI),
    Setting('b2', 150, (384, 1248), KITTI),
    Setting('b0', 19, (512, 512), LARGE),
)
ALL = tuple(
    Setting(model, classes, network, camera)
    for model, classes, (network, camera) in itertools.product(
        SIZES, (19, 150), (((192, 640), KITTI), ((384, 1248), KITTI), ((512, 512), LARGE))))


# The most that a ratio may be; the least, negative, where more is better. For the CPU.
GOALS = {
    QUICK[0]: {'ours / network': 0.18, 'ours / openvino': 0.5, 'recipe / ours': -10},
    QUICK[1]: {'ours / network': 0.16, 'ours / openvino': 0.5},
    QUICK[2]: {'ours / network': 0.3},
}
BUSY_GOAL = {'ours / ours, torch': 0.4}
ALL_SECONDS = 25.0


@contextmanager
def checkpoint(setting: Setting) -> Iterator[str]:
    """Give the name or folder of a checkpoint of such a model."""
    if (setting.model, setting.classes) == ('b0', 19):
        yield SHIPPED
        return
    names = (CITYSCAPES.names if setting.classes == 19
             else [f'class {i}' for i in range(setting.classes)])
    torch.manual_seed(0)
    network = SegformerForSemanticSegmentation(SegformerConfig(
        **SIZES[setting.model], id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)})).eval()
    with torch.no_grad():
        image = interpolate(torch.randn(1, 3, 12, 40), size=(192, 640), mode='bicubic')
        logits = network(image).logits[0]
        classifier = network.decode_head.classifier
        scale = 3 / logits.std((1, 2)).mean()
        classifier.weight.mul_(scale)
        classifier.bias.copy_(-scale * (logits.mean((1, 2)) - classifier.bias))
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        name = 'preprocessor_config.json'
        Path(folder, name).write_text(Path(find_checkpoint(SHIPPED), name).read_text())
        yield folder


class Recipe:
    """What `transformers`' documentation and the published code do, on the same device."""

    def __init__(self, model: str, setting: Setting, device: torch.device):
        folder = find_checkpoint(model)
        height, width = setting.network
        self._processor = AutoImageProcessor.from_pretrained(
            folder, size={'height': height, 'width': width})
        self._model = SegformerForSemanticSegmentation.from_pretrained(folder).eval().to(device)
        self._device = device

    def plain(self) -> LogitsOnly:
        """Return the model as others convert it."""
        return LogitsOnly(self._model)

    @torch.inference_mode()
    def network(self, pixels: torch.Tensor) -> torch.Tensor:
        """Run the model alone."""
        return self._model(pixel_values=pixels).logits

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


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with other processes."""
    count = os.cpu_count() or 1
    others = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


class Ours:
    """The pipeline under one modulation, for a number of cameras at once."""

    def __init__(self, pipeline: Pipeline, image: np.ndarray, modulation: Modulation,
                 cameras: int = 1):
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
        for group in self._pipeline.groups(frames):
            results = self._pipeline.process(group, self._settings)
        self.laps.append(results[0].latency_ms)

    def stages(self, rounds: int) -> dict[str, float]:
        """Return the median milliseconds of each stage over the last rounds."""
        # The last call measured memory.
        return {stage: statistics.median(lap[stage] for lap in self.laps[-rounds - 1:-1])
                for stage in STAGES}


def timed(candidates: Mapping[str, Callable[[], object]], options, device: torch.device
          ) -> dict[str, Timing]:
    """Time candidates in turns, and measure their peak memory as if none of it had been kept."""
    timings = measure(candidates, rounds=options.rounds, memory=False, device=device,
                      seconds=options.seconds)
    for name, candidate in candidates.items():
        if device.type == 'cpu' and sys.platform.startswith('linux'):
            ctypes.CDLL(None).malloc_trim(0)
        timings[name] = replace(timings[name], peak_mib=peak_memory(candidate, device))
    return timings


def frame_case(setting: Setting, options, device: torch.device) -> Case:
    """Time one frame of one camera."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    with checkpoint(setting) as model:
        recipe = Recipe(model, setting, device)
        segmenter = open_segmenter(model, setting, options, device)
        torchs = open_segmenter(model, setting, options, device, engine='torch')
    pixels = segmenter.preprocess([Frame(image)])
    ours = {name: Ours(Pipeline(segmenter), image, modulation)
            for name, modulation in MODULATIONS.items()}
    ours['torch'] = Ours(Pipeline(torchs), image, MODULATIONS['expected'])
    others = peers(recipe, setting.network) if wants_peers(setting, options, device) else {}
    timings = timed({
        'recipe': lambda: recipe(image),
        'network': lambda: recipe.network(pixels.float()),
        **{name: partial(engine, pixels.float()) for name, engine in others.items()},
        'our network': lambda: segmenter.forward(pixels),
        **{f'ours, {name}': candidate for name, candidate in ours.items()},
    }, options, device)
    off, expected, pixel = (timings[f'ours, {name}'] for name in MODULATIONS)
    ratios = {
        'ours / network': ratio(expected, timings['network']),
        'recipe / ours': ratio(timings['recipe'], pixel),
        'expected / off': ratio(expected, off),
        'pixel / off': ratio(pixel, off),
        'our network / network': ratio(timings['our network'], timings['network']),
        'ours / ours, torch': ratio(expected, timings['ours, torch']),
        **{f'ours / {name}': ratio(expected, timings[name]) for name in others},
    }
    goals = {} if device.type == 'cuda' else {
        name: goal for name, goal in GOALS.get(setting, {}).items() if name in ratios}
    details = {'precision': segmenter.precision, 'engine': str(segmenter.engine),
               'stages_ms': {name: candidate.stages(options.rounds)
                             for name, candidate in ours.items()},
               'frames_per_second': 1e3 / expected.median_ms,
               'p99_ms': float(np.percentile(expected.seconds, 99)) * 1e3}
    return Case(f'{setting}, {segmenter.engine}', timings, ratios, goals, details)


def open_segmenter(model: str, setting: Setting, options, device: torch.device,
                   engine: str | None = None) -> Segmenter:
    """Return a segmenter of a checkpoint that is ready for a setting's frames."""
    segmenter = Segmenter(
        model, device=str(device), engine=engine or options.engine, precision=options.precision,
        input_size=setting.network)
    Pipeline(segmenter).warm_up()
    return segmenter


def wants_peers(setting: Setting, options, device: torch.device) -> bool:
    """Return whether a setting is timed on other runtimes too: converting takes its time."""
    goals = GOALS.get(setting, {})
    return options.peers and device.type == 'cpu' and 'ours / openvino' in goals


def busy_case(setting: Setting, options, device: torch.device) -> Case:
    """Time a frame while other processes keep every core busy."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    with checkpoint(setting) as model:
        candidates = {
            name: Ours(Pipeline(open_segmenter(model, setting, options, device, engine)), image,
                       MODULATIONS['expected'])
            for name, engine in (('ours', None), ('ours, torch', 'torch'))}
    with busy_cores():
        timings = measure(candidates, rounds=options.rounds, memory=False, device=device,
                          seconds=options.seconds)
    ratios = {'ours / ours, torch': ratio(timings['ours'], timings['ours, torch'])}
    return Case(f'{setting}, all cores busy', timings, ratios, BUSY_GOAL)


def camera_case(setting: Setting, cameras: Sequence[int], options, device: torch.device) -> Case:
    """Time the frames of several cameras, together where our engine does that."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    with checkpoint(setting) as model:
        pipeline = Pipeline(Segmenter(
            model, device=str(device), engine=options.engine, precision=options.precision,
            input_size=setting.network))
    pipeline.warm_up(max(cameras))
    timings = timed(
        {f'{count} cameras': Ours(pipeline, image, MODULATIONS['expected'], count)
         for count in cameras}, options, device)
    one = timings[f'{cameras[0]} cameras']
    ratios = {f'{count} / {cameras[0]} cameras': ratio(timings[f'{count} cameras'], one)
              for count in cameras[1:]}
    return Case(f'{setting}, cameras', timings, ratios)


def main(args: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    command_line = parser(__doc__)
    command_line.add_argument('--all', action='store_true', help='every setting, not only four')
    command_line.add_argument('--settings', type=int, nargs='+', metavar='N',
                              help='numbers of the settings, from 0 (all)')
    command_line.add_argument('--peers', action='store_true',
                              help='time OpenVINO and ONNX Runtime on the plain export too')
    command_line.add_argument('--seconds', type=float, help='most seconds a setting, from its '
                              f'third round on (no limit; {ALL_SECONDS:g} with --all)')
    command_line.add_argument('--precision', default='auto', help='of ours: auto, fp32, ...')
    command_line.add_argument('--cameras', type=int, nargs='+', metavar='N', default=(1, 2, 4),
                              help='sizes of the batches (1 2 4)')
    options = command_line.parse_args(args)
    if options.seconds is None:
        options.seconds = ALL_SECONDS if options.all else math.inf
    keep_freed_memory()
    disable_progress_bar()
    device = prepare(options)
    settings = ALL if options.all else QUICK
    chosen = [settings[index] for index in options.settings or range(len(settings))]
    cases = []
    for setting in chosen:
        cases.append(frame_case(setting, options, device))
        # A run takes minutes, and may be ended before its table.
        print('\n    '.join([cases[-1].name, *cases[-1].lines()]), flush=True)
    last = QUICK[0] if device.type == 'cpu' else QUICK[-1]
    cases.append(camera_case(last, options.cameras, options, device))
    if device.type == 'cpu':
        cases.append(busy_case(QUICK[0], options, device))
    report('pipeline', cases, device, options.json)
    for case in cases:
        if 'stages_ms' in case.details:
            print(f'{case.name}: ' + json.dumps({
                name: {stage: round(value, 2) for stage, value in stages.items()}
                for name, stages in case.details['stages_ms'].items()}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
