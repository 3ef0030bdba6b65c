"""The time of a camera's frames: header stamps that may jitter, and what separates recordings."""

from typing import NamedTuple

from aim_ros.hazards.alerts import nanoseconds


class Tick(NamedTuple):
    """
    When a frame is.

    :param now_ns: its time, never before that of the last frame, unless `restarted`.
    :param restarted: why nothing of what was seen before counts for it; empty if it does.
    :param stepped_back_s: by how much its stamp is older than the last frame's time; 0 if it is
        not.
    """

    now_ns: int
    restarted: str = ''
    stepped_back_s: float = 0.0


class FrameClock:
    """Tells the time of one camera's frames."""

    def __init__(self):
        self._now_ns: int | None = None
        self._size: tuple[int, int] | None = None

    def advance(self, stamp_ns: int, size: tuple[int, int], clear_after: float) -> Tick:
        """
        Return the time of the next frame.

        A stamp that steps back by less than `clear_after` is a jitter, and the frame is taken at
        the time of the last one; a larger step back, or another image size, starts afresh.

        :param size: (height, width) of its image.
        :param clear_after: seconds.
        """
        tick = self._tick(stamp_ns, size, nanoseconds(clear_after))
        self._now_ns, self._size = tick.now_ns, size
        return tick

    def _tick(self, stamp_ns: int, size: tuple[int, int], clear_after: int) -> Tick:
        if self._now_ns is None:
            return Tick(stamp_ns)
        if size != self._size:
            return Tick(stamp_ns, (
                f'the image size changed from {self._size[1]}x{self._size[0]} to '
                f'{size[1]}x{size[0]}'))
        back = self._now_ns - stamp_ns
        if back <= 0:
            return Tick(stamp_ns)
        if back < clear_after:
            return Tick(self._now_ns, stepped_back_s=back / 1e9)
        return Tick(stamp_ns, f'the stamp went back by {back / 1e9:.3f} s')
