"""The time of a camera's frames: header stamps that may jitter, and what separates recordings."""

from collections import deque
from typing import NamedTuple

from aim_ros.hazards.alerts import nanoseconds

_REMEMBERED = 8
"""Frames back to which one of the same size is looked for, where sizes come in turns."""

_LONGEST_GAP_NS = 10_000_000_000


class Tick(NamedTuple):
    """
    When a frame is.

    :param now_ns: its time, never before that of the last frame, unless `restarted`.
    :param restarted: why nothing of what was seen before counts for it; empty if it does.
    :param stepped_back_s: by how much its stamp is older than the last frame's time; 0 if it is
        not.
    :param resized_from: (height, width) of the last frame, where this one has another size; None
        where it has not.
    :param like_ns: time of the last frame of the same size, where this is not the last frame's; a
        moment before the last frame, where there is none of late: another size may be another
        view, which does not show what the last frame did.
    """

    now_ns: int
    restarted: str = ''
    stepped_back_s: float = 0.0
    resized_from: tuple[int, int] | None = None
    like_ns: int | None = None


class FrameClock:
    """Tells the time of one camera's frames."""

    def __init__(self):
        self._shown: deque[tuple[tuple[int, int], int]] = deque(maxlen=_REMEMBERED)

    def advance(self, stamp_ns: int, size: tuple[int, int], clear_after: float) -> Tick:
        """
        Return the time of the next frame.

        A stamp that steps back by less than `clear_after` is a jitter, and the frame is taken at
        the time of the last one; a larger step back starts afresh, and so does a gap of more than
        ten seconds, over which nothing can be predicted. Another image size does not: two drivers
        on one topic, or one that changes its binning, would silence every alert.

        :param size: (height, width) of its image.
        :param clear_after: seconds.
        """
        tick = self._tick(stamp_ns, size, nanoseconds(clear_after))
        if tick.restarted:
            self._shown.clear()
        self._shown.append((size, tick.now_ns))
        return tick

    def _tick(self, stamp_ns: int, size: tuple[int, int], clear_after: int) -> Tick:
        if not self._shown:
            return Tick(stamp_ns)
        last_size, last_ns = self._shown[-1]
        back = last_ns - stamp_ns
        if back >= clear_after and back > 0:
            return Tick(stamp_ns, f'the stamp went back by {back / 1e9:.3f} s')
        if -back > _LONGEST_GAP_NS:
            return Tick(stamp_ns, f'no frame came for {-back / 1e9:.3f} s, by the stamps')
        tick = Tick(max(stamp_ns, last_ns), stepped_back_s=max(back, 0) / 1e9)
        if last_size == size:
            return tick
        like_ns = next((ns for shown, ns in reversed(self._shown) if shown == size), last_ns - 1)
        return tick._replace(resized_from=last_size, like_ns=like_ns)
