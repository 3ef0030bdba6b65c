"""The time by which a camera's frames are tracked."""


class StampClock:
    """
    Turns header stamps into a time that goes on also where the stamps stand still.

    The time is the header stamp. When a third frame in a row has the same one, the time goes on
    from there as the frames are received; and from where it got to, never back, when the stamps
    move again. A stamp before the last one starts afresh, at that stamp.
    """

    def __init__(self):
        self._stamp_ns: int | None = None
        self._frames = 0
        self._time_ns = self._first_time_ns = self._first_received_ns = 0
        self._ahead_ns = 0

    def time_ns(self, stamp_ns: int, received_ns: int) -> int:
        """
        Return the time of the next frame in nanoseconds.

        :param stamp_ns: its header stamp.
        :param received_ns: when it was received, nanoseconds of a steady clock.
        """
        if stamp_ns == self._stamp_ns:
            self._frames += 1
            if self._frames > 2:
                self._time_ns = self._first_time_ns + received_ns - self._first_received_ns
            return self._time_ns
        if self._stamp_ns is None or stamp_ns < self._stamp_ns:
            self._ahead_ns = 0
        else:
            self._ahead_ns = max(self._ahead_ns, self._time_ns - stamp_ns)
        self._stamp_ns, self._frames = stamp_ns, 1
        self._time_ns = self._first_time_ns = stamp_ns + self._ahead_ns
        self._first_received_ns = received_ns
        return self._time_ns
