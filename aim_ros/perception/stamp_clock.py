"""The time by which a camera's frames are tracked."""

_APART_NS = 10_000_000_000
"""Nanoseconds of receipt for which clocks that differ are remembered after their last jump."""

_LEAP_NS = 10_000_000_000
"""Nanoseconds by which stamps that go forward outrun receipt at least where a clock was set."""


class StampClock:
    """
    Turns header stamps into a time that never goes back, except where the stream starts afresh.

    The time is the header stamp. A stamp that lies behind the latest one by less than a jump, as
    where two drivers' clocks differ, is jitter: its frame is taken at the time of the last one.
    When a third frame in a row brings no later stamp, as where the stamps stand still, the time
    goes on as the frames are received; and from where it got to when the stamps move again. A
    stamp of zero is none, and the same holds for it. Only a jump, a stamp behind the latest one
    by `jump_ns` or more, starts afresh, at that stamp. Where the stamps leap forward by ten
    seconds more than passed by receipt, as where a clock is set, or after stamps of zero, the time
    goes on as the frames are received, and from there with the stamps.

    Where the stamps then leap back to where they came from, that was no jump, but a stamp that is
    wrong now and then, or a second driver whose clock is far off. To start afresh with each such
    frame would silence every alert: the time goes on as the frames are received.
    """

    def __init__(self):
        self._latest_ns: int | None = None
        self._frames = 0
        self._time_ns = self._first_time_ns = self._first_received_ns = 0
        self._last_received_ns = 0
        self._ahead_ns = 0
        self._left_ns: int | None = None  # the latest stamp before the last jump
        self._jumped_received_ns = 0
        self._apart = False

    def time_ns(self, stamp_ns: int, received_ns: int, jump_ns: int) -> int:
        """
        Return the time of the next frame in nanoseconds.

        :param stamp_ns: its header stamp.
        :param received_ns: when it was received, nanoseconds of a steady clock.
        :param jump_ns: smallest step back of the stamps that is a jump, nanoseconds >= 0.
        """
        latest = self._latest_ns
        jumps = latest is not None and 0 < stamp_ns < latest and latest - stamp_ns >= jump_ns
        self._look_for_clocks_apart(stamp_ns, received_ns, jump_ns, jumps)
        if self._apart:
            self._time_ns += max(received_ns - self._last_received_ns, 0)
            self._latest_ns = stamp_ns or latest
        elif latest is None or stamp_ns > latest:
            if latest is not None:
                self._follow(stamp_ns, received_ns)
            self._start(stamp_ns, received_ns)
        elif jumps:
            self._ahead_ns = 0
            self._start(stamp_ns, received_ns)
        else:
            self._frames += 1
            if self._frames > 2:
                self._time_ns = max(
                    self._time_ns,
                    self._first_time_ns + received_ns - self._first_received_ns)
        self._last_received_ns = received_ns
        return self._time_ns

    def _look_for_clocks_apart(self, stamp_ns: int, received_ns: int, jump_ns: int, jumps: bool
                               ) -> None:
        """Find out whether stamps of two clocks come in turns, or do not any more."""
        latest, left = self._latest_ns, self._left_ns
        recent = received_ns - self._jumped_received_ns <= _APART_NS
        if jumps:
            self._left_ns, self._jumped_received_ns = latest, received_ns
        elif not recent:
            self._apart, self._left_ns = False, None
        elif left is not None and stamp_ns > left and stamp_ns - latest >= jump_ns:
            self._apart = True

    def _follow(self, stamp_ns: int, received_ns: int) -> None:
        """Set by how much the time is ahead of the stamps from the next one on."""
        passed_ns = max(received_ns - self._last_received_ns, 0)
        leap_ns = stamp_ns + self._ahead_ns - self._time_ns - passed_ns
        if leap_ns >= _LEAP_NS:
            self._ahead_ns = self._time_ns + passed_ns - stamp_ns
        else:
            self._ahead_ns = max(self._ahead_ns, self._time_ns - stamp_ns)

    def _start(self, stamp_ns: int, received_ns: int) -> None:
        """Go on from a stamp that is the latest now."""
        self._latest_ns, self._frames = stamp_ns, 1
        self._time_ns = self._first_time_ns = stamp_ns + self._ahead_ns
        self._first_received_ns = received_ns
