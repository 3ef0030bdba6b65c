"""
Recordings: `process_bag` against the network alone, and a Ray cluster of two workers against it.

network   the engine alone, on the preprocessed frames of the drive
process   the command's own work on the drive as a recording: reading, decode, alerts, writing
workers   the time of `process_bag --ray --workers 2` beside that of one process, each with several
          copies of the drive; starting the cluster and loading the network count (`--ray`)

Frames of all candidates are the same ones; they take turns.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
import os
from pathlib import Path
import shutil
import sys
import tempfile
import time

from aim_ros.media.rosbag import write_bag
from aim_ros.media.sources import open_source
from aim_ros.recordings.one_process import process_here
from aim_ros.recordings.options import Options
from aim_ros.recordings.processor import Processor
from benchmarks._common import Case
from benchmarks._common import measure
from benchmarks._common import parser
from benchmarks._common import prepare
from benchmarks._common import ratio
from benchmarks._common import report
from benchmarks._common import Timing

DRIVE = Path(__file__).resolve().parents[2] / 'shared' / 'data' / 'kitti_raw' / 'seq_a'


def processing(bag: Path, processor: Processor, folder: Path) -> Callable[[], None]:
    """Return what processes a recording anew."""
    def process() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        processor.process(bag, folder, 'drive')
    return process


def network(processor: Processor, frames: list) -> Callable[[], None]:
    """Return what runs the network alone on frames."""
    segmenter = processor.segmenter
    pixels = [segmenter.preprocess([frame]) for frame in frames]

    def run() -> None:
        for one in pixels:
            segmenter.forward(one)
    return run


def throughput(options: argparse.Namespace, folder: Path) -> Case:
    """Time `process_bag` and the network on the same frames."""
    frames = list(islice(open_source(str(options.drive)).frames(), options.frames))
    write_bag(folder / 'bag', frames)
    processor = Processor(Options((options.profile,), device=options.device))
    candidates = {
        'network': network(processor, frames),
        'process': processing(folder / 'bag', processor, folder / 'results')}
    timings = measure(candidates, rounds=options.rounds, warm_up=1, memory=False,
                      device=options.device)
    per_second = {name: len(frames) / min(timing.seconds) for name, timing in timings.items()}
    return Case(f'{len(frames)} frames, {options.profile}', timings, {
        'network / process': ratio(timings['network'], timings['process'])},
        {'frames_per_second': per_second})


def workers(options: argparse.Namespace, folder: Path) -> Case:
    """Time one process and two workers on several recordings."""
    from aim_ros.recordings.fleet import process_on_ray

    frames = list(islice(open_source(str(options.drive)).frames(), options.frames))
    bags = {}
    for index in range(options.copies):
        name = f'drive_{index}'
        write_bag(folder / name, frames)
        bags[name] = folder / name
    settings = Options((options.profile,), device=options.device, table=True)
    runs = {
        'one process': lambda out: process_here(bags, out, settings),
        'two workers': lambda out: process_on_ray(bags, out, replace(settings), workers=2)}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(options.ray_rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            _, failed = run(folder / f'{name} {turn}')
            seconds[name].append(time.perf_counter() - started)
            assert not failed, failed
    timings = {name: Timing(tuple(times)) for name, times in seconds.items()}
    return Case(f'{options.copies} recordings of {len(frames)} frames', timings, {
        'one process / two workers': ratio(timings['one process'], timings['two workers'])})


def main(args: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = parser(__doc__)
    options.add_argument('--drive', type=Path, default=DRIVE, help='(default: %(default)s)')
    options.add_argument('--frames', type=int, default=160, help='of the drive')
    options.add_argument('--profile', default='city')
    options.add_argument('--ray', action='store_true', help='time two workers, too')
    options.add_argument('--copies', type=int, default=6, help='recordings for the workers')
    options.add_argument('--ray-rounds', type=int, default=2)
    given = options.parse_args(args)
    # The progress of what is timed goes nowhere.
    os.environ['TERM'] = 'dumb'
    device = prepare(given)
    with tempfile.TemporaryDirectory() as folder:
        cases = [throughput(given, Path(folder))]
        if given.ray:
            cases.append(workers(given, Path(folder)))
    report('recordings', cases, device, given.json)
    return 0


if __name__ == '__main__':
    sys.exit(main())
