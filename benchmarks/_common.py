"""
What the benchmarks share: interleaved timing, peak memory, the machine's description, reports.

A benchmark builds candidates (name -> function of no arguments), times them with `measure`, wraps
each setting's timings in a `Case`, and hands all cases to `report`::

    options = parser(__doc__).parse_args()
    device = prepare(options)
    timings = measure({'recipe': recipe, 'ours': ours}, rounds=options.rounds, device=device)
    gain = ratio(timings['recipe'], timings['ours'])
    case = Case('150 classes', timings, {'recipe / ours': gain})
    report('decode', [case], device, options.json)
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from importlib import metadata
import json
import math
from pathlib import Path
import platform
import statistics
import subprocess
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table
import torch

PACKAGES = ('torch', 'transformers', 'openvino', 'onnxruntime', 'numpy', 'numba', 'triton',
            'opencv-python-headless')
"""Distributions whose versions go into every report."""

FEWEST = 3
"""Rounds that are timed however long they take."""

SLOW = 1.0
"""Seconds of a call whose time no second warm-up would change."""

_MIB = 1 << 20


@dataclass(frozen=True)
class Timing:
    """
    The times of one candidate.

    :param seconds: one time a round, in the order of the rounds.
    :param cpu_seconds: what the process's threads computed in each, on a CPU: other processes
        hardly change it.
    :param peak_mib: memory that one call took beyond what was in use before it, in MiB; None
        where it was not measured.
    """

    seconds: tuple[float, ...]
    peak_mib: float | None = None
    cpu_seconds: tuple[float, ...] = ()

    @property
    def cpu_ms(self) -> float | None:
        """The median of the processor time, in milliseconds; None where it was not measured."""
        return statistics.median(self.cpu_seconds) * 1e3 if self.cpu_seconds else None

    @property
    def median_ms(self) -> float:
        """The median of the rounds, in milliseconds."""
        return statistics.median(self.seconds) * 1e3

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of the rounds, in milliseconds."""
        return float(np.percentile(self.seconds, 95)) * 1e3

    def as_dict(self) -> dict[str, float | int | None]:
        """Return what a report's JSON says about this candidate."""
        return {'median_ms': self.median_ms, 'p95_ms': self.p95_ms, 'cpu_ms': self.cpu_ms,
                'peak_mib': self.peak_mib, 'rounds': len(self.seconds)}


@dataclass(frozen=True)
class Case:
    """
    One setting of a benchmark.

    :param name: the setting, as the table's first column says it.
    :param timings: the candidates' timings.
    :param ratios: what is compared, by name, for instance ``{'recipe / ours': 8.3}``.
    :param goals: the most that some of the ratios may be, by their names; the least, as a negative
        number, of those that are to be high.
    :param details: whatever else the JSON should hold.
    """

    name: str
    timings: Mapping[str, Timing]
    ratios: Mapping[str, float] = field(default_factory=dict)
    goals: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return a line for each ratio, with its goal if it has one."""
        return [f'{name}: {value:.2f}' + (
            f' ({goal_text(value, self.goals[name])})' if name in self.goals else '')
            for name, value in self.ratios.items()]


def goal_text(value: float, goal: float) -> str:
    """Return in words whether a ratio reaches a goal, see `Case.goals`."""
    reached = value >= -goal if goal < 0 else value <= goal
    sign = '>=' if goal < 0 else '<='
    return f'goal {sign} {abs(goal):g}: {"reached" if reached else "MISSED"}'


def measure(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    warm_up: int = 2,
    seconds: float = math.inf,
    memory: bool = True,
    device: torch.device | str = 'cpu',
    notify: Callable[[str], None] = lambda text: None,
) -> dict[str, Timing]:
    """
    Time candidates in turns, so that whatever disturbs the machine disturbs all of them.

    Each call is timed to its end, on CUDA including what it left running on the device.

    :param rounds: timed calls of each candidate.
    :param warm_up: calls of each candidate before, which are not timed; one is enough for those
        that take over `SLOW`.
    :param seconds: no round after `FEWEST` begins when they are over.
    :param memory: whether to measure the peak memory of one more call of each.
    :param notify: takes what is being done, in words.
    """
    for name, candidate in candidates.items():
        notify(f'warming up: {name}')
        for _ in range(warm_up):
            start = time.monotonic()
            candidate()
            if time.monotonic() - start > SLOW:
                break
    peaks = {name: peak_memory(candidate, device) if memory else None
             for name, candidate in candidates.items()}
    times: dict[str, list[float]] = {name: [] for name in candidates}
    computed: dict[str, list[float]] = {name: [] for name in candidates}
    end = time.monotonic() + seconds
    for done in range(rounds):
        if done >= FEWEST and time.monotonic() > end:
            break
        notify(f'round {done + 1}')
        for name, candidate in candidates.items():
            synchronise(device)
            start, before = time.perf_counter(), time.process_time()
            candidate()
            synchronise(device)
            times[name].append(time.perf_counter() - start)
            computed[name].append(time.process_time() - before)
    return {name: Timing(tuple(values), peaks[name], tuple(computed[name]))
            for name, values in times.items()}


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep `count` cores busy with other processes, which do nothing but turn round."""
    others = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def ratio(over: Timing, under: Timing) -> float:
    """Return the median of the rounds' ratios: slow drift of the machine leaves them alone."""
    return statistics.median(
        a / b for a, b in zip(over.seconds, under.seconds, strict=True))


