"""Regions that show several tracks at once are parted between them, by their predictions."""

from collections.abc import Sequence
from dataclasses import replace

from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.pairs import shared
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import Region
from aim_ros.hazards.tracks import Track

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


def part(regions: Sequence[Region], tracks: Sequence[Track], pixels: Pixels | None
         ) -> tuple[list[tuple[Track, Region]], list[Region]]:
    """
    Part the regions that show several tracks.

    :param tracks: each with its motion taken to this frame.
    :param pixels: for the exact boxes of the parts; None takes them from the predictions.
    :return: the tracks that were found in shared regions, each with its part; and the regions
        that are left for assignment.
    """
    known = [track for track in tracks if track.seen_s >= _MIN_SEEN]
    if len(known) < 2 or not regions:
        return [], list(regions)
    claims: dict[int, list[Track]] = {}
    for t, r in zip(*_mostly_in(known, regions, _MIN_INSIDE), strict=True):
        claims.setdefault(r, []).append(known[t])
    parted, whole = [], []
    for r, region in enumerate(regions):
        claimants = claims.get(r, [])
        parts = _parts(region, claimants, pixels) if len(claimants) > 1 else []
        if parts:
            parted += parts
        else:
            whole.append(region)
    return parted, whole


def _parts(region: Region, claimants: Sequence[Track], pixels: Pixels | None
           ) -> list[tuple[Track, Region]]:
    """Return each track with its part of a region; none if the region does not show them all."""
    # Who stands in front, with the lowest foot, is seen whole; of those behind, what sticks out.
    ranked = sorted(claimants, key=lambda track: (not track.raised, -_bottom(track),
                                                  track.track_id))
    shown: list[Track] = []
    for track in ranked:
        if all(_beside(track, other) for other in shown):
            shown.append(track)
    if any(not _same_rows(track, shown[0]) for track in ranked):
        # One above the other, such as rider and bicycle: fragments of one that came together.
        return []
    front = shown[0]
    span = max(_right(track) for track in shown) - min(track.predicted[0] for track in shown)
    if len(shown) > 1 and region.box[2] < _MIN_SPAN * span:
        return []
    # Who is hidden may still be the one who ends the region on a side.
    first = min(ranked, key=lambda track: track.predicted[0])
    last = max(ranked, key=_right)
    parts = []
    for track in shown:
        columns = _columns(region.box, track, track is first, track is last)
        found = _part(region, track, columns, track is front, pixels)
        if found is not None and found.area >= _MIN_PART * track.region.area:
            parts.append((track, found))
    return parts


def _columns(box: Box, track: Track, is_first: bool, is_last: bool) -> tuple[int, int]:
    """Return start and width of a track's part: it ends where the region does, or as predicted."""
    if is_first and is_last:
        return box[0], box[2]
    width = min(max(round(track.predicted[2]), 1), box[2])
    start = round(track.predicted[0])
    if is_first:
        start = box[0]
    elif is_last:
        start = box[0] + box[2] - width
    return min(max(start, box[0]), box[0] + box[2] - width), width


def _part(region: Region, track: Track, columns: tuple[int, int], is_front: bool,
          pixels: Pixels | None) -> Region | None:
    """Return the part of a region in some columns; None if nothing of the group is there."""
    (x, width), (_, top, _, height) = columns, region.box
    if not is_front or pixels is None:
        bottom = top + height
        upper = min(max(round(track.predicted[1]), top), bottom - 1)
        lower = max(min(round(_bottom(track)), bottom), upper + 1)
        top, height = upper, lower - upper
    box = (x, top, width, height)
    if pixels is None:
        area = round(region.area * width * height / (region.box[2] * region.box[3]))
        return replace(region, box=box, area=area)
    seen = pixels.look(region.group, box)
    if seen is None:
        return None
    tight, area, parts = seen
    rows = (tight[1], tight[3]) if is_front else (top, height)
    return replace(region, box=(x, rows[0], width, rows[1]), area=area, parts=parts)


def hidden_behind(tracks: Sequence[Track], parts: Sequence[tuple[Track, Region]]
                  ) -> frozenset[int]:
    """
    Return the ids of those of some tracks that others hide, to which a part of a region was given.

    What such a track may be shown as elsewhere is somebody else.
    """
    if not tracks or not parts:
        return frozenset()
    hidden, _ = _mostly_in(tracks, [region for _, region in parts], _MAX_HIDDEN)
    return frozenset(tracks[t].track_id for t in hidden)


def _mostly_in(tracks: Sequence[Track], regions: Sequence[Region], share: float
               ) -> tuple[list[int], list[int]]:
    """Return which tracks are predicted, by a share at least, in which regions of their group."""
    own = as_array([track.predicted for track in tracks])
    seen = as_array([region.box for region in regions])
    t, r = neighbours(own, seen)
    inside = shared(own[t], seen[r]) >= share * own[t, 2:].prod(1)
    pairs = [(i, j) for i, j in zip(t[inside].tolist(), r[inside].tolist(), strict=True)
             if tracks[i].region.group == regions[j].group]
    return [i for i, _ in pairs], [j for _, j in pairs]


def _bottom(track: Track) -> float:
    return track.predicted[1] + track.predicted[3]


def _right(track: Track) -> float:
    return track.predicted[0] + track.predicted[2]


def _same_rows(one: Track, other: Track) -> bool:
    rows = min(_bottom(one), _bottom(other)) - max(one.predicted[1], other.predicted[1])
    return rows >= _MIN_BESIDE * min(one.predicted[3], other.predicted[3])


def _beside(one: Track, other: Track) -> bool:
    """Whether one is not hidden behind the other."""
    ax, ay, aw, ah = one.predicted
    bx, by, bw, bh = other.predicted
    rows = max(min(ay + ah, by + bh) - max(ay, by), 0)
    columns = max(min(ax + aw, bx + bw) - max(ax, bx), 0)
    return columns * rows <= _MAX_HIDDEN * min(aw * ah, bw * bh)
