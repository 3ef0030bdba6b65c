"""Hands the newest message of each camera from the executor to the worker."""

import threading
from typing import Generic
from typing import TypeVar

Item = TypeVar('Item')


class FrameQueue(Generic[Item]):
    """
    A queue with room for one item a camera, the newest.

    A slow reader so never works through old frames.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._items: dict[str, Item] = {}
        self._closed = False

    def put(self, camera: str, item: Item) -> bool:
        """Leave an item; return whether it replaced one that nobody had taken."""
        with self._changed:
            replaced = camera in self._items
            self._items[camera] = item
            self._changed.notify()
            return replaced

    def put_back(self, camera: str, item: Item) -> bool:
        """Leave an item of before; return False where a newer one waits already."""
        with self._changed:
            if self._closed or camera in self._items:
                return False
            self._items[camera] = item
            self._changed.notify()
            return True

    def take(self) -> dict[str, Item] | None:
        """Wait for items and take all that are there; return None once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return None
            items, self._items = self._items, {}
            return items

    def close(self) -> None:
        """Drop what is there and wake the reader for good."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
