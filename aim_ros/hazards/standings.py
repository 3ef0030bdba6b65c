"""How neutral tracks stand with planners, which may be better than with the owner."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.regions import Region
from aim_ros.hazards.table import objects
from aim_ros.hazards.table import Table
from aim_ros.hazards.tracks import NEVER
from aim_ros.hazards.tracks import Tracks


@dataclass(eq=False)
class Standings(Table):
    """
    What is published of neutral tracks, beyond what the neutral stream says of them.

    :param track_id: the id of the neutral track of each, (n,).
    :param public_id: the id under which it is published, (n,).
    :param first_ns: stamp of the first sight that is published, (n,).
    :param raised: whether it is alerted, (n,).
    :param error_until_ns: until when it stays an `ERROR`, (n,).
    :param urgent_since_ns: since when it might be an `ERROR`, `NEVER` where it might not, (n,).
    :param extension: the `Region` that extended it last, or None, (n,).
    :param extended_ns: when that was, (n,).
    """

    track_id: np.ndarray
    public_id: np.ndarray
    first_ns: np.ndarray
    raised: np.ndarray
    error_until_ns: np.ndarray
    urgent_since_ns: np.ndarray
    extension: np.ndarray
    extended_ns: np.ndarray

    @classmethod
    def beginning_with(cls, track_id: np.ndarray, first_ns: np.ndarray) -> Self:
        """Return how tracks stand that are new."""
        count = len(track_id)
        return cls(
            track_id, track_id.copy(), first_ns, raised=np.zeros(count, bool),
            error_until_ns=np.full(count, NEVER), urgent_since_ns=np.full(count, NEVER),
            extension=np.full(count, None), extended_ns=np.full(count, NEVER))

    def following(self, tracks: Tracks) -> tuple[Self, np.ndarray]:
        """
        Return how tracks stand, in their order, and the rows of those that are new.

        :param tracks: by id.
        """
        if np.array_equal(self.track_id, tracks.track_id):
            return self, np.empty(0, np.intp)
        new = np.flatnonzero(~np.isin(tracks.track_id, self.track_id))
        # Ids grow, so that the table stays ordered by them.
        both = self.joined(
            Standings.beginning_with(tracks.track_id[new], tracks.first_ns[new]))
        return both.of(tracks.track_id), new

    def of(self, track_id: np.ndarray) -> Self:
        """Return how tracks stand that are known here, by their ids."""
        return self.select(np.searchsorted(self.track_id, track_id))

    def resize(self, scale: Scale) -> None:
        """Go on in images of another size."""
        self.extension = objects([
            region and region.resized(scale) for region in self.extension])

    def extend(self, row: int, extension: Region, now_ns: int) -> None:
        """Note a region that extends a track in this frame, the largest if there are several."""
        if self.extended_ns[row] == now_ns:
            extension = max(extension, self.extension[row], key=lambda one: one.area)
        self.extension[row], self.extended_ns[row] = extension, now_ns

    def stay_urgent(self, seen: np.ndarray, urgent: np.ndarray, at_once: np.ndarray, now_ns: int,
                    needed_ns: int) -> np.ndarray:
        """
        Return which of those that are seen are an `ERROR`; note since when they may be one.

        What only a larger box or a larger `near_m` makes one touches the corridor with an edge
        that flickers: it has to do so for a while.

        :param seen: bool (n,).
        :param urgent: which may be one now, bool (n,).
        :param at_once: which are one without delay, bool (n,).
        :param needed_ns: for how long the others have to touch the corridor.
        """
        self.urgent_since_ns[seen & ~urgent] = NEVER
        urgent = seen & urgent
        self.urgent_since_ns[urgent & (self.urgent_since_ns == NEVER)] = now_ns
        return urgent & (at_once | (now_ns - self.urgent_since_ns >= needed_ns))


NO_STANDINGS = Standings.beginning_with(np.empty(0, np.int64), np.empty(0, np.int64))
