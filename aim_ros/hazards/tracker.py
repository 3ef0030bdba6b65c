"""Regions -> tracks: which road user each region shows, from frame to frame."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.assignment import assign
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import clipped
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.evidence import sureness
from aim_ros.hazards.pairs import belong
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.parting import hidden_behind
from aim_ros.hazards.parting import part
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import Region
from aim_ros.hazards.tracks import Track

HOLD_S = 1.0
"""Seconds for which something near and in the corridor is held at least."""

_MIN_INSIDE = 0.6
"""A track of which less is predicted to lie in the picture has left it."""

_PATIENCE = 0.6
"""The share of `clear_after` for which a track is waited for that was seen for a moment only."""

_GLIMPSE = 0.4
"""The same share for what a single frame showed: most of that is noise."""

_SPLIT = 0.3
"""A new region goes on with what was seen of a track if it shares this part of the smaller box."""

_PART_HEIGHT = 0.25
"""It does not, if it has less than this share of the height: it may be anything beside it."""

FBox = tuple[float, float, float, float]
"""x, y, width and height, in fractions of pixels."""

class _Moment(NamedTuple):
    """
    When a frame is, that of the last one, and of the last one that shows the same view.

    They differ where images of several cameras come in turns: what one of them does not show is
    not missed by the others.
    """

    now_ns: int
    last_ns: int
    like_ns: int

    @property
    def interval(self) -> float:
        """Seconds since the last frame."""
        return (self.now_ns - self.last_ns) / 1e9

    def sighted(self, track: Track) -> float:
        """Return the seconds that a sight of a track counts for."""
        return (self.now_ns - min(self.last_ns, max(self.like_ns, track.last_ns))) / 1e9


Weigh = Callable[[Region], float]
"""Returns the share of its time for which the sight of a region counts, 0..1."""


class Tracker:
    """
    Follows the road users of one camera in one stream of regions.

    :param ids: where new tracks get their ids from.
    :param weigh: how much the sight of a region counts.
    """

    def __init__(self, ids: Iterator[int], weigh: Weigh = sureness):
        self._ids = ids
        self._weigh = weigh
        self._last_ns: int | None = None
        self.tracks: list[Track] = []
        self.ended: list[Track] = []

    def restart(self) -> None:
        """Forget all tracks."""
        self.tracks, self.ended, self._last_ns = [], [], None

    def resize(self, scale: Scale) -> None:
        """Go on in images of another size."""
        for track in self.tracks:
            track.resize(scale)

    def keep(self, groups: Sequence[str]) -> None:
        """Forget the tracks of other groups: they are not alerted any more."""
        self.tracks = [track for track in self.tracks if track.region.group in groups]

    def update(self, regions: Sequence[Region], now_ns: int, size: tuple[int, int],
               settings: AlertSettings, pixels: Pixels | None = None,
               like_ns: int | None = None) -> None:
        """
        Take in a frame's regions: `tracks` are then those of this frame, `ended` those that were.

        :param now_ns: time of the frame, not before that of the last one.
        :param size: (height, width) of the image.
        :param pixels: for the boxes of regions that several tracks share.
        :param like_ns: time of the last frame that shows the same view, where others came between;
            None: that of the last frame.
        """
        last_ns = now_ns if self._last_ns is None else self._last_ns
        when = _Moment(now_ns, last_ns, last_ns if like_ns is None else like_ns)
        clear_after = nanoseconds(settings.clear_after)
        self._predict(when, clear_after)
        # What the last frame showed counts as just seen, however long ago that was.
        waiting, over = [], []
        for track in self.tracks:
            lives = track.last_ns >= when.like_ns or now_ns <= max(
                track.last_ns + clear_after, track.error_until_ns)
            (waiting if lives else over).append(track)
        self.tracks = waiting
        before = [(track, track.predicted) for track in self.tracks]
        parted, whole = part(regions, self.tracks, pixels)
        for track, region in parted:
            track.see(region, now_ns, when.sighted(track), self._weigh(region), size, parted=True)
        taken = {track.track_id for track, _ in parted}
        others = [track for track in self.tracks if track.track_id not in taken]
        taken |= hidden_behind(others, parted)
        free = self._see(whole, taken, when, size, settings.min_area)
        self.tracks += self._begin(free, before, when)
        self._end(when, size, settings)
        self.ended += over
        for track in self.tracks:
            if track.last_ns <= when.like_ns:
                track.miss(now_ns, when.interval)
        self._last_ns = now_ns

    def _predict(self, when: _Moment, clear_after: int) -> None:
        for track in self.tracks:
            # A prediction is good for `clear_after`; whoever is held longer stays where he was.
            if when.now_ns - track.last_ns <= clear_after or track.last_ns >= when.like_ns:
                track.motion.predict(when.interval)

    def _see(self, regions: Sequence[Region], taken: set[int], when: _Moment,
             size: tuple[int, int], min_area: int) -> list[Region]:
        """Show regions to the tracks that are not `taken`; return those that start new tracks."""
        # What is small or unsure only keeps a track alive.
        strong, weak = [], []
        for region in regions:
            starts = region.area >= min_area and self._weigh(region) > 0
            (strong if starts else weak).append(region)
        free: list[Region] = strong
        for stage in (strong, weak):
            waiting = [track for track in self.tracks if track.track_id not in taken]
            pairs = assign(waiting, stage, when.now_ns)
            for t, r in pairs:
                track = waiting[t]
                track.see(stage[r], when.now_ns, when.sighted(track), self._weigh(stage[r]), size)
                taken.add(track.track_id)
            if stage is strong:
                shown = {r for _, r in pairs}
                free = [region for r, region in enumerate(strong) if r not in shown]
        return free

    def _begin(self, regions: Sequence[Region], before: Sequence[tuple[Track, FBox]],
               when: _Moment) -> list[Track]:
        """Return tracks of regions that go on with none, but may be part of what was seen."""
        evidence = inherited(regions, before, when.now_ns)
        return [Track(next(self._ids), region, when.now_ns, when.now_ns,
                      known + self._weigh(region) * when.interval if known else 0.0)
                for region, known in zip(regions, evidence, strict=True)]

    def _end(self, when: _Moment, size: tuple[int, int], settings: AlertSettings) -> None:
        """End the tracks that are unseen for too long, or out of the picture."""
        alive, self.ended = [], []
        for track in self.tracks:
            (alive if self._lives(track, when, size, settings) else self.ended).append(track)
        self.tracks = sorted(alive, key=lambda track: track.track_id)

    def _lives(self, track: Track, when: _Moment, size: tuple[int, int], settings: AlertSettings
               ) -> bool:
        now_ns = when.now_ns
        if track.last_ns == now_ns or now_ns <= track.error_until_ns:
            return True
        waits = track.last_ns > when.like_ns
        if not waits:
            # What was seen for a moment only is hardly there.
            known = track.raised or track.seen_s >= settings.raise_after
            glimpsed = track.first_ns == track.last_ns
            share = 1.0 if known else _GLIMPSE if glimpsed else _PATIENCE
            waits = now_ns - track.last_ns <= nanoseconds(share * settings.clear_after)
        return (waits and not _left_sideways(track, size)
                and _share_inside(track.motion.rounded, size) >= _MIN_INSIDE)


def inherited(regions: Sequence[Region], before: Sequence[tuple[Track, FBox]], now_ns: int
              ) -> list[float]:
    """
    Return the evidence for regions that show what tracks beside them showed so far.

    What splits off, or turns up where a fragment of it was lost, is nothing new; what lies beside
    a track that is seen there now is.

    :param before: each track with where it was expected.
    :return: for each region, in seconds.
    """
    known = [(track, box) for track, box in before if track.evidence > 0]
    if not regions or not known:
        return [0.0] * len(regions)
    theirs = as_array([region.box for region in regions])
    expected = as_array([box for _, box in known])
    seen = as_array([track.region.box for track, _ in known])
    unseen = np.array([track.last_ns != now_ns for track, _ in known])
    r, t = neighbours(theirs, expected)
    like = theirs[r, 3] >= _PART_HEIGHT * expected[t, 3]
    goes_on = like & belong(theirs[r], expected[t], _SPLIT) & (
        unseen[t] | ~belong(theirs[r], seen[t], _SPLIT))
    found = [0.0] * len(regions)
    for i, j in zip(r[goes_on].tolist(), t[goes_on].tolist(), strict=True):
        track, _ = known[j]
        if track.region.group == regions[i].group:
            found[i] = max(found[i], track.evidence)
    return found


def _left_sideways(track: Track, size: tuple[int, int]) -> bool:
    """Whether a track was cut by the side of an image of a size that it moved to."""
    x, _, width, _ = track.region.box
    speed, _ = track.motion.velocity
    return (x <= 0 and speed < 0) or (x + width >= size[1] and speed > 0)


def _share_inside(box: Box, size: tuple[int, int]) -> float:
    """Return how much of a box lies in an image, 0..1."""
    inside = clipped(box, size)
    return inside[2] * inside[3] / (box[2] * box[3]) if inside else 0.0