def synchronise(device: torch.device | str) -> None:
    """Wait for what runs on a CUDA device; the CPU is always done."""
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


def peak_memory(function: Callable[[], object], device: torch.device | str) -> float | None:
    """
    Return by how many MiB one call of `function` raises the memory in use at its peak.

    On CUDA it is what torch's allocator hands out. On the CPU it is the process's resident set;
    None where the kernel cannot reset its high-water mark (only Linux can).
    """
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / _MIB
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return None
    before = _resident_kib('VmRSS')
    function()
    return max(0, _resident_kib('VmHWM') - before) / 1024


def _resident_kib(name: str) -> int:
    status = Path('/proc/self/status').read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


def environment(device: torch.device | str) -> dict[str, str | int]:
    """Describe the machine and the software that a report was made on."""
    device = torch.device(device)
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = 'absent'
    versions['torch'] = torch.__version__
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else _processor()
    return {'device': name, 'processor': _processor(), 'threads': torch.get_num_threads(),
            'python': platform.python_version(), **versions}


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return f'{names[0]} x{len(names)}' if names else platform.machine()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks share."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--rounds', type=int, default=15, help='timed calls of each candidate')
    options.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    options.add_argument('--engine', default='auto', help='of ours: auto, torch, openvino')
    options.add_argument('--threads', type=int, help="torch's CPU threads; default: torch's own")
    options.add_argument('--json', type=Path, help='file that the figures are written to')
    return options


def prepare(options: argparse.Namespace) -> torch.device:
    """Set torch's threads as the options say, and return the device."""
    if options.threads:
        torch.set_num_threads(options.threads)
    return torch.device(options.device)


def report(
    title: str, cases: Sequence[Case], device: torch.device | str, json_path: Path | None = None,
) -> None:
    """Print the cases as a table, and write all figures to `json_path` if there is one."""
    described = environment(device)
    console = Console(width=max(100, Console().width))
    table = Table(title=title)
    for column in ('case', 'candidate', 'ratio'):
        table.add_column(column)
    for column in ('median ms', 'p95 ms', 'CPU ms', 'peak MiB'):
        table.add_column(column, justify='right')
    for case in cases:
        ratios = '\n'.join(case.lines())
        peaks = ['-' if timing.peak_mib is None else f'{timing.peak_mib:.1f}'
                 for timing in case.timings.values()]
        table.add_row(
            case.name, '\n'.join(case.timings), ratios,
            '\n'.join(f'{timing.median_ms:.2f}' for timing in case.timings.values()),
            '\n'.join(f'{timing.p95_ms:.2f}' for timing in case.timings.values()),
            '\n'.join('-' if timing.cpu_ms is None else f'{timing.cpu_ms:.2f}'
                      for timing in case.timings.values()),
            '\n'.join(peaks), end_section=True)
    console.print(table)
    console.print(', '.join(f'{name} {value}' for name, value in described.items()))
    if json_path:
        content = {'benchmark': title, 'environment': described, 'cases': [
            {'name': case.name, **case.details, 'ratios': dict(case.ratios),
             'goals': dict(case.goals),
             'timings': {name: timing.as_dict() for name, timing in case.timings.items()}}
            for case in cases]}
        json_path.write_text(json.dumps(content, indent=2) + '\n')
