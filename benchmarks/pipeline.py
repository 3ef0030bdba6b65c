"""
A whole frame, from the camera's bytes to mask and alerts: the plain recipe and ours.

recipe       the checkpoint's AutoImageProcessor, the Hugging Face model in eager fp32, its logits
             upsampled to the camera, |noise| added to the four target classes, arg max
network      the same model alone, on the same pixels
network, fp16  its copy in float16, alone, which is what ours computes in there; on CUDA
openvino     that model as OpenVINO converts it, alone; with --peers
onnxruntime  that model as torch exports it to ONNX, on ONNX Runtime, alone; with --peers
our network  the folded network on our engine, alone
ours, ...    `Pipeline.process` without modulation, with `expected` and with `pixel` sampling
ours, torch  the same with `expected` sampling and the folded network on torch, where ours is not

All take turns in one process, on the same threads. B0 with 19 classes is the shipped checkpoint;
the others have random weights, scaled so that their masks vary, which takes as long. Last, the
first setting again while as many other processes as there are cores do nothing but count. Beside
them it counts how torch's threads wait for each other:

torch, threads spin   ours on torch in a process of its own, whose threads wait as torch has it by
                      default: they hold their core
torch, threads sleep  ours on torch here, where `aim_ros.openmp` keeps them from it
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
import ctypes
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import partial
import json
import math
import os
import sys

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
from benchmarks._budget import Budget
from benchmarks._budget import Load
from benchmarks._candidates import Models
from benchmarks._candidates import MODULATIONS
from benchmarks._candidates import open_segmenter
from benchmarks._candidates import Ours
from benchmarks._candidates import peers
from benchmarks._candidates import wants_peers
from benchmarks._common import busy_cores
from benchmarks._common import Case
from benchmarks._common import measure
from benchmarks._common import parser
from benchmarks._common import peak_memory
from benchmarks._common import prepare
from benchmarks._common import ratio
from benchmarks._common import report
from benchmarks._common import Timing
from benchmarks._default_torch import default_torch
from benchmarks._models import ALL
from benchmarks._models import BUSY_GOAL
from benchmarks._models import checkpoint
from benchmarks._models import GOALS
from benchmarks._models import QUICK
from benchmarks._models import Setting
from benchmarks._models import SHIPPED

ALL_MINUTES = 10.0
"""What all settings together may take; the rounds of each are as many as fit."""

KINDS = ('frame', 'cameras', 'busy')
"""Of the cases that there are."""

_PEERS = 4
"""How much longer it takes, roughly, to have a setting's networks ready on other runtimes too."""


def timed(candidates: Mapping[str, Callable[[], object]], options, device: torch.device,
          budget: Budget) -> dict[str, Timing]:
    """Time candidates in turns."""
    return measure(candidates, rounds=options.rounds, memory=False, device=device,
                   seconds=budget.seconds(), notify=budget.notify)


def with_memory(timings: Mapping[str, Timing], candidates: Mapping[str, Callable[[], object]],
                device: torch.device, budget: Budget) -> dict[str, Timing]:
    """Add the peak memory of one more call of each, as if none of it had been kept."""
    measured = {}
    for name, candidate in candidates.items():
        budget.notify(f'memory: {name}')
        if device.type == 'cpu' and sys.platform.startswith('linux'):
            ctypes.CDLL(None).malloc_trim(0)
        measured[name] = replace(timings[name], peak_mib=peak_memory(candidate, device))
    return measured


