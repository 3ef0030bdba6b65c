"""Spreads recordings over a Ray cluster: one task for each, one network for each worker."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
import os
from pathlib import Path
import signal
import threading
import time
from typing import Any

# Before Ray is imported: it would report its use, and say so in a paragraph.
os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
# And before it starts workers: one without a GPU is to leave the devices as they are.
os.environ.setdefault('RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO', '0')

import ray
from ray.exceptions import RayError
from ray.exceptions import RayTaskError

from aim_ros.recordings.errors import RecordingError
from aim_ros.recordings.one_process import FAILURES
from aim_ros.recordings.one_process import reason
from aim_ros.recordings.options import Options
from aim_ros.recordings.processor import Processor
from aim_ros.recordings.processor import validate
from aim_ros.recordings.progress import frames_bar
from aim_ros.recordings.summary import Summary

LOCAL = 'local'
"""The address that stands for a cluster of this machine's own."""

RETRIES = 2
"""How often a recording is tried again, on whichever worker is free, after a failure or the end of
its worker."""

_CORES = 2
"""Of a task, where nothing is said."""

_SHOW_PERIOD = 0.5


@ray.remote(num_cpus=0)
class _Board:
    """Where workers say how far they are."""

    def __init__(self):
        self._done: dict[str, tuple[int, int]] = {}

    def show(self, drive: str, done: int, total: int) -> None:
        self._done[drive] = done, total

    def done(self) -> dict[str, tuple[int, int]]:
        return self._done


@cache
def _processor(options: Options) -> Processor:
    """Return a worker's network, loaded with its first recording."""
    return Processor(options)


# Ray runs a task again when its worker dies, or it raises what nobody expects.
@ray.remote(max_retries=RETRIES, retry_exceptions=True, scheduling_strategy='SPREAD')
def _process(bag: Path, out: Path, drive: str, options: Options, board: Any) -> Summary | str:
    """Process a recording; return why it failed where Ray would tell it by a traceback."""
    shown = -_SHOW_PERIOD

    def show(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= _SHOW_PERIOD or done == total:
            shown = now
            board.show.remote(drive, done, total)

    try:
        return _processor(options).process(bag, out, drive, show)
    except FAILURES as error:
        return reason(error)


def process_on_ray(bags: dict[str, Path], out: Path, options: Options, address: str = LOCAL,
                   workers: int | None = None) -> tuple[list[Summary], dict[str, str]]:
    """
    Process recordings on a cluster, which reaches all that is named by the same paths.

    :param bags: the recordings by name.
    :param out: the folder of the results.
    :param address: of the cluster; `LOCAL` starts one on this machine.
    :param workers: how many processes that one has; None for one for two cores.
    :return: the summaries, and by the names of those that failed, why.
    :raises ModelError: the model cannot be used.
    :raises ProfileError: the profile cannot be.
    :raises RecordingError: there is no cluster at that address.
    """
    validate(options)
    with _cluster(address, workers) as threads:
        options = replace(options.absolute(), threads=options.threads or threads)
        # On a cluster of this machine's own, a task has a worker, which has its share of cores.
        demand = {'num_cpus': 1 if address == LOCAL else options.threads,
                  'num_gpus': _gpus(options)}
        board = _Board.remote()
        remote = _process.options(**demand)

        def submit(drive: str) -> Any:
            return remote.remote(
                bags[drive].absolute(), out.absolute(), drive, options, board)

        summaries, failed = _gather(submit, list(bags), board)
    order = list(bags)
    return (sorted(summaries, key=lambda summary: order.index(summary.drive)),
            {drive: failed[drive] for drive in order if drive in failed})


@contextmanager
def _cluster(address: str, workers: int | None) -> Iterator[int]:
    """Connect to a cluster; give the threads that a worker is to have."""
    quiet = {'log_to_driver': False, 'logging_level': 'ERROR'}
    on_sigterm = signal.getsignal(signal.SIGTERM)
    if address != LOCAL:
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RecordingError(f'there is no Ray cluster at {address!r}: '
                                 f'{" ".join(str(error).split())[:200]}') from None
        threads = _CORES
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else (
            os.cpu_count() or 1)
        workers = workers or max(1, cores // _CORES)
        threads = max(1, cores // workers)
        ray.init(address='local', num_cpus=workers, include_dashboard=False, **quiet)
    # Ray's own ends the process with code 15.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield threads
    finally:
        ray.shutdown()


def _gpus(options: Options) -> int:
    """Return how many GPUs a task is to have."""
    wanted = options.device == 'auto' or options.device.startswith('cuda')
    return 1 if wanted and ray.cluster_resources().get('GPU', 0) >= 1 else 0


def _gather(submit: Callable[[str], Any], drives: list[str], board: Any
            ) -> tuple[list[Summary], dict[str, str]]:
    """Submit recordings, wait for them, and show how far all of them are."""
    summaries: list[Summary] = []
    failures: dict[str, list[str]] = {drive: [] for drive in drives}
    tasks = {submit(drive): drive for drive in drives}
    with frames_bar() as progress:
        whole = progress.add_task('recordings', total=len(drives))
        frames = progress.add_task('frames', total=None)
        while tasks:
            ready, _ = ray.wait(list(tasks), timeout=_SHOW_PERIOD)
            for task in ready:
                drive = tasks.pop(task)
                outcome = _outcome(task)
                if isinstance(outcome, Summary):
                    summaries.append(outcome)
                    failures.pop(drive)
                else:
                    failures[drive].append(outcome)
                    if len(failures[drive]) <= RETRIES:
                        tasks[submit(drive)] = drive
                        continue
                progress.advance(whole)
            done = ray.get(board.done.remote()).values()
            count = sum(count for count, _ in done)
            progress.update(frames, completed=count, total=(
                _estimate(list(done), len(drives)) if tasks else count))
    return summaries, {drive: reasons[-1] for drive, reasons in failures.items()}


def _outcome(task: Any) -> Summary | str:
    """Return what became of a recording: its summary, or why there is none."""
    try:
        return ray.get(task)
    except RayError as error:
        return _reason(error)


def _estimate(done: list[tuple[int, int]], count: int) -> float | None:
    """Return about how many frames there are, when each recording has as many as those begun."""
    if not done:
        return None
    return sum(total for _, total in done) / len(done) * count


def _reason(error: RayError) -> str:
    """Return in a sentence what Ray says of a task that failed at last."""
    if isinstance(error, RayTaskError):
        return f'it failed: {type(error.cause).__name__}: {" ".join(str(error.cause).split())}'
    return f'its worker died ({type(error).__name__}: {" ".join(str(error).split())[:200]})'
