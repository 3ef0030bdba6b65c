"""One road user over time: where it is, what it is, and how much evidence there is of it."""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import math

from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import clipped
from aim_ros.hazards.boxes import is_truncated
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.boxes import union
from aim_ros.hazards.contact import Growth
from aim_ros.hazards.groups import kind_of
from aim_ros.hazards.motion import Motion
from aim_ros.hazards.regions import Region

_PARTS_MEMORY = 0.5
"""Seconds after which what was seen of a road user's parts counts for 1 / e."""

_KIND_CHANGE = 0.4
"""Seconds for which a road user looks like another kind before it is said to be that."""

_MIN_KIND_FRAMES = 3

_DOUBT = 0.5
"""Seconds of evidence that a second without sight takes away."""

_GRACE = 0.15
"""Seconds without sight that take none away: a frame or two may be lost."""

_PARTIAL = 0.6
"""What is less high than this share of the prediction is a part of its road user."""

_MAX_EVIDENCE = 10.0


@dataclass(eq=False)
class Track:
    """
    A road user.

    :param track_id: its id.
    :param region: what was last seen of it.
    :param first_ns: stamp of its first sight.
    :param last_ns: stamp of its last sight.
    :param evidence: seconds of sure sight; doubtful sight counts for less.
    :param seen_s: seconds of sight of any kind.
    :param raised: whether it is alerted.
    :param parted: whether its region is a part of one that it shares with another.
    :param error_until_ns: until when it stays an `ERROR`.
    """

    track_id: int
    region: Region
    first_ns: int
    last_ns: int
    evidence: float = 0.0
    seen_s: float = 0.0
    raised: bool = False
    parted: bool = False
    error_until_ns: int = -1
    motion: Motion = field(init=False)
    growth: Growth = field(default_factory=Growth)

    def __post_init__(self):
        self.motion = Motion(self.region.box)
        total = max(sum(self.region.parts), 1)
        self._parts = [part / total for part in self.region.parts]
        self.kind = kind_of(self.region.group, self._parts)
        self._other_kind, self._other_since, self._other_frames = self.kind, self.first_ns, 0

    @property
    def predicted(self) -> tuple[float, float, float, float]:
        """Where it is now by its motion, in fractions of pixels."""
        return self.motion.box

    def box(self, now_ns: int) -> Box:
        """Return where it is: as this frame shows it, else where its motion takes it."""
        return self.region.box if self.last_ns == now_ns else self.motion.rounded

    def resize(self, scale: Scale) -> None:
        """Go on in an image of another size."""
        self.region = self.region.resized(scale)
        self.motion.resize(scale)
        self.growth.resize(scale[0])

    def see(self, region: Region, now_ns: int, interval: float, weight: float,
            size: tuple[int, int], parted: bool = False) -> None:
        """
        Take in what a frame shows of it; `motion` has been taken to that frame before.

        :param interval: seconds since the last frame, whether that showed it or not.
        :param weight: how sure the sight is, 0..1.
        :param size: (height, width) of the image.
        :param parted: whether the region is a part of one that it shares with another.
        """
        seconds = (now_ns - self.last_ns) / 1e9
        self.evidence = min(self.evidence + weight * interval, _MAX_EVIDENCE)
        self.seen_s += interval
        cut = parted or is_truncated(region.box, size)
        partial = region.box[3] < _PARTIAL * self.motion.height
        self.motion.update(region.box, cut or partial)
        if partial:
            # Nobody shrinks from frame to frame: the rest is there, though this one misses it.
            box = clipped(union(region.box, self.motion.rounded), size) or region.box
            region = replace(region, box=box)
        if cut or partial:
            self.growth.forget()
        else:
            self.growth.add(now_ns / 1e9, region.box[3])
        self._see_parts(region, now_ns, seconds)
        self.region, self.last_ns, self.parted = region, now_ns, parted

    def miss(self, now_ns: int, interval: float) -> None:
        """Take in that a frame does not show it."""
        if now_ns - self.last_ns > _GRACE * 1e9:
            self.evidence = max(self.evidence - _DOUBT * interval, 0.0)

    def _see_parts(self, region: Region, now_ns: int, seconds: float) -> None:
        """Let the kind follow the parts, slowly."""
        total = sum(region.parts)
        if total:
            fresh = 1 - math.exp(-max(seconds, 0.02) / _PARTS_MEMORY)
            self._parts = [old + fresh * (new / total - old)
                           for old, new in zip(self._parts, region.parts, strict=True)]
        looks_like = kind_of(region.group, self._parts)
        if looks_like in (self.kind, self._other_kind):
            self._other_frames += 1
        if looks_like == self.kind or looks_like != self._other_kind:
            self._other_kind, self._other_since, self._other_frames = looks_like, now_ns, 1
        elif (now_ns - self._other_since >= _KIND_CHANGE * 1e9
              and self._other_frames >= _MIN_KIND_FRAMES):
            self.kind = looks_like