def frame_case(setting: Setting, models: Models, options, device: torch.device, budget: Budget
               ) -> Case:
    """Time one frame of one camera."""
    budget.notify('loading')
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    model, recipe = models.of(setting)
    recipe.resize_to(setting.network)
    segmenter = open_segmenter(model, setting, options, device)
    pixels = segmenter.preprocess([Frame(image)])
    ours = {name: Ours(Pipeline(segmenter), image, modulation)
            for name, modulation in MODULATIONS.items()}
    if segmenter.engine.name != 'torch':
        torchs = open_segmenter(model, setting, options, device, engine='torch')
        ours['torch'] = Ours(Pipeline(torchs), image, MODULATIONS['expected'])
    others = peers(recipe, setting.network) if wants_peers(setting, options, device) else {}
    candidates = {
        'recipe': lambda: recipe(image),
        'network': partial(recipe.network, pixels.float()),
        **({'network, fp16': partial(recipe.in_float16(), pixels.half())}
           if device.type == 'cuda' else {}),
        **{name: partial(engine, pixels.float()) for name, engine in others.items()},
        'our network': lambda: segmenter.forward(pixels),
        **{f'ours, {name}': candidate for name, candidate in ours.items()},
    }
    timings = timed(candidates, options, device, budget)
    stages = {name: candidate.stages(len(timings['recipe'].seconds))
              for name, candidate in ours.items()}
    timings = with_memory(timings, candidates, device, budget)
    off, expected, pixel = (timings[f'ours, {name}'] for name in MODULATIONS)
    ratios = {
        'ours / network': ratio(expected, timings['network']),
        'recipe / ours': ratio(timings['recipe'], pixel),
        'expected / off': ratio(expected, off),
        'pixel / off': ratio(pixel, off),
        'our network / network': ratio(timings['our network'], timings['network']),
        **{f'ours / {name}': ratio(expected, timings[name])
           for name in (*others, 'network, fp16', 'ours, torch') if name in timings},
    }
    goals = {} if device.type == 'cuda' else {
        name: goal for name, goal in GOALS.get(setting, {}).items() if name in ratios}
    details = {'precision': segmenter.precision, 'engine': str(segmenter.engine),
               'stages_ms': stages,
               'frames_per_second': 1e3 / expected.median_ms,
               'p99_ms': float(np.percentile(expected.seconds, 99)) * 1e3}
    return Case(f'{setting}, {segmenter.engine}', timings, ratios, goals, details)


def busy_case(setting: Setting, options, device: torch.device, budget: Budget) -> Case:
    """Time a frame while other processes keep every core busy."""
    image = next(iter(Street(size=setting.camera, frames=1).frames())).image
    spin, sleep = 'torch, threads spin', 'torch, threads sleep'
    with checkpoint(setting) as model, default_torch(model, setting, options.threads) as spinning:
        ours, sleeping = (
            Ours(Pipeline(open_segmenter(model, setting, options, device, engine)), image,
                 MODULATIONS['expected'])
            for engine in (None, 'torch'))
        candidates = {'ours': ours, spin: spinning, sleep: sleeping}
        with busy_cores(os.cpu_count() or 1):
            timings = timed(candidates, options, device, budget)
    timings[spin] = spinning.timing(timings[spin])
    ratios = {f'ours / {name}': ratio(timings['ours'], timings[name]) for name in (spin, sleep)}
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
    timings = with_memory(timed(candidates, options, device, budget), candidates, device, budget)
    one = timings[f'{cameras[0]} cameras']
    ratios = {f'{count} / {cameras[0]} cameras': ratio(timings[f'{count} cameras'], one)
              for count in cameras[1:]}
    for count in cameras[1:]:
        ratios[f'{count} cameras, torch, together / one by one'] = ratio(
            timings[f'{count} cameras, torch, together'],
            timings[f'{count} cameras, torch, one by one'])
    return Case(f'{setting}, cameras', timings, ratios)


