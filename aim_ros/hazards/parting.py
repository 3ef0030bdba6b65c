"""Regions that show several tracks at once are parted between them, by their predictions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import pairwise_shared
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.regions import Region
from aim_ros.hazards.tracks import Track

_MIN_INSIDE = 0.6
"""A track is in a region if this share of its prediction is."""

_MIN_BESIDE = 0.5
"""Two tracks stand side by side if this share of the lower one's rows are rows of the other."""

_MAX_HIDDEN = 0.6
"""A track is hidden behind another if this share of the smaller prediction is covered."""

_MIN_PART = 0.3
"""A part shows its track if it has this share of the pixels that the track had last."""

_MIN_SEEN = 0.15
"""Seconds of sight after which a track may claim a part of a region."""


def part(regions: Sequence[Region], tracks: Sequence[Track], pixels: Pixels | None
         ) -> tuple[list[tuple[Track, Region]], list[Region]]:
    """
    Part the regions that show several tracks.

    :param tracks: each with its motion taken to this frame.
    :param pixels: for the exact boxes of the parts; None takes rows from the predictions.
    :return: the tracks that were found in shared regions, each with its part; and the regions
        that are left for assignment.
    """
    known = [track for track in tracks if track.seen_s >= _MIN_SEEN]
    if not known or not regions:
        return [], list(regions)
    boxes = as_array([track.predicted for track in known])
    shared = pairwise_shared(boxes, as_array([region.box for region in regions]))
    inside = shared >= _MIN_INSIDE * boxes[:, 2:].prod(1)[:, None]
    parted, whole = [], []
    for r, region in enumerate(regions):
        claimants = [known[t] for t in np.flatnonzero(inside[:, r])
                     if known[t].region.group == region.group]
        claimants = _side_by_side(claimants)
        parts = _parts(region, claimants, pixels) if len(claimants) > 1 else []
        if len(parts) > 1:
            parted += parts
        else:
            whole.append(region)
    return parted, whole


def _side_by_side(tracks: Sequence[Track]) -> list[Track]:
    """Return the tracks that can each have a part, from left to right."""
    kept: list[Track] = []
    # Who stands in front, with the lowest foot, is seen whole.
    for track in sorted(tracks, key=lambda track: (-_bottom(track), track.track_id)):
        if all(_beside(track, other) for other in kept):
            kept.append(track)
    return sorted(kept, key=lambda track: track.predicted[0] + track.predicted[2] / 2)


def _bottom(track: Track) -> float:
    return track.predicted[1] + track.predicted[3]


def _beside(one: Track, other: Track) -> bool:
    ax, ay, aw, ah = one.predicted
    bx, by, bw, bh = other.predicted
    rows = min(ay + ah, by + bh) - max(ay, by)
    columns = max(min(ax + aw, bx + bw) - max(ax, bx), 0)
    return (rows >= _MIN_BESIDE * min(ah, bh)
            and columns * rows <= _MAX_HIDDEN * min(aw * ah, bw * bh))


def _parts(region: Region, tracks: Sequence[Track], pixels: Pixels | None
           ) -> list[tuple[Track, Region]]:
    """Return each track with the columns of a region up to half way to its neighbours."""
    left, top, width, height = region.box
    right, bottom = left + width, top + height
    found = []
    start = left
    for track, after in zip(tracks, [*tracks[1:], None], strict=True):
        x, y, w, h = track.predicted
        end = right
        if after is not None:
            end = min(max(round((x + w + after.predicted[0]) / 2), start), right)
        columns = (start, top, end - start, height)
        start = end
        if columns[2] < 1:
            continue
        if pixels is None:
            upper = min(max(round(y), top), bottom - 1)
            lower = max(min(round(y + h), bottom), upper + 1)
            box, area = (columns[0], upper, columns[2], lower - upper), None
            area = round(region.area * box[2] * box[3] / (width * height))
            parts = region.parts
        else:
            seen = pixels.look(region.group, columns)
            if seen is None:
                continue
            box, area, parts = seen
        if area >= _MIN_PART * track.region.area:
            found.append((track, replace(region, box=box, area=area, parts=parts)))
    return found
