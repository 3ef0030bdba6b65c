"""What modulation and profile add to the neutral alerts: they extend some, and add others."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import itertools

import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import is_truncated
from aim_ros.hazards.boxes import pairwise_iou
from aim_ros.hazards.boxes import Scale
from aim_ros.hazards.boxes import union
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.emphasis_filter import measures
from aim_ros.hazards.evidence import is_strong
from aim_ros.hazards.evidence import sureness
from aim_ros.hazards.pairs import belong
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.parting import part
from aim_ros.hazards.raising import alert_of
from aim_ros.hazards.raising import decide
from aim_ros.hazards.raising import place_of
from aim_ros.hazards.raising import Scene
from aim_ros.hazards.regions import Region
from aim_ros.hazards.sight import Sight
from aim_ros.hazards.tracker import HOLD_S
from aim_ros.hazards.tracker import Tracker
from aim_ros.hazards.tracks import Track

FIRST_ID = 1_000_001
"""Ids from here on belong to road users that the neutral stream did not see first."""

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


@dataclass
class _Standing:
    """How a neutral track stands with planners, which may be better than with the owner."""

    public_id: int
    first_ns: int
    raised: bool = False
    error_until_ns: int = -1
    urgent_since_ns: int | None = None
    extension: Region | None = None
    extended_ns: int = -1


class FocusedStream:
    """The part of one camera's alerts that modulation and profile may touch."""

    def __init__(self):
        self._filter: EmphasisFilter | None = None
        self._neutral_boxes: list[Box] = []
        self._scene: Scene | None = None
        self._adds = False
        self._tracker = Tracker(itertools.count(FIRST_ID), self._weigh)
        self._standings: dict[int, _Standing] = {}

    def restart(self) -> None:
        """Forget everything but which ids were given."""
        self._tracker.restart()
        self._standings = {}

    def resize(self, scale: Scale) -> None:
        """Go on in images of another size."""
        self._tracker.resize(scale)
        for standing in self._standings.values():
            if standing.extension is not None:
                standing.extension = standing.extension.resized(scale)

    def extend(self, neutral: Tracker, alerts: Sequence[Alert], sight: Sight | None, scene: Scene,
               filter_: EmphasisFilter | None, owner_clear_after: float) -> list[Alert]:
        """
        Return what is published of a frame.

        Each of `alerts` lies in one of the result, at no lower level.

        :param neutral: the neutral stream's tracks.
        :param alerts: its alerts.
        :param sight: what either decision shows; None where nothing is added.
        :param scene: the frame, under the settings in force.
        :param owner_clear_after: seconds after which the neutral stream clears.
        """
        self._filter, self._scene, self._adds = filter_, scene, sight is not None
        self._tracker.keep(scene.classes.groups_of(scene.settings.class_ids))
        self._neutral_boxes = [track.box(scene.now_ns) for track in neutral.tracks]
        shared, free = share_out(
            sight.regions if sight else (), [track.region.group for track in neutral.tracks],
            as_array(self._neutral_boxes))
        owned = {neutral.tracks[t].track_id: regions for t, regions in shared.items()}
        self._adopt(neutral.ended, nanoseconds(owner_clear_after))
        self._stand(neutral.tracks, owned)
        self._extend_boxes(neutral.tracks, owned, sight)
        self._tracker.update(
            free, scene.now_ns, scene.size, scene.settings, sight.pixels if sight else None,
            scene.like_ns)
        by_id = {alert.track_id: alert for alert in alerts}
        published = [alert for track in neutral.tracks
                     if (alert := self._publish(track, by_id.get(track.track_id)))]
        return published + [self._beside(track) for track in self._tracker.tracks
                            if self._is_raised(track)]

    def _adopt(self, ended: Sequence[Track], owner_clear_after: int) -> None:
        """Go on with neutral tracks that ended, if modulation sees them, or a profile waits."""
        now_ns, clear_after = self._scene.now_ns, nanoseconds(self._scene.settings.clear_after)
        for track in ended:
            standing = self._standings.pop(track.track_id, None)
            if standing is None or not standing.raised:
                continue
            last_ns = max(track.last_ns, standing.extended_ns)
            extended = standing.extended_ns > track.last_ns
            # Else it left the picture.
            ran_out = now_ns - track.last_ns > owner_clear_after
            waits = now_ns - last_ns <= clear_after or now_ns <= standing.error_until_ns
            if not (waits and (extended or ran_out)):
                continue
            region = standing.extension if extended else track.region
            heir = Track(standing.public_id, region, standing.first_ns, last_ns)
            heir.kind, heir.raised = track.kind, True
            heir.seen_s, heir.error_until_ns = track.seen_s, standing.error_until_ns
            self._tracker.tracks.append(heir)

    def _stand(self, tracks: Sequence[Track], owned: dict[int, list[Region]]) -> None:
        """Let new neutral tracks go on with emphasised ones that they turn out to be."""
        for track in tracks:
            if track.track_id in self._standings:
                continue
            standing = _Standing(track.track_id, track.first_ns)
            self._standings[track.track_id] = standing
            if not self._tracker.tracks:
                continue
            boxes = [region.box for region in owned.get(track.track_id, ())] or [track.region.box]
            before = [one for one in self._tracker.tracks
                      if one.region.group == track.region.group]
            overlap = pairwise_iou(boxes, [one.region.box for one in before])
            if overlap.size and overlap.max() >= _CONTINUES:
                one = before[int(overlap.max(0).argmax())]
                self._tracker.tracks.remove(one)
                standing.public_id, standing.first_ns = one.track_id, one.first_ns
                standing.raised, standing.error_until_ns = one.raised, one.error_until_ns

    def _extend_boxes(self, tracks: Sequence[Track], owned: dict[int, list[Region]],
                      sight: Sight | None) -> None:
        """Note which region extends which neutral track in this frame."""
        shared: dict[int, tuple[Region, list[Track]]] = {}
        for track in tracks:
            for region in owned.get(track.track_id, ()):
                shared.setdefault(id(region), (region, []))[1].append(track)
        for region, owners in shared.values():
            pairs = [(owners[0], region)] if len(owners) == 1 else part(
                [region], owners, sight.pixels)[0]
            for track, extension in pairs:
                standing = self._standings[track.track_id]
                if standing.extended_ns == self._scene.now_ns:
                    extension = max(extension, standing.extension, key=lambda one: one.area)
                standing.extension, standing.extended_ns = extension, self._scene.now_ns

    def _publish(self, track: Track, neutral: Alert | None) -> Alert | None:
        """Return what is published of a neutral track, None if it is not raised."""
        scene, standing = self._scene, self._standings[track.track_id]
        extended = standing.extended_ns == scene.now_ns
        if neutral and not self._adds and standing.public_id == track.track_id and (
                standing.error_until_ns < scene.now_ns):
            standing.raised = True
            return neutral
        if neutral is None and not self._adds and not standing.raised:
            # Nothing but the neutral stream can raise it.
            return None
        alert = neutral or alert_of(track, scene)
        box, changes = alert.box, {}
        if extended:
            box = union(box, standing.extension.box)
            changes = {
                'box': box, 'area': max(alert.area, standing.extension.area),
                'modulated_share': standing.extension.modulated_share,
                'truncated': is_truncated(box, scene.size)}
        place = place_of(box, scene)
        if track.last_ns == scene.now_ns:
            settings = scene.settings
            standing.raised |= (
                nanoseconds(track.evidence) >= nanoseconds(settings.raise_after)
                or (place.urgent and is_strong(track.region, settings.min_area)))
        standing.raised |= neutral is not None
        if not standing.raised:
            return None
        if (extended or track.last_ns == scene.now_ns) and self._stays_urgent(
                standing, place.urgent, neutral) and (
                track.seen_s >= scene.settings.raise_after or neutral is not None):
            standing.error_until_ns = scene.now_ns + nanoseconds(HOLD_S)
        level = Level.ERROR if scene.now_ns <= standing.error_until_ns else Level.WARN
        return replace(
            alert, track_id=standing.public_id, level=max(level, alert.level),
            in_corridor=place.in_corridor, near=place.near, distance_m=place.distance_m,
            bearing_deg=place.bearing_deg, coasting=alert.coasting and not extended,
            age_s=(scene.now_ns - standing.first_ns) / 1e9, **changes)

    def _stays_urgent(self, standing: _Standing, urgent: bool, neutral: Alert | None) -> bool:
        """
        Whether a road user that is seen is an `ERROR`; note since when it may be one.

        What only a larger box or a larger `near_m` makes one touches the corridor with an edge
        that flickers: it has to do so for `raise_after`.
        """
        if not urgent:
            standing.urgent_since_ns = None
            return False
        now_ns = self._scene.now_ns
        if standing.urgent_since_ns is None:
            standing.urgent_since_ns = now_ns
        at_once = neutral is not None and neutral.near and neutral.in_corridor
        return at_once or now_ns - standing.urgent_since_ns >= nanoseconds(
            self._scene.settings.raise_after)

    def _is_raised(self, track: Track) -> bool:
        """Raise a track beside the neutral ones on enough evidence; return whether it is."""
        settings = self._scene.settings
        own = track.region.modulated_share < 0.5
        extra = 0.0 if own else EXTRA_S if self._filter else EXTRA_S_UNFILTERED
        decide(track, self._scene, settings.raise_after + extra, at_once=own)
        return track.raised

    def _beside(self, track: Track) -> Alert:
        return replace(alert_of(track, self._scene),
                       emphasised=track.region.modulated_share >= 0.5)

    def _weigh(self, region: Region) -> float:
        """Return for which share of its time a region beside the neutral ones counts."""
        if region.modulated_share < 0.5:
            return sureness(region)
        if self._filter is None:
            return min(max((region.confidence - _LEAST) / (_MOST - _LEAST), 0.0), 1.0)
        return self._filter.weight(measures(region, self._scene.size, self._neutral_boxes))


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
    theirs = as_array([region.box for region in regions])
    r, t = neighbours(theirs, boxes)
    belongs = belong(theirs[r], boxes[t], _BELONGS)
    taken = set()
    for i, j in zip(r[belongs].tolist(), t[belongs].tolist(), strict=True):
        if regions[i].group == groups[j]:
            owned.setdefault(j, []).append(regions[i])
            taken.add(i)
    return owned, [region for i, region in enumerate(regions) if i not in taken]