@dataclass
class Run:
    """
    The cases of one run, each begun only where its time is there.

    :param cases: those that were timed.
    :param left_out: the names of those that were not, and why.
    """

    options: argparse.Namespace
    device: torch.device
    cases: list[Case] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    console: Console = field(default_factory=Console)

    def play(self, settings: Sequence[Setting]) -> None:
        """Time all cases, and print each as soon as it is there."""
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn())
        with Progress(*columns, console=self.console) as progress, ExitStack() as stack:
            cases = list(self._cases(settings, Models(stack, self.device)))
            budget = Budget(progress, len(cases), self.options.minutes, self.options.seconds)
            for name, load, make in cases:
                self._add(budget, name, load, partial(make, self.options, self.device, budget))

    def _cases(self, settings: Sequence[Setting], models: Models
               ) -> Iterator[tuple[str, Load, Callable[..., Case]]]:
        """Yield the name and load of each case that is wanted, and what times it."""
        options, on_cpu = self.options, self.device.type == 'cpu'
        if 'frame' in options.only:
            for setting in settings:
                load = setting.load
                if wants_peers(setting, options, self.device):
                    load = replace(load, loading=_PEERS * load.loading)
                yield str(setting), load, partial(frame_case, setting, models)
        last = QUICK[0] if on_cpu else QUICK[-1]
        if 'cameras' in options.only:
            load = Load(last.load.loading, last.load.calls * sum(options.cameras) / 2)
            yield f'{last}, cameras', load, partial(camera_case, last, options.cameras)
        if 'busy' in options.only and on_cpu:
            yield f'{last}, all cores busy', last.load, partial(busy_case, last)

    def _add(self, budget: Budget, name: str, load: Load, make: Callable[[], Case]) -> None:
        if not budget.fits(load):
            self.left_out.append(name)
            budget.skip()
            return
        budget.begin(name, load)
        case = make()
        self.cases.append(case)
        budget.end(case.timings)
        # A run takes minutes, and may be ended before its table.
        times = [f'{name}: {timing.median_ms:.2f} ms' for name, timing in case.timings.items()]
        self.console.print('\n    '.join([case.name, *times, *case.lines()]), highlight=False)

    def report(self) -> None:
        """Print a table of all cases with their stages, and what was left out."""
        report('pipeline', self.cases, self.device, self.options.json)
        for case in self.cases:
            if 'stages_ms' in case.details:
                print(f'{case.name}: ' + json.dumps({
                    name: {stage: round(value, 2) for stage, value in stages.items()}
                    for name, stages in case.details['stages_ms'].items()}))
        for name in self.left_out:
            print(f'{name}: left out, as the time would not have held it')


def main(args: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    command_line = parser(__doc__)
    command_line.add_argument('--all', action='store_true', help='every setting, not only four')
    command_line.add_argument('--settings', type=int, nargs='+', metavar='N',
                              help='numbers of the settings, from 0 (all)')
    command_line.add_argument('--input', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                              help="of the network, in place of the settings' own")
    command_line.add_argument('--only', nargs='+', choices=KINDS, default=KINDS, help='one frame '
                              'of each setting, several cameras, all cores busy (all three)')
    command_line.add_argument('--peers', action='store_true',
                              help='time OpenVINO and ONNX Runtime on the plain export too')
    command_line.add_argument('--minutes', type=float, help='how long all of it may take: what '
                              'does not fit is left out, and named at the end '
                              f'(no limit; {ALL_MINUTES:g} with --all)')
    command_line.add_argument('--seconds', type=float, help='of rounds a setting, instead')
    command_line.add_argument('--precision', default='auto', help='of ours: auto, fp32, ...')
    command_line.add_argument('--cameras', type=int, nargs='+', metavar='N', default=(1, 2, 4),
                              help='sizes of the batches (1 2 4)')
    options = command_line.parse_args(args)
    settings = ALL if options.all else QUICK
    chosen = options.settings or range(len(settings))
    if not all(0 <= number < len(settings) for number in chosen):
        command_line.error(f'--settings takes numbers from 0 to {len(QUICK) - 1}, with --all to '
                           f'{len(ALL) - 1}; got {" ".join(map(str, chosen))}')
    if options.minutes is None:
        options.minutes = ALL_MINUTES if options.all else math.inf
    keep_freed_memory()
    disable_progress_bar()
    run = Run(options, prepare(options))
    wanted = [settings[number] for number in chosen]
    if options.input:
        wanted = [replace(setting, network=tuple(options.input)) for setting in wanted]
    try:
        run.play(wanted)
    finally:
        # Also what there was before it failed, or was interrupted.
        run.report()
    return 0


if __name__ == '__main__':
    sys.exit(main())
