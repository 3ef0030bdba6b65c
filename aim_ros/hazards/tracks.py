"""Road users over time: where they are, what they are, and how much evidence there is of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from aim_ros.hazards.appearance import Appearance
from aim_ros.hazards.boxes import are_truncated
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import as_boxes
from aim_ros.hazards.boxes import clip
from aim_ros.hazards.boxes import resized
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.boxes import unions
from aim_ros.hazards.contact import Approaches
from aim_ros.hazards.looks import Looks
from aim_ros.hazards.motion import Motions
from aim_ros.hazards.pitching import PitchedCamera
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import Region
from aim_ros.hazards.table import objects
from aim_ros.hazards.table import Table

NEVER = -2**62
"""A stamp before all others, also before those of clocks that start below 0."""

_DOUBT = 0.5
"""Seconds of evidence that a second without sight takes away."""

_GRACE_NS = 150_000_000
"""Time without sight that takes none away: a frame or two may be lost."""

_PARTIAL = 0.6
"""What is less high than this share of the prediction is a part of its road user."""

_MAX_EVIDENCE = 10.0


@dataclass(eq=False)
class Tracks(Table):
    """
    Road users, one a row.

    :param track_id: the id of each, (n,).
    :param region: what was last seen of it, a `Region`, (n,).
    :param box: where it was then; larger than the region if that is a part of it, (n, 4).
    :param first_ns: stamp of its first sight, (n,).
    :param last_ns: stamp of its last sight, (n,).
    :param evidence: seconds of sure sight; doubtful sight counts for less, (n,).
    :param seen_s: seconds of sight of any kind, (n,).
    :param raised: whether it is alerted, (n,).
    :param error_until_ns: until when it stays an `ERROR`, (n,).
    :param looks: what it looks like.
    :param approach: how it comes nearer.
    :param motion: its motion.
    :param appearance: its colours, an `Appearance`, (n,).
    """

    track_id: np.ndarray
    region: np.ndarray
    box: np.ndarray
    first_ns: np.ndarray
    last_ns: np.ndarray
    evidence: np.ndarray
    seen_s: np.ndarray
    raised: np.ndarray
    error_until_ns: np.ndarray
    looks: Looks
    approach: Approaches
    motion: Motions
    appearance: np.ndarray

    @classmethod
    def beginning_with(cls, track_id: Sequence[int], regions: Sequence[Region],
                       boxes: np.ndarray, first_ns: Sequence[int], last_ns: Sequence[int]
                       ) -> Self:
        """Return tracks of which nothing is known but a region of each, and its box."""
        count = len(regions)
        first_ns, last_ns = np.array(first_ns, np.int64), np.array(last_ns, np.int64)
        return cls(
            track_id=np.array(track_id, np.int64), region=objects(regions), box=boxes,
            first_ns=first_ns, last_ns=last_ns, evidence=np.zeros(count),
            seen_s=np.zeros(count), raised=np.zeros(count, bool),
            error_until_ns=np.full(count, NEVER), looks=Looks.of(regions, first_ns),
            approach=Approaches.unknown(count), motion=Motions.beginning_at(boxes),
            appearance=objects([Appearance() for _ in regions]))

    @property
    def group(self) -> np.ndarray:
        """The names of their groups of classes, (n,)."""
        return self.looks.group

    def boxes(self, now_ns: int) -> np.ndarray:
        """Return where each is: as this frame shows it, else where its motion takes it."""
        return np.where((self.last_ns == now_ns)[:, None], self.box, self.motion.rounded)

    def resize(self, scale: Scale) -> None:
        """Go on in an image of another size."""
        self.region = objects([region.resized(scale) for region in self.region])
        self.box = as_array([resized(box, scale) for box in as_boxes(self.box)])
        self.motion.resize(scale)
        self.approach.resize(scale[0])

    def see(self, regions: Sequence[Region], now_ns: int, interval: np.ndarray,
            weight: np.ndarray, size: tuple[int, int], camera: PitchedCamera | None = None,
            parted: bool = False) -> None:
        """
        Take in what a frame shows of each; `motion` has been taken to that frame before.

        :param regions: what is seen of each.
        :param interval: seconds that this sight of each counts for, (n,).
        :param weight: how sure it is, 0..1, (n,).
        :param size: (height, width) of the image.
        :param camera: where the horizon is; None where it is not known.
        :param parted: whether each region is a part of one that others share.
        """
        boxes = boxes_of(regions)
        self.evidence = np.minimum(self.evidence + weight * interval, _MAX_EVIDENCE)
        self.seen_s += interval
        partial = boxes[:, 3] < _PARTIAL * self.motion.box[:, 3]
        cut = parted | partial | are_truncated(boxes, size)
        self.motion.update(boxes, cut)
        unsure = 1 - np.array([region.confidence for region in regions], float)
        self.approach.add(now_ns / 1e9, boxes[:, 3], ~cut,
                          None if camera is None else camera.feet(boxes), unsure)
        self.looks.see(regions, now_ns, (now_ns - self.last_ns) / 1e9)
        if partial.any():
            # Nobody shrinks from frame to frame: the rest is there, though this one misses it.
            whole, meets = clip(unions(boxes, self.motion.rounded), size)
            boxes = np.where((partial & meets)[:, None], whole, boxes)
        self.region, self.box, self.last_ns[:] = objects(regions), boxes, now_ns

    def move(self, ids: np.ndarray, places: np.ndarray) -> None:
        """
        Let the ids of some rows go on at the places of others, with what is known of them.

        Nobody is alerted later or at a lower level for it.

        :param ids: the rows of the ids.
        :param places: the same rows in another order: where each is, and how it moves.
        """
        moved, here = self.select(ids), self.select(places)
        self.track_id[places], self.first_ns[places] = moved.track_id, moved.first_ns
        self.appearance[places] = moved.appearance
        self.looks.put(places, moved.looks)
        self.approach.put(places, Approaches.unknown(len(places)))
        self.raised[places] = moved.raised | here.raised
        for name in ('evidence', 'seen_s', 'error_until_ns'):
            getattr(self, name)[places] = np.maximum(getattr(moved, name), getattr(here, name))

    def miss(self, now_ns: int, interval: float, like_ns: int) -> None:
        """
        Take in that a frame does not show those last seen at `like_ns` or before.

        :param interval: seconds since the last frame.
        """
        missed = (self.last_ns <= like_ns) & (now_ns - self.last_ns > _GRACE_NS)
        self.evidence[missed] = np.maximum(self.evidence[missed] - _DOUBT * interval, 0.0)


NO_TRACKS = Tracks.beginning_with([], [], np.empty((0, 4)), [], [])
