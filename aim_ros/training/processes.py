"""Several processes that train together, and how they are stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
import os
import signal

import torch
import torch.distributed as distributed
from torch.utils.data import Sampler

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Items(Sampler):
    """
    The items of one process, step by step: its share of each batch.

    :param start: the first step; `end` the one behind the last.
    :param batch: items of a step, of all processes.
    :param first: the first of them that is this process's.
    :param share: how many are.
    """

    def __init__(self, start: int, end: int, batch: int, first: int, share: int):
        self.steps, self.batch, self.first, self.share = range(start, end), batch, first, share

    def __iter__(self):
        for step in self.steps:
            begin = step * self.batch + self.first
            yield from range(begin, begin + self.share)

    def __len__(self) -> int:
        return len(self.steps) * self.share


def join_processes(device: torch.device) -> tuple[int, int]:
    """
    Join the processes that torchrun started, and return (rank, number of processes).

    Without torchrun this is (0, 1). Several processes of one thread each train about three times
    as fast on busy CPU cores as one process of several threads, which wait for each other at
    every operator instead of once a step. On CUDA each process has a GPU of its own.

    :raises ValueError: there are fewer GPUs than processes.
    """
    if 'WORLD_SIZE' not in os.environ:
        return 0, 1
    if not distributed.is_initialized():
        if device.type == 'cuda':
            wanted, found = int(os.environ['LOCAL_WORLD_SIZE']), torch.cuda.device_count()
            if wanted > found:
                raise ValueError(f'{wanted} processes, {found} GPUs: start one process a GPU, or '
                                 'set train.device=cpu')
            torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
        distributed.init_process_group('nccl' if device.type == 'cuda' else 'gloo')
    return distributed.get_rank(), distributed.get_world_size()


def ignore_signals(_worker: int) -> None:
    """Leave the end of a run to its main process, which first saves the state."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_requests() -> Iterator[list[bool]]:
    """Collect SIGINT and SIGTERM in the list that is yielded, instead of dying of them."""
    found = []
    previous = {s: signal.signal(s, lambda *_: found.append(True)) for s in _SIGNALS}
    try:
        yield found
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def agree(stopping: bool, seconds: float, device: torch.device) -> tuple[bool, float]:
    """Return whether any process was asked to stop, and the time that all go by."""
    if not distributed.is_initialized():
        return stopping, seconds
    both = torch.tensor([float(stopping), seconds], device=device)
    distributed.all_reduce(both, distributed.ReduceOp.MAX)
    return bool(both[0]), float(both[1])
