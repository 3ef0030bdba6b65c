"""How long the stages of a batch take."""

import time

import torch


class Stopwatch:
    """
    Measures the stages of one batch.

    On CUDA it takes the device's own events, since the host runs ahead; on the CPU a steady clock.

    :param device: where the stages run. The first one begins now.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._cuda = device.type == 'cuda'
        self._last = self._now()
        self._intervals: dict[str, tuple] = {}

    def lap(self, stage: str) -> None:
        """End a stage, which began where the last one ended."""
        now = self._now()
        self._intervals[stage] = self._last, now
        self._last = now

    def laps(self) -> dict[str, float]:
        """Return the milliseconds of each stage's last lap; waits for the device."""
        if self._cuda:
            self._last.synchronize()
            return {stage: start.elapsed_time(end)
                    for stage, (start, end) in self._intervals.items()}
        return {stage: (end - start) * 1e3 for stage, (start, end) in self._intervals.items()}

    def _now(self) -> 'torch.cuda.Event | float':
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event
