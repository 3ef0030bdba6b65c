"""Regions -> tracks: which road user each region shows, from frame to frame."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.assignment import assign
from aim_ros.hazards.boxes import areas
from aim_ros.hazards.boxes import clip
from aim_ros.hazards.boxes import edges
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.evidence import sureness
from aim_ros.hazards.identities import recognise
from aim_ros.hazards.pairs import belong
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.parting import hidden_behind
from aim_ros.hazards.parting import part
from aim_ros.hazards.parting import Parts
from aim_ros.hazards.pitching import PitchedCamera
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import Region
from aim_ros.hazards.table import objects
from aim_ros.hazards.tracks import NO_TRACKS
from aim_ros.hazards.tracks import Tracks

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

_HELD_BACK = 0.1
"""It lacks this share of `raise_after` at least where there is an alert of that track."""

_PART_HEIGHT = 0.25
"""It does not, if it has less than this share of the height: it may be anything beside it."""


class _Frame(NamedTuple):
    """
    A frame: its time, that of the last one, and that of the last one that shows the same view.

    They differ where images of several cameras come in turns: what one of them does not show is
    not missed by the others.
    """

    now_ns: int
    last_ns: int
    like_ns: int
    size: tuple[int, int]
    settings: AlertSettings
    camera: PitchedCamera | None

    @property
    def interval(self) -> float:
        """Seconds since the last frame."""
        return (self.now_ns - self.last_ns) / 1e9

    def sighted(self, last_ns: np.ndarray) -> np.ndarray:
        """Return the seconds for which a sight counts of tracks seen last at some times, (n,)."""
        return (self.now_ns - np.minimum(self.last_ns, np.maximum(self.like_ns, last_ns))) / 1e9


Weigh = Callable[[Sequence[Region]], np.ndarray]
"""Returns the share of its time for which the sight of each region counts, 0..1, (n,)."""


class Tracker:
    """
    Follows the road users of one camera in one stream of regions.

    :param ids: where new tracks get their ids from.
    :param weigh: how much the sight of regions counts.
    """

    def __init__(self, ids: Iterator[int], weigh: Weigh = sureness):
        self._ids = ids
        self._weigh = weigh
        self._last_ns: int | None = None
        self._camera: PitchedCamera | None = None
        self.tracks = self.ended = NO_TRACKS

    def restart(self) -> None:
        """Forget all tracks."""
        self.tracks = self.ended = NO_TRACKS
        self._last_ns = self._camera = None

    def resize(self, scale: Scale) -> None:
        """Go on in images of another size."""
        self.tracks.resize(scale)

    def keep(self, groups: Sequence[str]) -> None:
        """Forget the tracks of other groups: they are not alerted any more."""
        if not set(groups).issuperset(self.tracks.group):
            self._divide(np.isin(self.tracks.group, groups))

    def update(self, regions: Sequence[Region], now_ns: int, size: tuple[int, int],
               settings: AlertSettings, pixels: Pixels | None = None,
               like_ns: int | None = None, camera: PitchedCamera | None = None) -> None:
        """
        Take in a frame's regions: `tracks` are then those of this frame, `ended` those that were.

        :param now_ns: time of the frame, not before that of the last one.
        :param size: (height, width) of the image.
        :param pixels: for the boxes of regions that several tracks share, and for colours.
        :param like_ns: time of the last frame that shows the same view, where others came between;
            None: that of the last frame.
        :param camera: by which it is known how pitch moves everything, and how far below the
            horizon feet are; None where it is not.
        """
        last_ns = now_ns if self._last_ns is None else self._last_ns
        self._last_ns = now_ns
        pitched = camera.lower_than(self._camera) if camera else 0.0
        self._camera = camera
        if not len(regions) and not len(self.tracks):
            # Nobody is there: so it is beside the neutral stream most of the time.
            self.ended = NO_TRACKS
            return
        frame = _Frame(
            now_ns, last_ns, last_ns if like_ns is None else like_ns, size, settings, camera)
        over = self._predict(frame, pitched)
        expected = self.tracks.motion.box.copy()
        waits = np.ones(len(self.tracks), bool)
        parted, whole = part(regions, self.tracks, waits.nonzero()[0], pixels)
        if parted:
            self._see_parts(parted, waits, frame)
        free, weights = self._see_whole(objects(whole), waits, frame)
        self._begin(free, weights, expected, frame)
        if pixels is not None and pixels.picture is not None:
            self._recognise(pixels, parted, frame)
        self.ended = self._divide(self._living(frame)).joined(over)
        ids = self.tracks.track_id
        if (ids[1:] < ids[:-1]).any():
            self.tracks = self.tracks.select(ids.argsort())
        self.tracks.miss(now_ns, frame.interval, frame.like_ns)

    def _divide(self, stays: np.ndarray) -> Tracks:
        """Keep some tracks, bool (n,), and return the others."""
        others = NO_TRACKS if stays.all() else self.tracks.where(~stays)
        self.tracks = self.tracks.where(stays)
        return others

    def _predict(self, frame: _Frame, pitched: float) -> Tracks:
        """
        Take the tracks to a frame, and return those whose time was over before it.

        :param pitched: by how many rows the camera's pitch moved everything down since the last.
        """
        tracks, clear_after = self.tracks, nanoseconds(frame.settings.clear_after)
        # What the last frame showed counts as just seen, however long ago that was.
        recent = (tracks.last_ns >= frame.like_ns) | (
            frame.now_ns - tracks.last_ns <= clear_after)
        # A prediction is good for `clear_after`; whoever is held longer stays where he was.
        held = (~recent).nonzero()[0]
        standing = tracks.motion.select(held) if len(held) else None
        tracks.motion.predict(frame.interval)
        if standing is not None:
            tracks.motion.put(held, standing)
        if pitched:
            tracks.motion.lower(pitched)
        return self._divide(recent | (frame.now_ns <= tracks.error_until_ns))

    def _see_parts(self, parted: Parts, waits: np.ndarray, frame: _Frame) -> None:
        """Show tracks their parts of regions; neither they nor whom they hide wait any more."""
        waits[[row for row, _ in parted]] = False
        waits[hidden_behind(self.tracks, waits.nonzero()[0], parted)] = False
        # Where one has several, it sees them one after the other.
        while parted:
            first = dict(reversed(parted))
            rows = sorted(first)
            regions = [first[row] for row in rows]
            self._show(np.array(rows), regions, self._weigh(regions), frame, parted=True)
            parted = [(row, region) for row, region in parted if first[row] is not region]

    def _see_whole(self, regions: np.ndarray, waits: np.ndarray, frame: _Frame
                   ) -> tuple[np.ndarray, np.ndarray]:
        """
        Show regions to the tracks that wait, bool (n,).

        :return: the regions that start new tracks, and how much each counts.
        """
        weights = self._weigh(regions)
        area = np.array([region.area for region in regions])
        # What is small or unsure only keeps a track alive.
        strong = (area >= frame.settings.min_area) & (weights > 0)
        free = strong.copy()
        for stage in (strong.nonzero()[0], (~strong).nonzero()[0]):
            rows, shown = assign(
                self.tracks, waits.nonzero()[0], regions[stage], frame.now_ns)
            if len(rows):
                shown = stage[shown]
                self._show(rows, regions[shown], weights[shown], frame)
                waits[rows], free[shown] = False, False
        return regions[free], weights[free]

    def _show(self, rows: np.ndarray, regions: Sequence[Region], weights: np.ndarray,
              frame: _Frame, parted: bool = False) -> None:
        """Show some tracks, by their rows, ascending, a region each."""
        everybody = len(rows) == len(self.tracks)
        tracks = self.tracks if everybody else self.tracks.select(rows)
        tracks.see(regions, frame.now_ns, frame.sighted(tracks.last_ns), weights, frame.size,
                   frame.camera, parted)
        if not everybody:
            self.tracks.put(rows, tracks)

    def _begin(self, regions: np.ndarray, weights: np.ndarray, expected: np.ndarray,
               frame: _Frame) -> None:
        """
        Begin tracks of regions that go on with none, but may be part of what was seen.

        Where they split off a road user of whom there is an alert, they have to be seen once more:
        most of what a single frame splits off is nobody.
        """
        if not len(regions):
            return
        boxes = boxes_of(regions)
        # Numbered from left to right: heads are about as high as the camera, so that a pixel
        # more or less would change which comes first from above.
        order = (boxes[:, 0] + boxes[:, 2] / 2).argsort(kind='stable')
        regions, weights, boxes = regions[order], weights[order], boxes[order]
        alerted = self.tracks.raised & self._living(frame)
        known, shared = inherited(regions, self.tracks, expected, alerted, frame.now_ns)
        stamps = [frame.now_ns] * len(regions)
        new = Tracks.beginning_with(
            [next(self._ids) for _ in regions], regions, boxes, stamps, stamps)
        # Whatever it goes on with, a region is as sure as it looks by itself.
        enough, interval = frame.settings.raise_after, frame.interval
        known = np.where(known > 0, np.minimum(known, enough) + interval, 0.0)
        # Half a sight, so that stamps may jitter.
        lacking = max(interval / 2, _HELD_BACK * enough)
        shared = np.minimum(shared, max(enough - lacking, 0.0))
        new.evidence = weights * np.maximum(known, shared)
        self.tracks = self.tracks.joined(new)

    def _recognise(self, pixels: Pixels, parted: Parts, frame: _Frame) -> None:
        """Let ids go where their colours are; new ones that are nowhere then do not begin."""
        rows = np.array([row for row, _ in parted], np.intp)
        recognise(self.tracks, pixels, rows, frame.now_ns, frame.interval)
        new = self.tracks.first_ns == frame.now_ns
        self._divide(~new | (self.tracks.last_ns == frame.now_ns))

    def _living(self, frame: _Frame) -> np.ndarray:
        """Return which tracks are not unseen for too long, nor out of the picture, bool (n,)."""
        tracks, settings = self.tracks, frame.settings
        held = (tracks.last_ns == frame.now_ns) | (frame.now_ns <= tracks.error_until_ns)
        if held.all():
            return held
        # What was seen for a moment only is hardly there.
        known = tracks.raised | (tracks.seen_s >= settings.raise_after)
        glimpsed = tracks.first_ns == tracks.last_ns
        whole, patience, glimpse = (
            nanoseconds(share * settings.clear_after) for share in (1.0, _PATIENCE, _GLIMPSE))
        patience = np.where(known, whole, np.where(glimpsed, glimpse, patience))
        waited_for = (tracks.last_ns > frame.like_ns) | (
            frame.now_ns - tracks.last_ns <= patience)
        here = (_share_inside(tracks.motion.rounded, frame.size) >= _MIN_INSIDE
                ) & ~_left_sideways(tracks, frame.size)
        return held | (waited_for & here)


def inherited(regions: Sequence[Region], tracks: Tracks, expected: np.ndarray,
              alerted: np.ndarray, now_ns: int) -> np.ndarray:
    """
    Return the evidence for regions that show what tracks beside them showed so far.

    What splits off, or turns up where a fragment of it was lost, is nothing new; what lies beside
    a track that is seen there now is.

    :param expected: where each track was expected, (n, 4).
    :param alerted: which tracks there is an alert of in this frame, bool (n,).
    :return: for each region that of the tracks without an alert, and that of those with one, in
        seconds, (2, regions).
    """
    theirs = boxes_of(regions)
    found = np.zeros((2, len(theirs)))
    known = (tracks.evidence > 0).nonzero()[0]
    if not len(known):
        return found
    r, t = neighbours(theirs, expected[known])
    t = known[t]
    like = theirs[r, 3] >= _PART_HEIGHT * expected[t, 3]
    goes_on = like & belong(theirs[r], expected[t], _SPLIT) & (
        (tracks.last_ns[t] != now_ns) | ~belong(theirs[r], tracks.box[t], _SPLIT))
    goes_on &= objects([region.group for region in regions])[r] == tracks.group[t]
    r, t = r[goes_on], t[goes_on]
    np.maximum.at(found, (alerted[t].astype(int), r), tracks.evidence[t])
    return found


def _left_sideways(tracks: Tracks, size: tuple[int, int]) -> np.ndarray:
    """Return which tracks were cut by the side of an image of a size that they moved to."""
    left, _, right, _ = edges(tracks.box)
    speed = tracks.motion.velocity[:, 0]
    return ((left <= 0) & (speed < 0)) | ((right >= size[1]) & (speed > 0))


def _share_inside(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return how much of each box (n, 4) lies in an image, 0..1."""
    inside, meets = clip(boxes, size)
    return np.where(meets, areas(inside) / areas(boxes), 0.0)
