"""What kinds of road users tracks look like, over time."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Self

import numpy as np

from aim_ros.hazards.groups import are_riding
from aim_ros.hazards.groups import kinds_of
from aim_ros.hazards.regions import parts_of
from aim_ros.hazards.regions import Region
from aim_ros.hazards.table import mapped
from aim_ros.hazards.table import objects
from aim_ros.hazards.table import Table

_PARTS_MEMORY = 0.5
"""Seconds after which what was seen of a road user's parts counts for 1 / e."""

_KIND_CHANGE_NS = 400_000_000
"""Time for which a road user looks like another kind before it is said to be that."""

_RIDE_CHANGE_NS = 200_000_000
"""The same time for who is plainly seen to ride: from afar most who ride look like people on foot,
and hardly anybody on foot like a rider with something to ride."""

_MIN_KIND_FRAMES = 3


@dataclass(eq=False)
class Looks(Table):
    """
    What road users look like.

    :param group: the name of the group of classes of each, (n,).
    :param shares: of its pixels by part, with the sum 1, (n, `MAX_PARTS`).
    :param kind: what it is said to be, (n,).
    :param other_kind: what it has looked like of late, (n,).
    :param other_since_ns: since when, (n,).
    :param other_frames: for how many sights, (n,).
    """

    group: np.ndarray
    shares: np.ndarray
    kind: np.ndarray
    other_kind: np.ndarray
    other_since_ns: np.ndarray
    other_frames: np.ndarray

    @classmethod
    def of(cls, regions: Sequence[Region], now_ns: np.ndarray) -> Self:
        """Return what is seen for the first time in regions, at times (n,)."""
        group, parts = objects([region.group for region in regions]), parts_of(regions)
        shares = parts / np.maximum(parts.sum(1), 1)[:, None]
        kind = kinds_of(group, shares)
        return cls(group, shares, kind, kind.copy(), now_ns.copy(), np.zeros(len(kind), int))

    def see(self, regions: Sequence[Region], now_ns: int, seconds: np.ndarray) -> None:
        """
        Let the kinds follow the parts, slowly.

        :param regions: what is seen of each.
        :param seconds: since each was seen last, (n,).
        """
        parts = parts_of(regions)
        seen = parts / np.maximum(parts.sum(1), 1)[:, None]
        self._mix(seen, seconds)
        rides = are_riding(self.group, seen)
        like = kinds_of(self.group, np.where(rides[:, None], seen, self.shares))
        needed_ns = np.where(rides, _RIDE_CHANGE_NS, _KIND_CHANGE_NS)
        same, other = like == self.kind, like == self.other_kind
        self.other_frames += same | other
        turns = (~same & other & (now_ns - self.other_since_ns >= needed_ns)
                 & (self.other_frames >= _MIN_KIND_FRAMES))
        self.kind[turns] = like[turns]
        anew = same | ~other
        self.other_kind[anew], self.other_since_ns[anew] = like[anew], now_ns
        self.other_frames[anew] = 1

    def _mix(self, seen: np.ndarray, seconds: np.ndarray) -> None:
        """Let what was seen before of parts count for less, and their shares now (n, ...) more."""
        fresh = 1 - mapped(math.exp, -np.maximum(seconds, 0.02) / _PARTS_MEMORY)[:, None]
        shows = seen.any(1)[:, None]
        self.shares += np.where(shows, fresh * (seen - self.shares), 0)
