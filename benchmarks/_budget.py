"""What is left of a benchmark's time, and what still fits into it."""

from collections.abc import Mapping
from dataclasses import dataclass
import statistics
import time

from rich.progress import Progress

from benchmarks._common import FEWEST
from benchmarks._common import Timing

CALLS = FEWEST + 3
"""Of each candidate at the least: two that warm up, `FEWEST` rounds, and one that takes memory."""


@dataclass(frozen=True)
class Load:
    """
    What a case asks of the machine, in units that are alike in all cases of a benchmark.

    :param loading: to have its networks ready.
    :param calls: to call each of its candidates once.
    """

    loading: float
    calls: float


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
        self._began = 0.0
        self._load = Load(1.0, 1.0)
        self._loading = self._calls = 0.0  # seconds for each unit of a load, at the most
        self._name = ''
        self._progress = progress
        self._task = progress.add_task('', total=cases)

    def seconds(self) -> float:
        """Return for how long the present case may begin rounds, see `measure`."""
        if self._fixed is not None:
            return self._fixed
        return max(0.0, self._end - time.monotonic()) / self._left / 2

    def fits(self, load: Load) -> bool:
        """Return whether there is time for the fewest calls of a case, by those before it."""
        needed = self._loading * load.loading + CALLS * self._calls * load.calls
        return time.monotonic() + needed < self._end

    def begin(self, name: str, load: Load) -> None:
        """Note which case comes."""
        self._name, self._load = name, load
        self._began = time.monotonic()
        self.notify('')

    def notify(self, text: str) -> None:
        """Show what is being done."""
        self._progress.update(self._task, description=f'{self._name}: {text}')

    def end(self, timings: Mapping[str, Timing]) -> None:
        """Note that the present case is done, and how long it took."""
        calls = sum(statistics.mean(timing.seconds) for timing in timings.values())
        rounds = sum(sum(timing.seconds) for timing in timings.values())
        loading = time.monotonic() - self._began - rounds
        self._calls = max(self._calls, calls / self._load.calls)
        self._loading = max(self._loading, loading / self._load.loading)
        self.skip()

    def skip(self) -> None:
        """Note that a case is not timed, or done."""
        self._left -= 1
        self._progress.advance(self._task)
