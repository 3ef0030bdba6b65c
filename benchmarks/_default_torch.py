"""
Ours on torch whose threads wait as torch's users have it: they spin.

libgomp reads how its threads wait once, as torch is imported, and importing `benchmarks` says that
they sleep. So this runs in a process of its own, which imports torch first. Each line on its
standard input is a frame to process, each line on its output what that took.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from dataclasses import replace
import json
import os
from pathlib import Path
import subprocess
import sys
import time

import torch

from aim_ros.media.street import Street
from aim_ros.openmp import VARIABLES
from aim_ros.perception.memory import keep_freed_memory
from aim_ros.perception.pipeline import Pipeline
from aim_ros.segmentation.segmenter import Segmenter
from benchmarks._candidates import MODULATIONS
from benchmarks._candidates import Ours
from benchmarks._common import Timing
from benchmarks._models import Setting

PROGRAM = 'import torch; from benchmarks._default_torch import serve; serve()'


class DefaultTorch:
    """
    A frame on torch in another process, see `default_torch`.

    :param process: one that runs `serve`.
    """

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self._took: list[tuple[float, float]] = []

    def __call__(self) -> None:
        """
        Process one frame there.

        :raises RuntimeError: the process ended; what it had to say is on standard error.
        """
        try:
            self._process.stdin.write('frame\n')
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            raise RuntimeError('the process with torch as it is by default has ended')
        self._took.append(tuple(json.loads(line)))

    def timing(self, measured: Timing) -> Timing:
        """Return what the other process measured itself, in place of what was seen from here."""
        seconds, cpu_seconds = zip(*self._took[-len(measured.seconds):], strict=True)
        return replace(measured, seconds=seconds, cpu_seconds=cpu_seconds)


@contextmanager
def default_torch(model: str, setting: Setting, threads: int | None) -> Iterator[DefaultTorch]:
    """
    Start a process with torch as it is by default, and end it.

    :param model: the checkpoint.
    :param setting: sizes of network and camera.
    :param threads: of torch; None for its own choice.
    """
    given = json.dumps({'model': model, 'setting': asdict(setting), 'threads': threads})
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    process = subprocess.Popen(
        [sys.executable, '-c', PROGRAM, given], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=environment, cwd=Path(__file__).resolve().parents[1])
    try:
        yield DefaultTorch(process)
    finally:
        process.kill()
        process.communicate()


def serve() -> None:
    """Process a frame for each line of standard input, and write (seconds, CPU seconds) of it."""
    given = json.loads(sys.argv[1])
    setting = Setting(**given['setting'])
    if given['threads']:
        torch.set_num_threads(given['threads'])
    keep_freed_memory()
    image = next(iter(Street(size=tuple(setting.camera), frames=1).frames())).image
    segmenter = Segmenter(given['model'], device='cpu', engine='torch',
                          input_size=setting.network)
    pipeline = Pipeline(segmenter)
    pipeline.warm_up()
    frame = Ours(pipeline, image, MODULATIONS['expected'])
    for _ in sys.stdin:
        start, before = time.perf_counter(), time.process_time()
        frame()
        print(json.dumps([time.perf_counter() - start, time.process_time() - before]), flush=True)
