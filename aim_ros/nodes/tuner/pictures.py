"""The newest pictures of a camera as JPEG, for any number of viewers, however slow."""

import asyncio
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import threading

import cv2
import numpy as np

from aim_ros.imaging.frame import Frame

MOST_HZ = 15.0
"""Pictures a second at most."""

_WIDEST = 1280
"""Pixels of a row that a viewer is sent at most."""

_HIGHEST = 8192
"""Pixels of a column at most: a JPEG has no room for more than 65500."""

_QUALITY = 80


@dataclass(frozen=True)
class Pair:
    """
    A camera's image, and the overlay that the node made of it.

    :param frame: the image.
    :param overlay: RGB uint8 (H, W, 3); None while the node makes none.
    """

    frame: Frame
    overlay: np.ndarray | None


@dataclass(frozen=True)
class Encoded:
    """A pair as JPEG, with a number that grows from each to the next."""

    number: int
    pair: Pair
    camera: bytes
    overlay: bytes


class Pictures:
    """
    Keeps the newest pair and encodes it, while somebody watches, in a thread of its own.

    Whatever is not encoded yet when a newer pair comes is dropped: nothing queues up.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._next: Pair | None = None
        self._newest: Encoded | None = None
        self._watching = 0
        self._held = False
        self._steps = 0
        self._ended = False
        self._wakers: set[Callable[[], None]] = set()
        self._thread = threading.Thread(target=self._run, name='pictures', daemon=True)
        self._thread.start()

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return self._watching > 0

    @property
    def newest(self) -> Encoded | None:
        """What viewers see now."""
        return self._newest

    @property
    def held(self) -> bool:
        """Whether the picture stands still, whatever the camera sends."""
        return self._held

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count a viewer for the time of the context."""
        with self._changed:
            self._watching += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._watching -= 1

    def put(self, pair: Pair) -> None:
        """Take the newest pair, in place of one that was not encoded yet."""
        with self._changed:
            self._next = pair
            self._changed.notify_all()

    def hold(self, held: bool) -> None:
        """Let the picture stand still, or go on."""
        with self._changed:
            self._held, self._steps = held, 0
            self._changed.notify_all()

    def step(self) -> None:
        """Let one picture more through while they are held."""
        with self._changed:
            self._steps = int(self._held)
            self._changed.notify_all()

    async def newer_than(self, number: int) -> Encoded:
        """Wait for pictures with a larger number, and return the newest."""
        loop, came = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(came.set)

        with self._changed:
            self._wakers.add(wake)
        try:
            while (newest := self._newest) is None or newest.number <= number:
                came.clear()
                # It may have come between the look and the clearing.
                if self._newest is newest:
                    await came.wait()
            return newest
        finally:
            with self._changed:
                self._wakers.discard(wake)

    def end(self) -> None:
        """End the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _due(self) -> bool:
        return self._ended or (self._next is not None and self._watching > 0
                               and (not self._held or self._steps > 0))

    def _run(self) -> None:
        number = 0
        while True:
            with self._changed:
                self._changed.wait_for(self._due)
                if self._ended:
                    return
                pair, self._next, self._steps = self._next, None, 0
            number += 1
            encoded = Encoded(
                number, pair, jpeg(pair.frame.rgb()),
                b'' if pair.overlay is None else jpeg(pair.overlay))
            with self._changed:
                self._newest = encoded
                for wake in self._wakers:
                    wake()
                if self._changed.wait_for(lambda: self._ended, 1 / MOST_HZ):
                    return


def jpeg(picture: np.ndarray) -> bytes:
    """
    Return a picture as JPEG, made smaller where it is very wide or high.

    :param picture: RGB uint8 (H, W, 3).
    """
    height, width = picture.shape[:2]
    scale = min(_WIDEST / width, _HIGHEST / height)
    if scale < 1:
        picture = cv2.resize(
            picture, (max(1, round(width * scale)), max(1, round(height * scale))),
            interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                           [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()
