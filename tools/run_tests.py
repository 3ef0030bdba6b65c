"""
Runs every test, goes on after what fails, and ends with a list of it.

The rooms share processes, so that torch is imported once in each and not once a file. The files of
the nodes that talk over DDS or start processes have one each: what one leaves behind must not slow
or disturb the next.

    python tools/run_tests.py              everything below test/
    python tools/run_tests.py test/nodes   one room
    python tools/run_tests.py --busy 20    the nodes' tests, 20 times, with every core kept busy
    python tools/run_tests.py --pause 1.2  each is kept waiting after everything that it waits for
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile
import time
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
NODES = ('test/nodes', 'test/launch')
"""The folders whose files have a process each, if they do what `ALONE` names."""
ALONE = re.compile(r'\b(ros|make_node|make_camera|make_planner|harness|start_process|rclpy\.init|'
                   r'subprocess|signal)\b')
"""What a file contains that talks over DDS (the fixtures of test/nodes) or starts processes."""

_TIMEOUT = 1800  # seconds for a test that hangs, and has several deadlines of its own
_LONGEST = 8    # processes that the summary names
_NO_TESTS = 5   # pytest's exit code where nothing was collected
_BUSY = 'while True: pass'


@dataclass
class Job:
    """One process of pytest: its files, and what became of them."""

    files: list[Path]
    shared: bool = False
    code: int = 0
    output: str = ''
    seconds: float = 0.0
    counts: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the process tests, for people."""
        first = str(self.files[0])
        return first if len(self.files) == 1 else f'{first} and {len(self.files) - 1} more files'

    def run(self, arguments: Sequence[str]) -> 'Job':
        """Run pytest on the files; return this job with its results."""
        started = time.monotonic()
        environment = dict(os.environ)
        if self.shared:
            # Such processes fill the cores: a team of threads in each would wait for the others.
            environment.setdefault('OMP_NUM_THREADS', '1')
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / 'report.xml'
            ended = subprocess.run(
                [sys.executable, '-m', 'pytest', '--timeout', str(_TIMEOUT),
                 '--continue-on-collection-errors', f'--junit-xml={report}',
                 *arguments, *map(str, self.files)],
                cwd=ROOT, env=environment, check=False, text=True, errors='replace',
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.code, self.output = ended.returncode, ended.stdout
            if report.is_file() or len(self.files) == 1:
                self._read(report)
            else:
                # It crashed: file by file, the others still have their say.
                self._run_each(arguments)
        self.seconds = time.monotonic() - started
        return self

    def _run_each(self, arguments: Sequence[str]) -> None:
        for job in [Job([file], self.shared).run(arguments) for file in self.files]:
            self.output += f'== {job.name}, again on its own\n{job.output}'
            self.counts += job.counts
            self.failures += job.failures

    def _read(self, report: Path) -> None:
        """Take the results from pytest's report."""
        cases = ElementTree.parse(report).iter('testcase') if report.is_file() else ()
        for case in cases:
            kinds = {child.tag for child in case}
            outcome = ('failed' if kinds & {'failure', 'error'}
                       else 'skipped' if 'skipped' in kinds else 'passed')
            self.counts[outcome] += 1
            if outcome == 'failed':
                where = case.get('classname', '').replace('.', '/')
                self.failures.append(f'{where}.py::{case.get("name")}')
        if self.code not in (0, _NO_TESTS) and not self.failures:
            # It crashed, or was interrupted, before it could write.
            self.counts['failed'] += 1
            self.failures.append(f'{self.name}: pytest ended with exit code {self.code}')


def jobs_for(paths: Sequence[Path], shares: int) -> list[Job]:
    """
    Divide test files among processes.

    :param paths: files, or folders of them, relative to the repository.
    :param shares: how many processes share the files that need none of their own.
    :return: first those that take longest.
    """
    files = sorted({file for path in paths for file in _test_files(path)})
    nodes = [file for file in files if file.as_posix().startswith(NODES)]
    alone = [file for file in nodes if ALONE.search((ROOT / file).read_text())]
    together = [file for file in nodes if file not in alone]
    shared = [file for file in files if file not in nodes]
    parts = [*(shared[index::shares] for index in range(shares)), together]
    return [Job(part, shared=True) for part in parts if part] + [Job([file]) for file in alone]


def _test_files(path: Path) -> Iterator[Path]:
    full = ROOT / path
    if not full.exists():
        raise SystemExit(f'there is no {path} in {ROOT}')
    found = full.rglob('test_*.py') if full.is_dir() else [full]
    return (file.relative_to(ROOT) for file in found)


def run_all(jobs: Sequence[Job], workers: int, arguments: Sequence[str]) -> None:
    """Run jobs side by side, and print the output of each whole when it has ended."""
    with ThreadPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(job.run, arguments) for job in jobs]):
            job = done.result()
            print(f'== {job.name}, {job.seconds:.0f} s\n{job.output}', flush=True)


def summarise(jobs: Sequence[Job], seconds: float) -> int:
    """Print what failed and, alone on the last line, the sum of all; return the exit code."""
    failures = [failure for job in jobs for failure in job.failures]
    counts = sum((job.counts for job in jobs), Counter())
    print(f'== {len(jobs)} processes, {seconds:.0f} s; the longest:')
    for job in sorted(jobs, key=lambda job: -job.seconds)[:_LONGEST]:
        print(f'{job.seconds:6.0f} s  {job.name}')
    for failure in failures:
        print(f'FAILED {failure}')
    print(', '.join(f'{counts[outcome]} {outcome}' for outcome in ('passed', 'failed', 'skipped')))
    return 1 if failures or not counts.total() else 0


@contextmanager
def busy_cores(count: int) -> Iterator[None]:
    """Keep `count` cores busy with something else."""
    loops = [subprocess.Popen([sys.executable, '-c', _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main(args: Sequence[str] | None = None) -> int:
    """Run the tests; return the exit code: 1 where one failed."""
    parser = argparse.ArgumentParser(description='Run every test and list what failed.')
    parser.add_argument('paths', nargs='*', type=Path, help='files or folders (test)')
    parser.add_argument('--workers', type=int, default=min(2, os.cpu_count() or 1),
                        help='processes side by side (2, or 1 on a machine with one core)')
    parser.add_argument('--busy', type=int, metavar='RUNS', default=0,
                        help='run the tests of nodes, replay and processes this often, with every '
                             'core kept busy by something else')
    parser.add_argument('--pause', type=float, metavar='SECONDS', default=0.0,
                        help='keep the tests of nodes and processes waiting this long after '
                             'everything that they wait for, as a machine may that is busy: what '
                             'fails then, hangs on speed')
    parser.add_argument('--pytest', action='append', default=[], metavar='ARGUMENT',
                        help='hand an argument to pytest, as in --pytest=--durations=10')
    options = parser.parse_args(args)
    os.environ['AIM_ROS_TEST_PAUSE'] = str(options.pause)
    started = time.monotonic()
    paths = options.paths or [Path('test/nodes') if options.busy else Path('test')]
    jobs: list[Job] = []
    if not options.busy:
        jobs = jobs_for(paths, options.workers)
        run_all(jobs, options.workers, options.pytest)
    else:
        with busy_cores(os.cpu_count() or 1):
            for run in range(1, options.busy + 1):
                print(f'== busy run {run} of {options.busy}', flush=True)
                jobs += (more := jobs_for(paths, 1))
                run_all(more, 1, options.pytest)
    return summarise(jobs, time.monotonic() - started)


if __name__ == '__main__':
    sys.exit(main())
