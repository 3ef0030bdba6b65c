"""What road users wear, over time."""

import math

import numpy as np

from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.colours import mixed
from aim_ros.hazards.colours import SHAPE

_MEMORY = 2.0
"""Seconds after which the colours that were seen before count for 1 / e."""

_EVERY_NS = nanoseconds(0.5)
"""How often somebody is looked at who is known: nobody changes clothes."""

_MIN_KNOWN = 0.15
"""Seconds of sight after which somebody is known."""

_UNSEEN = np.zeros(SHAPE, np.float32)


class Appearance:
    """The colours of one road user, a histogram as `aim_ros.hazards.colours` makes them."""

    def __init__(self):
        self.colours = _UNSEEN
        self._seconds = 0.0
        self.learned_ns = -math.inf
        """When it was last looked at, nanoseconds; -inf if never."""

    @property
    def is_known(self) -> bool:
        """Whether it was looked at for long enough to be told from others."""
        return self._seconds >= _MIN_KNOWN

    def is_due(self, now_ns: int) -> bool:
        """Whether it is to be looked at again."""
        return not self.is_known or now_ns - self.learned_ns >= _EVERY_NS

    def learn(self, colours: np.ndarray, now_ns: int, interval: float) -> None:
        """
        Take in the colours (`SHAPE`) in which it is seen whole.

        :param interval: seconds since the last frame.
        """
        since = interval
        if not math.isinf(self.learned_ns):
            since = min(now_ns - self.learned_ns, _EVERY_NS) / 1e9
        self._seconds += since
        fresh = max(since / _MEMORY, since / max(self._seconds, 1e-9))
        self.colours = mixed(self.colours, colours, min(fresh, 1.0))
        self.learned_ns = now_ns
