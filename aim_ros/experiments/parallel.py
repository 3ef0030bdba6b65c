"""Work on many items at once, with a progress bar."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import os
from typing import TypeVar

import torch

from aim_ros.experiments.progress import progress_bar

Item = TypeVar('Item')
Result = TypeVar('Result')


def each(
    function: Callable[[Item], Result], items: Iterable[Item], description: str
) -> Iterator[Result]:
    """
    Yield ``function(item)`` in the items' order, computed on all CPUs.

    Threads, since torch releases Python's lock; each computes with one thread of torch's, since
    many small operations gain nothing from more.

    :param description: shown beside the progress bar.
    """
    items = list(items)
    workers = ThreadPoolExecutor(
        len(os.sched_getaffinity(0)), initializer=torch.set_num_threads, initargs=(1,))
    with progress_bar() as progress, workers as pool:
        task = progress.add_task(description, total=len(items))
        try:
            for result in pool.map(function, items):
                progress.advance(task)
                yield result
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
