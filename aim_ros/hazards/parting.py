"""Regions that show several tracks are parted between them, by heads and by predictions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.assignment import solver
from aim_ros.hazards.boxes import areas
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.pairs import shared
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import Region
from aim_ros.hazards.splitting import Detail
from aim_ros.hazards.splitting import find_heads
from aim_ros.hazards.splitting import MIN_PIXELS
from aim_ros.hazards.table import objects
from aim_ros.hazards.tracks import Tracks

_MIN_INSIDE = 0.5
"""A track is in a region if this share of its prediction is."""

_MIN_BESIDE = 0.5
"""Two tracks stand side by side if this share of the lower one's rows are rows of the other."""

_MAX_HIDDEN = 0.6
"""A track is hidden behind another if this share of the smaller prediction is covered."""

_MIN_SPAN = 0.75
"""A region shows all of its tracks if it is this wide, as a share of what they span."""

_MIN_PART = 0.3
"""A part shows its track if it has this share of the pixels that the track had last."""

_MIN_SEEN = 0.15
"""Seconds of sight after which a track may claim a part of a region."""


_KNOWN = Detail(smoothing=0.02, height=0.45, depth=0.02, apart=0.1)
"""Heads of people who are known to be there stand out less."""

_ACROSS, _DOWN = 0.6, 0.3
"""How far a head may be from where it is expected, in shares of width and height."""

_MIN_SHOULDERS = 0.35
"""Nobody is narrower than this share of the height, however narrow the box."""

_NEVER = 1e6


class _Claimant(NamedTuple):
    """
    A track that lies in a region which others lie in too.

    :param row: of its table.
    :param left, top, width, height: where it is predicted.
    :param area: the pixels that it had last.
    """

    row: int
    track_id: int
    raised: bool
    area: int
    left: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def right(self) -> float:
        return self.left + self.width


Parts = list[tuple[int, Region]]
"""Rows of tracks, each with a part of a region; a track may have parts of several."""


def part(regions: Sequence[Region], tracks: Tracks, rows: np.ndarray, pixels: Pixels | None
         ) -> tuple[Parts, list[Region]]:
    """
    Part the regions that show several tracks.

    :param tracks: with their motions taken to this frame.
    :param rows: of the tracks that may have parts.
    :param pixels: for the exact boxes of the parts; None takes them from the predictions.
    :return: the tracks that were found in shared regions, each with its part; and the regions
        that are left for assignment.
    """
    known = rows[tracks.seen_s[rows] >= _MIN_SEEN]
    if len(known) < 2 or not regions:
        return [], list(regions)
    claims: dict[int, list[int]] = {}
    for row, r in zip(*_mostly_in(tracks, known, regions, _MIN_INSIDE), strict=True):
        claims.setdefault(r, []).append(row)
    parted, shared_out = [], set()
    for r, claimants in sorted(claims.items()):
        if len(claimants) < 2:
            continue
        parts = _parts(regions[r], [_claimant(tracks, row) for row in claimants], pixels)
        if parts:
            parted += parts
            shared_out.add(r)
    return parted, [region for r, region in enumerate(regions) if r not in shared_out]


def _claimant(tracks: Tracks, row: int) -> _Claimant:
    return _Claimant(
        row, int(tracks.track_id[row]), bool(tracks.raised[row]), tracks.region[row].area,
        *tracks.motion.box[row].tolist())


def _parts(region: Region, claimants: Sequence[_Claimant], pixels: Pixels | None) -> Parts:
    """Return each track with its part of a region; none if the region does not show them all."""
    # Who stands in front, with the lowest foot, is seen whole; of those behind, what sticks out.
    ranked = sorted(claimants, key=lambda one: (not one.raised, -one.bottom, one.track_id))
    front = ranked[0]
    if any(not _same_rows(one, front) for one in ranked):
        # One above the other, such as rider and bicycle: fragments of one that came together.
        return []
    heads = _heads(region, ranked, pixels)
    shown: list[_Claimant] = []
    for one in ranked:
        if one.row in heads or all(_beside(one, other) for other in shown):
            shown.append(one)
    span = max(one.right for one in shown) - min(one.left for one in shown)
    if len(shown) > len(heads) and len(shown) > 1 and region.box[2] < _MIN_SPAN * span:
        return []
    # Who is hidden may still be the one who ends the region on a side.
    first = min(ranked, key=lambda one: one.left)
    last = max(ranked, key=lambda one: one.right)
    parts = []
    for one in shown:
        columns = _columns(region.box, one, heads.get(one.row), one is first, one is last)
        found = _part(region, one, columns, one is front, pixels)
        if found is not None and found.area >= _MIN_PART * one.area:
            parts.append((one.row, found))
    return parts


