"""Makes the network ready for images of new sizes, apart from the worker."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
import threading
from typing import Generic

from aim_ros.nodes.segmentation.frame_queue import Item
from aim_ros.nodes.segmentation.retries import Retries

Size = tuple[int, int]


@dataclass(frozen=True)
class _Waiting(Generic[Item]):
    size: Size
    item: Item


class Preparation(Generic[Item]):
    """
    Prepares sizes of the network's input, one after the other, in a thread of its own.

    Compiling takes seconds, in which the worker perceives the images of all other cameras. Of a
    camera whose size is not ready, the newest item waits here. The thread is there only as long
    as something waits: OpenMP keeps a team for every thread that ever ran torch.

    A size that failed is to be tried again only when its wait is over, see `failure`: it takes
    seconds until it fails, in which all other sizes wait.

    :param prepare: makes the network ready for a (height, width), and may raise.
    :param is_ready: returns whether it is.
    :param on_ready: called with a camera and its item, once the network is ready for it.
    :param on_error: called with a camera that waited for a size, with what `prepare` raised, and
        with whether that cost it an item: one that was replaced or dropped meanwhile is counted.
    """

    def __init__(self, prepare: Callable[[Size], None], is_ready: Callable[[Size], bool],
                 on_ready: Callable[[str, Item], None],
                 on_error: Callable[[str, Exception, bool], None]):
        self._prepare = prepare
        self._is_ready = is_ready
        self._on_ready = on_ready
        self._on_error = on_error
        self._retries = Retries()
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting[Item]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether a size is being prepared."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def awaited(self, camera: str) -> Size | None:
        """Return the (height, width) that a camera's item waits for; None if none waits."""
        with self._lock:
            waiting = self._waiting.get(camera)
            return None if waiting is None or self._thread is None else waiting.size

    def failure(self, size: Size) -> str:
        """Return why a size could not be made ready, until it may be tried again; else empty."""
        return self._retries.pending(size)

    def defer(self, camera: str, size: Size, item: Item, on_replace: Callable[[], None]) -> bool:
        """
        Have an item wait until the network is ready for its size.

        :param on_replace: called if it takes the place of an older one.
        :return: False where the network is ready; the caller goes on with the item.
        """
        with self._lock:
            if self._is_ready(size):
                return False
            if self._closed:
                return True
            if camera in self._waiting:
                on_replace()
            if self._thread is None:
                # Before the item waits: a thread that cannot start would never let it go.
                self._start()
            self._waiting[camera] = _Waiting(size, item)
            return True

    def drop(self, camera: str, which: Callable[[Item], bool]) -> bool:
        """
        Drop the item of a camera that waits, if it is to be; return whether it was.

        Its size is made ready all the same, where that has begun.
        """
        with self._lock:
            waiting = self._waiting.get(camera)
            if waiting is None or not which(waiting.item):
                return False
            del self._waiting[camera]
            return True

    def close(self) -> None:
        """Drop what waits, for good."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def stop(self, timeout: float) -> bool:
        """Close; return whether what was under way ended within `timeout` seconds."""
        self.close()
        if (thread := self._thread) is not None:
            thread.join(timeout)
        return not self.alive

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name='preparation', daemon=True)
        thread.start()
        self._thread = thread

    def _run(self) -> None:
        try:
            while (following := self._next()) is not None:
                size, first = following
                try:
                    with self._retries.attempt(size):
                        self._prepare(size)
                # It is the loss of the cameras that wait for it, and no other's.
                except Exception as error:
                    lost = self._release(size, lambda *_: None)
                    with ExitStack() as each:
                        for camera in first | lost:
                            each.callback(self._on_error, camera, error, camera in lost)
                else:
                    self._release(size, self._on_ready)
        finally:
            # Whatever ends this one, another goes on with what waits.
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None
                    if self._waiting:
                        self._start()

    def _next(self) -> tuple[Size, set[str]] | None:
        """Return the size that is waited for first, and by whom; None ends the thread."""
        with self._lock:
            for waiting in self._waiting.values():
                return waiting.size, self._waiting_for(waiting.size)
            self._thread = None
            return None

    def _waiting_for(self, size: Size) -> set[str]:
        return {camera for camera, waiting in self._waiting.items() if waiting.size == size}

    def _release(self, size: Size, to: Callable[[str, Item], None]) -> set[str]:
        """Let go of what waits for a size; return the cameras."""
        # All under the lock: nothing newer of a camera is to be deferred in between.
        with self._lock:
            cameras = self._waiting_for(size)
            for camera in cameras:
                to(camera, self._waiting.pop(camera).item)
            return cameras
