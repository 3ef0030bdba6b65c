"""What modulation and profile add to the neutral alerts: they extend some, and add others."""

from collections.abc import Sequence
import itertools

import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.boxes import as_boxes
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import measures
from aim_ros.hazards.evidence import shares_counted
from aim_ros.hazards.evidence import sureness
from aim_ros.hazards.extending import publish
from aim_ros.hazards.pairs import belong
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.parting import part
from aim_ros.hazards.raising import alerts_of
from aim_ros.hazards.raising import decide
from aim_ros.hazards.raising import Scene
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.regions import Region
from aim_ros.hazards.sight import Sight
from aim_ros.hazards.standings import NO_STANDINGS
from aim_ros.hazards.tracker import Tracker
from aim_ros.hazards.tracks import Tracks

FIRST_ID = 1_000_000_001
"""
Ids from here on belong to road users that the neutral stream did not see first.

Whatever the network sees for a moment takes an id, so that a million would be used up in a day.
"""

_BELONGS = 0.3
"""A region belongs to a track if they share this part of the smaller of their boxes."""

_CONTINUES = 0.2
"""A new track goes on with an emphasised one if their boxes overlap by this much."""

EXTRA_S, EXTRA_S_UNFILTERED = 0.2, 0.6
"""Seconds of evidence beyond `raise_after` that an emphasised road user needs, with and without a
fitted filter."""

_LEAST, _MOST = 0.2, 0.4
"""Unmodulated probability at which an emphasised region counts for nothing, and for all its time,
where there is no filter: modulation turns pixels that the model gives to another class."""