def _heads(region: Region, claimants: Sequence[_Claimant], pixels: Pixels | None
           ) -> dict[int, float]:
    """Return the middles of the heads that a region shows of its claimants, by their rows."""
    if pixels is None or region.group != VULNERABLE or region.box[3] < MIN_PIXELS:
        return {}
    x, y, _, height = region.box
    columns, outline = find_heads(pixels.bodies(region.group, region.box), _KNOWN)
    if len(columns) < 2:
        # One alone may be that of either, or where two meet.
        return {}
    left, top, width, tall = np.array(
        [(one.left, one.top, one.width, one.height) for one in claimants]).T
    heads = x + 0.5 + np.array(columns)
    across = np.abs(np.subtract.outer(left + width / 2, heads)) / np.maximum(
        width, _MIN_SHOULDERS * tall)[:, None]
    down = np.abs(np.subtract.outer(top, y + height - outline[columns])) / tall[:, None]
    near = (across <= _ACROSS) & (down <= _DOWN)
    paired = zip(*solver()(np.where(near, across + down, _NEVER)), strict=True)
    return {claimants[i].row: float(heads[j]) for i, j in paired if near[i, j]}


def _columns(box: Box, one: _Claimant, head: float | None, is_first: bool, is_last: bool
             ) -> tuple[int, int]:
    """
    Return start and width of a track's part.

    It lies around the track's head; where that is not seen, it ends where the region does, or is
    where it is predicted.
    """
    if is_first and is_last:
        return box[0], box[2]
    width = min(max(round(one.width), 1), box[2])
    start = round(one.left)
    if head is not None:
        start = round(head - width / 2)
    elif is_first:
        start = box[0]
    elif is_last:
        start = box[0] + box[2] - width
    return min(max(start, box[0]), box[0] + box[2] - width), width


def _part(region: Region, one: _Claimant, columns: tuple[int, int], is_front: bool,
          pixels: Pixels | None) -> Region | None:
    """Return the part of a region in some columns; None if nothing of the group is there."""
    (x, width), (_, top, _, height) = columns, region.box
    if not is_front or pixels is None:
        bottom = top + height
        upper = min(max(round(one.top), top), bottom - 1)
        lower = max(min(round(one.bottom), bottom), upper + 1)
        top, height = upper, lower - upper
    box = (x, top, width, height)
    if pixels is None:
        area = round(region.area * width * height / (region.box[2] * region.box[3]))
        return region._replace(box=box, area=area)
    seen = pixels.look(region.group, box)
    if seen is None:
        return None
    tight, area, parts = seen
    rows = (tight[1], tight[3]) if is_front else (top, height)
    return region._replace(box=(x, rows[0], width, rows[1]), area=area, parts=parts)


def hidden_behind(tracks: Tracks, rows: np.ndarray, parts: Parts) -> list[int]:
    """
    Return those of some rows that are hidden by others, to which a part of a region was given.

    What such a track may be shown as elsewhere is somebody else.
    """
    if not len(rows) or not parts:
        return []
    return _mostly_in(tracks, rows, [region for _, region in parts], _MAX_HIDDEN)[0]


def _mostly_in(tracks: Tracks, rows: np.ndarray, regions: Sequence[Region], share: float
               ) -> tuple[list[int], list[int]]:
    """Return which rows are predicted, by a share at least, in which regions of their group."""
    own, seen = tracks.motion.box[rows], boxes_of(regions)
    t, r = neighbours(own, seen)
    inside = shared(own[t], seen[r]) >= share * areas(own[t])
    t, r = rows[t[inside]], r[inside]
    same = tracks.group[t] == objects([region.group for region in regions])[r]
    return t[same].tolist(), r[same].tolist()


def _same_rows(one: _Claimant, other: _Claimant) -> bool:
    rows = min(one.bottom, other.bottom) - max(one.top, other.top)
    return rows >= _MIN_BESIDE * min(one.height, other.height)


def _beside(one: _Claimant, other: _Claimant) -> bool:
    """Whether one is not hidden behind the other."""
    rows = max(min(one.bottom, other.bottom) - max(one.top, other.top), 0)
    columns = max(min(one.right, other.right) - max(one.left, other.left), 0)
    return columns * rows <= _MAX_HIDDEN * min(
        one.width * one.height, other.width * other.height)
