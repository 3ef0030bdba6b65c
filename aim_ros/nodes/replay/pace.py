"""When each frame of a recording is due."""

_FIRST_STEP = 0.1
_DRIFT = 0.5
_LONGEST_STEP = 10.0
_LONGEST_PAUSE = 86400.0


class Pace:
    """
    Says when each frame is due on a steady clock, at `rate` times the speed of the recording.

    Header stamps count, as the most exact, while the recording's own clock agrees with them to
    half a second; from the first that does not, that clock counts. Where it was set forward while
    the stamps went on, they count further, and nobody waits for a day. Without such a clock, steps
    back and gaps of more than 10 s are not believed, and the usual step is taken instead.

    :param rate: 0 lets every frame be due at once.
    :param every: frames of the recording from one that is played to the next.
    """

    def __init__(self, rate: float, every: int = 1):
        self.doubt = ''
        """Why the last frame's stamp was not believed, where that is new; empty otherwise."""
        self._rate = rate
        self._longest = _LONGEST_STEP * every
        self._due: float | None = None
        self._last = (0, None)  # stamp and time of recording
        self._offset_ns = 0
        self._by_recording = False
        self._begins_again = False
        self._usual = _FIRST_STEP

    def due(self, stamp_ns: int, now: float, recorded_ns: int | None = None) -> float:
        """
        Return when the next frame is due; the first is due at once.

        Each is reckoned from the one before and not from `now`, so delays do not add up.

        :param stamp_ns: its header stamp.
        :param now: seconds on a steady clock.
        :param recorded_ns: when it was recorded, nanoseconds; None where nobody knows.
        :return: seconds, like `now`.
        """
        self.doubt = ''
        if self._due is None:
            self._offset_ns = stamp_ns - (recorded_ns or 0)
        if self._due is None or self._rate == 0:
            self._due = now
        else:
            step = self._step(stamp_ns, recorded_ns)
            if step <= self._longest:
                self._usual = step
            self._due += step / self._rate
        self._last = (stamp_ns, recorded_ns)
        return self._due

    def begin_again(self) -> None:
        """Note that the next frame is the recording's first: it is due after the usual step."""
        self._begins_again = True

    def shift(self, now: float) -> None:
        """Reckon from `now` if the last frame was due before."""
        self._due = max(self._due, now)

    def _step(self, stamp_ns: int, recorded_ns: int | None) -> float:
        """Return the seconds from the frame before."""
        begins_again, self._begins_again = self._begins_again, False
        if begins_again:
            return self._usual
        last_stamp_ns, last_recorded_ns = self._last
        by_stamp = (stamp_ns - last_stamp_ns) / 1e9
        if recorded_ns is None or last_recorded_ns is None:
            return self._step_without_clock(by_stamp)
        by_clock = (recorded_ns - last_recorded_ns) / 1e9
        if by_clock < 0:
            return self._usual
        if by_clock > _LONGEST_PAUSE or (
                not self._by_recording and 0 < by_stamp <= self._longest < by_clock - by_stamp):
            # As where a computer without a clock of its own learns the time while it records.
            step = by_stamp if 0 < by_stamp <= self._longest else self._usual
            self._offset_ns = stamp_ns - recorded_ns
            self.doubt = (f'its header stamp is {by_stamp:.3f} s after the last one, and it was '
                          f'recorded {by_clock:.3f} s after it: the clock was set meanwhile; '
                          f'played after {step:.3f} s')
            return step
        drift = (stamp_ns - recorded_ns - self._offset_ns) / 1e9
        backwards = by_stamp < 0 or by_stamp == 0 < by_clock
        if not self._by_recording and (backwards or abs(drift) > _DRIFT):
            self._by_recording = True
            self.doubt = (f'its header stamp is {by_stamp:.3f} s after the last one, and it was '
                          f'recorded {by_clock:.3f} s after it: from here on the time of '
                          'recording counts')
        return by_clock if self._by_recording else by_stamp

    def _step_without_clock(self, by_stamp: float) -> float:
        if by_stamp <= 0:
            return self._usual
        if by_stamp > max(self._longest, 10 * self._usual):
            self.doubt = (f'its header stamp is {by_stamp:.3f} s after the last one, and no clock '
                          f'of the recording confirms it: played after {self._usual:.3f} s')
            return self._usual
        return by_stamp
