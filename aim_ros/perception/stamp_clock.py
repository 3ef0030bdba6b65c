"""The time by which a camera's frames are tracked."""

_APART_NS = 10_000_000_000
"""Nanoseconds of receipt for which clocks that differ are remembered after their last jump."""

_LEAP_NS = 10_000_000_000
"""Nanoseconds by which stamps that go forward outrun receipt at least where a clock was set."""

CREEP = 100
"""Stamps that go forward by less than one part in so many of the time of receipt stand still."""


class StampClock:
    """
    Turns header stamps into a time that never goes back, except where the stream starts afresh.

    The time is the header stamp. A stamp that lies behind the latest one by less than a jump, as
    where two drivers' clocks differ, is jitter: its frame is taken at the time of the last one.
    When a third frame in a row brings no later stamp, as where the stamps stand still, the time
    goes on as the frames are received; and from where it got to when the stamps move again. So it
    does where they creep, as those of a driver that counts frames in nanoseconds. A stamp of zero
    is none, and the same holds for it. Only a jump, a stamp behind the latest one by `jump_ns` or
    more, starts afresh, at that stamp. Where the stamps leap forward by ten seconds more than
    passed by receipt, as where a clock is set, or after stamps of zero, the time goes on as the
    frames are received, and from there with the stamps.

    Where the stamps then leap back to where they came from, that was no jump, but a stamp that is
    wrong now and then, or a second driver whose clock is far off. To start afresh with each such
    frame would silence every alert: the time goes on as the frames are received. So it does after
    a single stamp that was ahead of those before and after it, which is no jump back.
    """

    def __init__(self):
        self._latest_ns: int | None = None
        self._before_ns: int | None = None  # the latest stamp before the latest one
        self._last_ns = 0  # the last stamp, whichever it was
        self._crept = False
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
        passed_ns = max(received_ns - self._last_received_ns, 0)
        crept, self._crept = self._crept, 0 <= (stamp_ns - self._last_ns) * CREEP < passed_ns
        jumps = latest is not None and 0 < stamp_ns < latest and latest - stamp_ns >= jump_ns
        was_ahead = jumps and self._was_ahead(stamp_ns, jump_ns)
        self._look_for_clocks_apart(stamp_ns, received_ns, jump_ns, jumps and not was_ahead)
        if self._apart:
            self._time_ns += passed_ns
            self._latest_ns = stamp_ns or latest
        elif was_ahead:
            self._ahead_ns = self._time_ns + passed_ns - stamp_ns
            self._start(stamp_ns, received_ns)
        elif latest is None or (
                stamp_ns > latest and not (crept and self._crept)):
            if latest is not None:
                self._follow(stamp_ns, received_ns)
            self._start(stamp_ns, received_ns)
        elif jumps:
            self._ahead_ns = 0
            self._start(stamp_ns, received_ns)
        else:
            self._latest_ns = max(latest, stamp_ns)
            self._frames += 1
            if self._frames > 2:
                self._time_ns = max(
                    self._time_ns,
                    self._first_time_ns + received_ns - self._first_received_ns)
        self._last_ns, self._last_received_ns = stamp_ns, received_ns
        return self._time_ns

    def _was_ahead(self, stamp_ns: int, jump_ns: int) -> bool:
        """Whether the last stamp alone was out of line: this one goes on from those before it."""
        before = self._before_ns
        return (before is not None and before < stamp_ns and self._latest_ns - before >= jump_ns
                and self._frames == 1 and not self._apart and self._left_ns is None)

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
        self._before_ns, self._latest_ns, self._frames = self._latest_ns, stamp_ns, 1
        self._time_ns = self._first_time_ns = stamp_ns + self._ahead_ns
        self._first_received_ns = received_ns
