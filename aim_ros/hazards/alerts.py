"""
Safety alerts: decisions -> regions -> tracks -> what a planner is told.

No driver can silence a hazard, nor delay it. A pixel counts for an alert class when the
unmodulated or the modulated decision says so, hence regions only ever grow by modulation; and
each later step keeps that order. A larger region passes `min_area`, and lies lower and wider, so
is no farther and no less in the corridor. Its age, and whether it is raised, it inherits from
every recent region of its class that it touches: a larger one touches no fewer. Tracks give the
regions their ids and decide nothing. So in every frame each region that is alerted without
modulation lies in one that is alerted with it, at no lower level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from enum import IntEnum
import itertools
import math

import numpy as np

from aim_ros.hazards.components import find_components
from aim_ros.hazards.components import Softmax
from aim_ros.hazards.geometry import Box
from aim_ros.hazards.geometry import Corridor
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.geometry import pairwise_iou

_SAME_TRACK_IOU = 0.2
"""Boxes of one class in successive frames that overlap by this much are one track."""


class Level(IntEnum):
    """Alert levels, with the values of ``diagnostic_msgs/DiagnosticStatus``."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class AlertSettings:
    """
    What is alerted, and when.

    :param class_ids: the classes that are alerted.
    :param min_area: smallest region in pixels, >= 1.
    :param raise_after: seconds of header stamp for which a track is seen before it is raised.
    :param clear_after: seconds of header stamp unseen after which a track is cleared.
    :param near_m: distance in metres below which a track is near.
    :param near_row: normalised row below which a foot is near, where there is no calibration.
    :param corridor: the ego corridor.
    """

    class_ids: tuple[int, ...]
    min_area: int = 100
    raise_after: float = 0.2
    clear_after: float = 0.5
    near_m: float = 20.0
    near_row: float = 0.62
    corridor: Corridor = field(default_factory=Corridor)


@dataclass(frozen=True)
class Region:
    """
    A connected region of one alert class in one frame.

    :param class_id: its class.
    :param box: its bounding box.
    :param area: its pixels.
    :param confidence: mean probability of the class over it, unmodulated, 0..1.
    :param modulated_share: share of its pixels that only the modulation turned, 0..1.
    """

    class_id: int
    box: Box
    area: int
    confidence: float
    modulated_share: float


@dataclass(frozen=True)
class Alert:
    """
    A raised track, as published.

    :param track_id: stable id, unique for a camera.
    :param region: where it was last seen.
    :param level: `Level.ERROR` near and in the corridor, else `Level.WARN`.
    :param in_corridor: whether its foot lies in the ego corridor.
    :param near: whether it is near.
    :param distance_m: forward distance on flat ground, metres; NaN without calibration.
    :param bearing_deg: degrees, positive to the left; NaN without calibration.
    :param truncated: whether its box touches the image's border.
    :param age_s: seconds of header stamp since it was first seen.
    :param unseen_s: seconds of header stamp since it was last seen; 0 when in this frame.
    """

    track_id: int
    region: Region
    level: Level
    in_corridor: bool
    near: bool
    distance_m: float
    bearing_deg: float
    truncated: bool
    age_s: float
    unseen_s: float


@dataclass(frozen=True)
class AlertReport:
    """
    The alerts of one frame.

    :param alerts: every track that is raised now, by track id.
    :param raised: ids of `alerts` that the last frame's report did not have.
    :param cleared: ids of the last frame's alerts that are no more.
    :param regions: every region that counted, raised or not.
    :param restarted: why tracking started afresh with this frame; empty if it did not.
    """

    alerts: tuple[Alert, ...] = ()
    raised: tuple[int, ...] = ()
    cleared: tuple[int, ...] = ()
    regions: tuple[Region, ...] = ()
    restarted: str = ''

    @property
    def level(self) -> Level:
        """The worst level of the alerts, `Level.OK` without any."""
        return max((alert.level for alert in self.alerts), default=Level.OK)


