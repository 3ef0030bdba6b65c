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
from collections.abc import Mapping
from collections.abc import Sequence
import ctypes
from dataclasses import replace
from functools import partial
import itertools
import json
import math
import sys
import time

import numpy as np
from rich.console import Console
from rich.progress import BarColumn
from rich.progress import MofNCompleteColumn
from rich.progress import Progress
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
import torch
from transformers.utils.logging import disable_progress_bar

from aim_ros.imaging.frame import Frame
from aim_ros.media.street import Street
from aim_ros.perception.memory import keep_freed_memory
from aim_ros.perception.pipeline import Pipeline
from aim_ros.segmentation.segmenter import Segmenter
from benchmarks._candidates import busy_cores
from benchmarks._candidates import MODULATIONS
from benchmarks._candidates import Ours
from benchmarks._candidates import peers
from benchmarks._candidates import Recipe
from benchmarks._common import Case
from benchmarks._common import measure
from benchmarks._common import parser
from benchmarks._common import peak_memory
from benchmarks._common import prepare
from benchmarks._common import ratio
from benchmarks._common import report
from benchmarks._common import Timing
from benchmarks._models import ALL
from benchmarks._models import BUSY_GOAL
from benchmarks._models import checkpoint
from benchmarks._models import GOALS
from benchmarks._models import QUICK
from benchmarks._models import Setting
from benchmarks._models import SHIPPED

ALL_MINUTES = 10.0
"""What all settings together may take; the rounds of each are as many as fit."""


class Budget:
    """
    What is left of the time for all cases, and a bar that shows it.

    :param progress: of rich.
    :param cases: how many there are.
    :param minutes: that all of them may take; rounds take half of it, as loading, converting and
        warming up do. A case for which no time is left is not begun.
    :param seconds: of the rounds of each case instead.
    """

    def __init__(self, progress: Progress, cases: int, minutes: float, seconds: float | None):
        self._end = time.monotonic() + minutes * 60
        self._began = self._longest = 0.0
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

    @property
    def is_over(self) -> bool:
        """Whether the time is too short for another case, if it takes as long as the longest."""
        return time.monotonic() + self._longest > self._end

    def begin(self, name: str) -> None:
        """Note which case comes."""
        self._name = name
        self._began = time.monotonic()
        self.notify('')

    def notify(self, text: str) -> None:
        """Show what is being done."""
        self._progress.update(self._task, description=f'{self._name}: {text}')

    def end(self) -> None:
        """Note that the present case is done."""
        self._longest = max(self._longest, time.monotonic() - self._began)
        self.skip()

    def skip(self) -> None:
        """Note that a case is not timed, or done."""
        self._left -= 1
        self._progress.advance(self._task)


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
            if budget.is_over:
                console.print(f'{name}: left out, the time is over', highlight=False)
                budget.skip()
                return
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
    command_line.add_argument('--minutes', type=float, help='how long all of it may take: what '
                              'does not fit is left out '
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
