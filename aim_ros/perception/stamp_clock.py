"""The time by which a camera's frames are tracked."""


class StampClock:
    """
    Turns header stamps into a time that never goes back, except where the stream starts afresh.

    The time is the header stamp. A stamp that lies behind the latest one by less than a jump, as
    where two drivers' clocks differ, is jitter: its frame is taken at the time of the last one.
    When a third frame in a row brings no later stamp, as where the stamps stand still, the time
    goes on as the frames are received; and from where it got to when the stamps move again. A
    stamp of zero is none, and the same holds for it. Only a jump, a stamp behind the latest one
    by `jump_ns` or more, starts afresh, at that stamp.
    """

    def __init__(self):
        self._latest_ns: int | None = None
        self._frames = 0
        self._time_ns = self._first_time_ns = self._first_received_ns = 0
        self._ahead_ns = 0

    def time_ns(self, stamp_ns: int, received_ns: int, jump_ns: int) -> int:
        """
        Return the time of the next frame in nanoseconds.

        :param stamp_ns: its header stamp.
        :param received_ns: when it was received, nanoseconds of a steady clock.
        :param jump_ns: smallest step back of the stamps that is a jump, nanoseconds >= 0.
        """
        latest = self._latest_ns
        if latest is None or stamp_ns > latest:
            if latest is not None:
                self._ahead_ns = max(self._ahead_ns, self._time_ns - stamp_ns)
            self._start(stamp_ns, received_ns)
        elif 0 < stamp_ns < latest and latest - stamp_ns >= jump_ns:
            self._ahead_ns = 0
            self._start(stamp_ns, received_ns)
        else:
            self._frames += 1
            if self._frames > 2:
                self._time_ns = max(
                    self._time_ns,
                    self._first_time_ns + received_ns - self._first_received_ns)
        return self._time_ns

    def _start(self, stamp_ns: int, received_ns: int) -> None:
        """Go on from a stamp that is the latest now."""
        self._latest_ns, self._frames = stamp_ns, 1
        self._time_ns = self._first_time_ns = stamp_ns + self._ahead_ns
        self._first_received_ns = received_ns