def find_regions(
    base: np.ndarray,
    focused: np.ndarray,
    probability: np.ndarray | Softmax,
    settings: AlertSettings,
) -> list[Region]:
    """
    Find the regions of the alert classes.

    :param base: (H, W) unmodulated class ids.
    :param focused: (H, W) class ids under the expected modulation; `base` itself if there is none.
    :param probability: (len(settings.class_ids), h, w) unmodulated probabilities of the alert
        classes on the logit grid, in the order of `settings.class_ids`; or the unmodulated logits.
    :return: regions of at least `min_area`, by class and then as they lie in the image.
    """
    found = find_components(
        base, focused, settings.class_ids, probability, settings.min_area)
    return [Region(settings.class_ids[k], tuple(box), area, confidence, modulated_share)
            for k, box, area, confidence, modulated_share in zip(
                *(values.tolist() for values in found), strict=True)]


@dataclass(eq=False)
class _Track:
    track_id: int
    first_ns: int
    last_ns: int
    region: Region
    raised: bool


class _Evidence:
    """
    What was known of every recent region in its frame.

    It stays true where it was seen, wherever the region's track went since.
    """

    def __init__(self):
        # Rows of: class id, left, top, right, bottom, seen, first seen, whether it is raised.
        self._rows = np.empty((0, 8), np.int64)

    def forget(self, before_ns: int) -> None:
        """Forget what was seen before a stamp."""
        self._rows = self._rows[self._rows[:, 5] >= before_ns]

    def add(self, tracks: Sequence[_Track]) -> None:
        """Remember the regions that tracks have now."""
        rows = [(track.region.class_id, *_edges(track.region.box),
                 track.last_ns, track.first_ns, track.raised) for track in tracks]
        self._rows = np.concatenate((self._rows, np.array(rows, np.int64).reshape(-1, 8)))

    def of(self, region: Region) -> tuple[int | None, bool]:
        """Return (when it was first seen, whether it is raised) of all that a region touches."""
        left, top, right, bottom = _edges(region.box)
        rows = self._rows
        touched = rows[
            (rows[:, 0] == region.class_id) & (rows[:, 1] < right) & (rows[:, 2] < bottom)
            & (rows[:, 3] > left) & (rows[:, 4] > top)]
        if not len(touched):
            return None, False
        return int(touched[:, 6].min()), bool(touched[:, 7].any())


