"""What is odd about the stamps and the sizes of a camera's images, live or from a recording."""

from collections import deque
import itertools

import numpy as np

from aim_ros.perception.stamp_clock import CREEP

STAND_STILL = ('the header stamps stand still, so pixel sampling draws the same noise for every '
               'frame, and tracks go by the time of receipt; make the camera driver stamp its '
               'images')
"""What it means that they do, and what to do."""


class StreamOrder:
    """
    Looks at the last images of one camera, or at all of a recording.

    :param window: how many images are looked at; None for all.
    """

    def __init__(self, window: int | None = None):
        self._of = 'of the stamps' if window is None else 'of the last stamps'
        self._of_late = '' if window is None else ' of late'
        self._stamps: deque[int] = deque(maxlen=window)
        self._received: deque[int] = deque(maxlen=3)
        self._sizes: deque[tuple[int, int]] = deque(maxlen=window)

    def clear(self) -> None:
        """Forget all images."""
        for seen in (self._stamps, self._received, self._sizes):
            seen.clear()

    def receive(self, stamp_ns: int, received_ns: int) -> None:
        """
        Note an image that arrived.

        :param stamp_ns: its header stamp.
        :param received_ns: when it was received or recorded, nanoseconds.
        """
        self._stamps.append(stamp_ns)
        self._received.append(received_ns)

    def take(self, size: tuple[int, int]) -> None:
        """Note the (height, width) of an image that can be perceived."""
        self._sizes.append(size)

    @property
    def steps_ns(self) -> np.ndarray:
        """From each stamp to the next, nanoseconds."""
        return np.diff(np.array(self._stamps, np.int64))

    @property
    def out_of_order(self) -> bool:
        """Whether the last stamp is before that of the image before."""
        return len(self._stamps) > 1 and self._stamps[-1] < self._stamps[-2]

    @property
    def stands_still(self) -> bool:
        """Whether the last three images have the same stamp, zero or another, or nearly so."""
        if len(self._received) < 3:
            return False
        stamps = [self._stamps[place] for place in (-3, -2, -1)]
        return all(
            after == before or 0 < (after - before) * CREEP < passed_ns
            for (before, after), passed_ns in zip(
                itertools.pairwise(stamps), np.diff(self._received).tolist(), strict=True))

    def steps_back(self, below: float) -> tuple[int, float]:
        """
        Return how many images had a stamp a little before that of the image before.

        :param below: seconds; a step back by as much or more is no jitter, and not counted.
        :return: their number, and the largest step back in seconds.
        """
        back = [step for step in self._steps_back() if step < below]
        return len(back), max(back, default=0.0)

    def jumps_back(self, least: float) -> int:
        """
        Return how many images had a stamp far before that of the image before.

        :param least: seconds; a smaller step back is no jump, and not counted.
        """
        return sum(step >= least for step in self._steps_back())

    def _steps_back(self) -> list[float]:
        """Return by how many seconds the stamps step back, where they do."""
        steps = ((before - after) * 1e-9
                 for before, after in itertools.pairwise(self._stamps) if after)
        return [step for step in steps if step > 0]

    def jitter(self, jump: float) -> str:
        """
        Return what is odd about the order of the stamps; empty where they go up.

        :param jump: seconds by which a stamp steps back at least where the stream starts afresh.
        """
        # A single one is where a recording, or the camera, begins again.
        if (jumps := self.jumps_back(jump)) > 1:
            return (f'{jumps} {self._of} jump back, by {jump:g} s or more: where they jump to '
                    'and fro, as with two drivers on one topic, tracks go by the time of receipt')
        count, largest = self.steps_back(jump)
        return (f'{count} {self._of} step back, by up to {largest * 1e3:.3f} ms: such frames '
                'are taken at the time of the one before' if count else '')

    def odd_sizes(self) -> str:
        """Return what is odd about the sizes of the images; empty where they have one."""
        changes = sum(before != after for before, after in itertools.pairwise(self._sizes))
        if not changes:
            return ''
        sizes = dict.fromkeys(reversed(self._sizes))
        text = ', '.join(f'{width}x{height}' for height, width in sizes)
        if changes == 1:
            return f'the image size changed (now, before: {text}); tracks go on, scaled'
        return (f'the image size changed {changes} times{self._of_late} ({text}), as with two '
                'drivers on one topic, or one that changes its binning; tracks go on, scaled')
