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
import time

import numpy as np
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
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
ALL_MINUTES = 10.0
"""What all settings together may take; the rounds of each are as many as fit."""


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


class Budget:
    """
    What is left of the time for all cases, and a bar that shows it.

    :param progress: of rich.
    :param cases: how many there are.
    :param minutes: that all of them may take; rounds take half of it, as loading, converting and
        warming up do.
    :param seconds: of the rounds of each case instead.
    """

    def __init__(self, progress: Progress, cases: int, minutes: float, seconds: float | None):
        self._end = time.monotonic() + minutes * 60
        self._left = cases
        self._fixed = seconds
        self._name = ''
        self._progress = progress
        self._task = progress.add_task('', total=cases)

    def seconds(self) -> float:
        """Return for how long the present case may begin rounds, see `measure`."""
        if self._fixed is not None:
            return self._fixed
        return max(0.0, self._end - time.monotonic()) / self._left / 2

    def begin(self, name: str) -> None:
        """Note which case comes."""
        self._name = name
        self.notify('')

    def notify(self, text: str) -> None:
        """Show what is being done."""
        self._progress.update(self._task, description=f'{self._name}: {text}')

    def end(self) -> None:
        """Note that the present case is done."""
        self._left -= 1
        self._progress.advance(self._task)


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
        # The last call measured memory.
        return {stage: statistics.median(lap[stage] for lap in self.laps[-rounds - 1:-1])
                for stage in STAGES}


def timed(candidates: Mapping[str, Callable[[], object]], options, device: torch.device,
          budget: Budget) -> dict[str, Timing]:
    """Time candidates in turns, and measure their peak memory as if none of it had been kept."""
    timings = measure(candidates, rounds=options.rounds, memory=False, device=device,
                      seconds=budget.seconds(), notify=budget.notify)
    for name, candidate in candidates.items():
        budget.notify(f'memory: {name}')
        if device.type == 'cpu' and sys.platform.startswith('linux'):
            ctypes.CDLL(None).malloc_trim(0)
        timings[name] = replace(timings[name], peak_mib=peak_memory(candidate, device))
    return timings


def frame_case(setting: Setting, model: str, recipe: Recipe, options, device: torch.device,
               budget: Budget) -> Case:
    """Time one frame of one camera."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    budget.notify('loading')
    recipe.resize_to(setting.network)
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
    }, options, device, budget)
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


def busy_case(setting: Setting, options, device: torch.device, budget: Budget) -> Case:
    """Time a frame while other processes keep every core busy."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    with checkpoint(setting) as model:
        candidates = {
            name: Ours(Pipeline(open_segmenter(model, setting, options, device, engine)), image,
                       MODULATIONS['expected'])
            for name, engine in (('ours', None), ('ours, torch', 'torch'))}
    with busy_cores():
        timings = measure(candidates, rounds=options.rounds, memory=False, device=device,
                          seconds=budget.seconds(), notify=budget.notify)
    ratios = {'ours / ours, torch': ratio(timings['ours'], timings['ours, torch'])}
    return Case(f'{setting}, all cores busy', timings, ratios, BUSY_GOAL)


def camera_case(setting: Setting, cameras: Sequence[int], options, device: torch.device,
                budget: Budget) -> Case:
    """Time the frames of several cameras as the pipeline parts them, and always together."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    with checkpoint(setting) as model:
        pipeline = Pipeline(Segmenter(
            model, device=str(device), engine=options.engine, precision=options.precision,
            input_size=setting.network))
    pipeline.warm_up(max(cameras))
    torchs = Pipeline(Segmenter(
        SHIPPED, device=str(device), engine='torch', input_size=setting.network))
    torchs.warm_up(max(cameras))
    candidates: dict[str, Callable[[], object]] = {
        f'{count} cameras': Ours(pipeline, image, MODULATIONS['expected'], count)
        for count in cameras}
    for count in cameras[1:]:
        for name, one_by_one in (('one by one', True), ('together', False)):
            candidates[f'{count} cameras, torch, {name}'] = Ours(
                torchs, image, MODULATIONS['expected'], count, one_by_one=one_by_one)
    timings = timed(candidates, options, device, budget)
    one = timings[f'{cameras[0]} cameras']
    ratios = {f'{count} / {cameras[0]} cameras': ratio(timings[f'{count} cameras'], one)
              for count in cameras[1:]}
    for count in cameras[1:]:
        ratios[f'{count} cameras, torch, together / one by one'] = ratio(
            timings[f'{count} cameras, torch, together'],
            timings[f'{count} cameras, torch, one by one'])
    return Case(f'{setting}, cameras', timings, ratios)


def run(settings: Sequence[Setting], options, device: torch.device) -> list[Case]:
    """Time all cases, each checkpoint loaded once, and print each as soon as it is there."""
    console = Console()
    cases: list[Case] = []
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        on_cpu = device.type == 'cpu'
        budget = Budget(progress, len(settings) + 1 + on_cpu, options.minutes, options.seconds)

        def add(name: str, make: Callable[[], Case]) -> None:
            budget.begin(name)
            cases.append(make())
            # A run takes minutes, and may be ended before its table.
            console.print('\n    '.join([cases[-1].name, *cases[-1].lines()]), highlight=False)
            budget.end()

        by_model = itertools.groupby(
            settings, key=lambda setting: (setting.model, setting.classes))
        for _, group in by_model:
            alike = list(group)
            with checkpoint(alike[0]) as model:
                recipe = Recipe(model, device)
                for setting in alike:
                    add(str(setting), partial(
                        frame_case, setting, model, recipe, options, device, budget))
        last = QUICK[0] if on_cpu else QUICK[-1]
        add('cameras', partial(camera_case, last, options.cameras, options, device, budget))
        if on_cpu:
            add('all cores busy', partial(busy_case, QUICK[0], options, device, budget))
    return cases


def main(args: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    command_line = parser(__doc__)
    command_line.add_argument('--all', action='store_true', help='every setting, not only four')
    command_line.add_argument('--settings', type=int, nargs='+', metavar='N',
                              help='numbers of the settings, from 0 (all)')
    command_line.add_argument('--peers', action='store_true',
                              help='time OpenVINO and ONNX Runtime on the plain export too')
    command_line.add_argument('--minutes', type=float, help='about how long all of it may take '
                              f'(no limit; {ALL_MINUTES:g} with --all)')
    command_line.add_argument('--seconds', type=float, help='of rounds a setting, instead')
    command_line.add_argument('--precision', default='auto', help='of ours: auto, fp32, ...')
    command_line.add_argument('--cameras', type=int, nargs='+', metavar='N', default=(1, 2, 4),
                              help='sizes of the batches (1 2 4)')
    options = command_line.parse_args(args)
    keep_freed_memory()
    disable_progress_bar()
    device = prepare(options)
    settings = ALL if options.all else QUICK
    if options.minutes is None:
        options.minutes = ALL_MINUTES if options.all else math.inf
    cases = run([settings[index] for index in options.settings or range(len(settings))],
                options, device)
    report('pipeline', cases, device, options.json)
    for case in cases:
        if 'stages_ms' in case.details:
            print(f'{case.name}: ' + json.dumps({
                name: {stage: round(value, 2) for stage, value in stages.items()}
                for name, stages in case.details['stages_ms'].items()}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