def _edges(box: Box) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a box."""
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


class Tracker:
    """Tracks the regions of one camera from frame to frame and decides what is raised."""

    def __init__(self):
        self._ids = itertools.count(1)
        self._tracks: list[_Track] = []
        self._evidence = _Evidence()
        self._last_ns: int | None = None
        self._size: tuple[int, int] | None = None

    def update(
        self,
        regions: Sequence[Region],
        stamp_ns: int,
        size: tuple[int, int],
        settings: AlertSettings,
        camera: GroundCamera | None = None,
    ) -> AlertReport:
        """
        Take in a frame's regions.

        A stamp before the last one, or another image size, starts afresh. What was in the last
        frame counts as just seen, however long ago that was.

        :param stamp_ns: header stamp of the frame.
        :param size: (height, width) of the image.
        :param camera: calibration for distance and bearing; None judges near by `near_row`.
        """
        before = {track.track_id for track in self._tracks if track.raised}
        restarted = self._break(stamp_ns, size)
        if restarted:
            self._tracks, self._evidence = [], _Evidence()
        still_fresh = stamp_ns - _nanoseconds(settings.clear_after)
        remembered = still_fresh if self._last_ns is None else min(still_fresh, self._last_ns)
        self._last_ns, self._size = stamp_ns, size

        self._evidence.forget(before_ns=remembered)
        matches = _match(
            [track for track in self._tracks if track.last_ns >= remembered], regions)
        seen = [self._continue(region, matches.get(index), stamp_ns)
                for index, region in enumerate(regions)]
        matched = {track.track_id for track in matches.values()}
        unseen = [track for track in self._tracks
                  if track.track_id not in matched and track.last_ns >= still_fresh
                  and track.region.class_id in settings.class_ids]

        for track in seen:
            urgent = _judge(track, stamp_ns, size, settings, camera).level == Level.ERROR
            age = stamp_ns - track.first_ns
            track.raised = track.raised or urgent or age >= _nanoseconds(settings.raise_after)
        self._evidence.add(seen)

        self._tracks = sorted(seen + unseen, key=lambda track: track.track_id)
        alerts = [_judge(track, stamp_ns, size, settings, camera)
                  for track in self._tracks if track.raised]
        now = {alert.track_id for alert in alerts}
        return AlertReport(
            tuple(alerts), tuple(sorted(now - before)), tuple(sorted(before - now)),
            tuple(regions), restarted)

    def _break(self, stamp_ns: int, size: tuple[int, int]) -> str:
        """Return what separates a frame from those before it, if anything does."""
        if self._last_ns is None:
            return ''
        if stamp_ns < self._last_ns:
            return f'the stamp went back by {(self._last_ns - stamp_ns) / 1e9:.3f} s'
        if size != self._size:
            return (f'the image size changed from {self._size[1]}x{self._size[0]} to '
                    f'{size[1]}x{size[0]}')
        return ''

    def _continue(self, region: Region, track: _Track | None, stamp_ns: int) -> _Track:
        """Return the track of a region: `track` carried on, or a new one if that is None."""
        # A hazard that split off or merged is no new hazard: the oldest evidence counts.
        first_ns, raised = self._evidence.of(region)
        return _Track(
            track_id=track.track_id if track else next(self._ids),
            first_ns=stamp_ns if first_ns is None else first_ns,
            last_ns=stamp_ns,
            region=region,
            raised=raised)


def _nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds, so that comparing them with stamps is exact."""
    return round(seconds * 1e9)


def _match(tracks: Sequence[_Track], regions: Sequence[Region]) -> dict[int, _Track]:
    """Pair region indices with tracks of their class, best overlap first."""
    overlap = pairwise_iou([track.region.box for track in tracks],
                           [region.box for region in regions])
    class_of_track = np.array([track.region.class_id for track in tracks], int)
    class_of_region = np.array([region.class_id for region in regions], int)
    overlap[class_of_track[:, None] != class_of_region[None]] = 0
    pairs = np.argwhere(overlap >= _SAME_TRACK_IOU)
    best_first = np.argsort(-overlap[tuple(pairs.T)], kind='stable')
    matches: dict[int, _Track] = {}
    taken = set()
    for t, r in pairs[best_first].tolist():
        if t not in taken and r not in matches:
            matches[r] = tracks[t]
            taken.add(t)
    return matches


def _judge(
    track: _Track,
    stamp_ns: int,
    size: tuple[int, int],
    settings: AlertSettings,
    camera: GroundCamera | None,
) -> Alert:
    """Return the alert of a track, whether raised or not."""
    height, width = size
    x, y, box_width, box_height = box = track.region.box
    in_corridor = settings.corridor.contains_foot(box, size)
    if camera is None:
        distance, bearing = math.nan, math.nan
        near = (y + box_height) / height >= settings.near_row
    else:
        distance, bearing = camera.locate(box)
        # A foot below the image's lower edge is nearer than its row tells.
        near = distance < settings.near_m or y + box_height == height
    return Alert(
        track_id=track.track_id,
        region=track.region,
        level=Level.ERROR if near and in_corridor else Level.WARN,
        in_corridor=in_corridor,
        near=near,
        distance_m=distance,
        bearing_deg=bearing,
        truncated=x == 0 or y == 0 or x + box_width == width or y + box_height == height,
        age_s=(stamp_ns - track.first_ns) / 1e9,
        unseen_s=(stamp_ns - track.last_ns) / 1e9)
