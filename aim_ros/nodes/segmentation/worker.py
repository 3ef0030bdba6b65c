"""The thread that perceives, apart from the executor."""

from collections.abc import Callable
import threading
import time
from typing import Generic

from aim_ros.nodes.segmentation.frame_queue import FrameQueue
from aim_ros.nodes.segmentation.frame_queue import Item


class Worker(Generic[Item]):
    """
    Hands what is newest in a queue to a function, until it is stopped.

    :param queue: of items by camera.
    :param work: called in the worker's thread with the items by camera; what it raises goes to
        `on_error`, and the next items are taken.
    :param on_error: called with the exception.
    :param clock: a steady clock in seconds.
    """

    def __init__(self, queue: FrameQueue[Item], work: Callable[[dict[str, Item]], None],
                 on_error: Callable[[Exception], None],
                 clock: Callable[[], float] = time.monotonic):
        self.queue = queue
        self._work = work
        self._on_error = on_error
        self._clock = clock
        self._began: float | None = None
        self._thread = threading.Thread(target=self._run, name='perception', daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    @property
    def busy(self) -> float:
        """The seconds for which it has been at what it took last; 0 while it waits."""
        began = self._began
        return 0.0 if began is None else self._clock() - began

    def stop(self, timeout: float) -> bool:
        """Take nothing more; return whether what was under way ended within `timeout` seconds."""
        self.queue.close()
        self._thread.join(timeout)
        return not self.alive

    def _run(self) -> None:
        while (items := self.queue.take()) is not None:
            self._began = self._clock()
            try:
                self._work(items)
            # Whatever a frame does to the network, the next one is to be perceived.
            except Exception as error:
                self._on_error(error)
            self._began = None