class FocusedStream:
    """The part of one camera's alerts that modulation and profile may touch."""

    def __init__(self):
        self._filter: EmphasisFilter | None = None
        self._neutral_boxes: list[Box] = []
        self._scene: Scene | None = None
        self._tracker = Tracker(itertools.count(FIRST_ID), self._weigh)
        self._standings = NO_STANDINGS

    def restart(self) -> None:
        """Forget everything but which ids were given."""
        self._tracker.restart()
        self._standings = NO_STANDINGS

    def resize(self, scale: Scale) -> None:
        """Go on in images of another size."""
        self._tracker.resize(scale)
        self._standings.resize(scale)

    def extend(self, neutral: Tracker, alerts: Sequence[Alert], sight: Sight | None, scene: Scene,
               filter_: EmphasisFilter | None, owner_clear_after: float) -> list[Alert]:
        """
        Return what is published of a frame.

        Each of `alerts` lies in one of the result, at no lower level.

        :param neutral: the neutral stream's tracks.
        :param alerts: its alerts, one for each track that is raised.
        :param sight: what either decision shows; None where nothing is added.
        :param scene: the frame, under the settings in force.
        :param owner_clear_after: seconds after which the neutral stream clears.
        """
        self._filter, self._scene = filter_, scene
        self._tracker.keep(scene.classes.groups_of(scene.settings.class_ids))
        regions = sight.regions if sight else ()
        self._neutral_boxes, owned, free = [], {}, []
        if regions:
            boxes = neutral.tracks.boxes(scene.now_ns)
            self._neutral_boxes = as_boxes(boxes) if filter_ else []
            owned, free = share_out(regions, neutral.tracks.group, boxes)
        self._adopt(neutral.ended, nanoseconds(owner_clear_after))
        self._stand(neutral.tracks, owned)
        self._extend_boxes(neutral.tracks, owned, sight)
        self._tracker.update(
            free, scene.now_ns, scene.size, scene.settings, sight.pixels if sight else None,
            scene.like_ns, scene.pitched)
        return publish(
            neutral.tracks, alerts, self._standings, scene, sight is not None) + self._beside()

    def _adopt(self, ended: Tracks, owner_clear_after: int) -> None:
        """Go on with neutral tracks that ended, if modulation sees them, or a profile waits."""
        if not len(ended):
            return
        now_ns, clear_after = self._scene.now_ns, nanoseconds(self._scene.settings.clear_after)
        standings = self._standings.of(ended.track_id)
        last_ns = np.maximum(ended.last_ns, standings.extended_ns)
        extended = standings.extended_ns > ended.last_ns
        # Else it left the picture.
        ran_out = now_ns - ended.last_ns > owner_clear_after
        waits = (now_ns - last_ns <= clear_after) | (now_ns <= standings.error_until_ns)
        rows = (standings.raised & waits & (extended | ran_out)).nonzero()[0]
        if not len(rows):
            return
        regions, boxes = np.where(extended, standings.extension, ended.region), ended.box.copy()
        boxes[extended] = boxes_of(regions[extended])
        heirs = Tracks.beginning_with(
            standings.public_id[rows], regions[rows], boxes[rows], standings.first_ns[rows],
            last_ns[rows])
        heirs.looks.kind, heirs.raised[:] = ended.looks.kind[rows], True
        heirs.seen_s = ended.seen_s[rows]
        heirs.error_until_ns = standings.error_until_ns[rows]
        self._tracker.tracks = self._tracker.tracks.joined(heirs)

    def _stand(self, tracks: Tracks, owned: dict[int, list[Region]]) -> None:
        """Let new neutral tracks go on with emphasised ones that they turn out to be."""
        self._standings, new = self._standings.following(tracks)
        for row in new.tolist():
            beside = self._tracker.tracks
            if not len(beside):
                return
            group = (beside.group == tracks.group[row]).nonzero()[0]
            if not len(group):
                continue
            boxes = boxes_of(owned[row]) if row in owned else tracks.box[[row]]
            overlap = pairwise_iou(boxes, beside.box[group]).max(0)
            if overlap.max() >= _CONTINUES:
                self._take_over(row, int(group[overlap.argmax()]))

    def _take_over(self, row: int, other: int) -> None:
        """Let a neutral track go on with one of those beside the neutral ones."""
        beside, standings = self._tracker.tracks, self._standings
        standings.public_id[row] = beside.track_id[other]
        standings.first_ns[row] = beside.first_ns[other]
        standings.raised[row] = beside.raised[other]
        standings.error_until_ns[row] = beside.error_until_ns[other]
        self._tracker.tracks = beside.where(np.arange(len(beside)) != other)

    def _extend_boxes(self, tracks: Tracks, owned: dict[int, list[Region]], sight: Sight | None
                      ) -> None:
        """Note which region extends which neutral track in this frame."""
        owners: dict[int, tuple[Region, list[int]]] = {}
        for row, regions in sorted(owned.items()):
            for region in regions:
                owners.setdefault(id(region), (region, []))[1].append(row)
        for region, rows in owners.values():
            parts = [(rows[0], region)] if len(rows) == 1 else part(
                [region], tracks, np.array(rows), sight.pixels)[0]
            for row, extension in parts:
                self._standings.extend(row, extension, self._scene.now_ns)

    def _beside(self) -> list[Alert]:
        """Return the alerts of those tracks beside the neutral ones that are raised."""
        tracks, scene = self._tracker.tracks, self._scene
        if not len(tracks):
            return []
        own = np.array([region.modulated_share for region in tracks.region]) < 0.5
        extra = np.where(own, 0.0, EXTRA_S if self._filter else EXTRA_S_UNFILTERED)
        decide(tracks, scene, scene.settings.raise_after + extra, at_once=own)
        return [alert._replace(emphasised=alert.modulated_share >= 0.5)
                for alert in alerts_of(tracks.where(tracks.raised), scene)]

    def _weigh(self, regions: Sequence[Region]) -> np.ndarray:
        """Return for which share of its time each region beside the neutral ones counts, (n,)."""
        weights = sureness(regions)
        rows = [row for row, region in enumerate(regions) if region.modulated_share >= 0.5]
        emphasised = [regions[row] for row in rows]
        if self._filter is None:
            # What the neutral stream doubts is not to be raised because a profile wishes it.
            weights[rows] = np.where([region.floats for region in emphasised], 0.0,
                                     shares_counted(emphasised, _LEAST, _MOST))
        else:
            weights[rows] = [
                self._filter.weight(measures(region, self._scene.size, self._neutral_boxes))
                for region in emphasised]
        return weights


def share_out(regions: Sequence[Region], groups: Sequence[str], boxes: np.ndarray
              ) -> tuple[dict[int, list[Region]], list[Region]]:
    """
    Share regions out among neutral road users.

    :param groups: the group of each road user.
    :param boxes: where each is, (n, 4).
    :return: the regions that belong to each, by its index, and those that belong to none.
    """
    owned: dict[int, list[Region]] = {}
    if not regions or not len(groups):
        return owned, list(regions)
    theirs = boxes_of(regions)
    r, t = neighbours(theirs, boxes)
    belongs = belong(theirs[r], boxes[t], _BELONGS)
    taken = set()
    for i, j in zip(r[belongs].tolist(), t[belongs].tolist(), strict=True):
        if regions[i].group == groups[j]:
            owned.setdefault(j, []).append(regions[i])
            taken.add(i)
    return owned, [region for i, region in enumerate(regions) if i not in taken]
