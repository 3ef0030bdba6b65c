"""The thread that perceives, apart from the executor."""

from collections.abc import Callable
import threading
from typing import Generic

from aim_ros.nodes.segmentation.frame_queue import FrameQueue
from aim_ros.nodes.segmentation.frame_queue import Item


class Worker(Generic[Item]):
    """
    Hands what is newest in its queue to a function, until it is stopped.

    :param work: called in the worker's thread with the items by camera; what it raises goes to
        `on_error`, and the next items are taken.
    :param on_error: called with the exception.
    """

    def __init__(self, work: Callable[[dict[str, Item]], None],
                 on_error: Callable[[Exception], None]):
        self.queue: FrameQueue[Item] = FrameQueue()
        self._work = work
        self._on_error = on_error
        self._thread = threading.Thread(target=self._run, name='perception', daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    def stop(self, timeout: float) -> bool:
        """Take nothing more; return whether what was under way ended within `timeout` seconds."""
        self.queue.close()
        self._thread.join(timeout)
        return not self.alive

    def _run(self) -> None:
        while (items := self.queue.take()) is not None:
            try:
                self._work(items)
            # Whatever a frame does to the network, the next one is to be perceived.
            except Exception as error:
                self._on_error(error)
