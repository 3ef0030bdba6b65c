"""What is published of neutral tracks, which modulation and profile may only extend."""

from collections.abc import Sequence
import itertools
from typing import Any

import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.boxes import are_truncated
from aim_ros.hazards.boxes import as_boxes
from aim_ros.hazards.boxes import unions
from aim_ros.hazards.evidence import are_strong
from aim_ros.hazards.evidence import is_enough
from aim_ros.hazards.raising import alerts_of
from aim_ros.hazards.raising import Places
from aim_ros.hazards.raising import places_of
from aim_ros.hazards.raising import Scene
from aim_ros.hazards.raising import shown_boxes
from aim_ros.hazards.regions import boxes_of
from aim_ros.hazards.standings import Standings
from aim_ros.hazards.table import objects
from aim_ros.hazards.tracker import HOLD_S
from aim_ros.hazards.tracks import Tracks


def publish(tracks: Tracks, alerts: Sequence[Alert], standings: Standings, scene: Scene,
            adds: bool) -> list[Alert]:
    """
    Return what is published of neutral tracks: their alerts at least.

    :param alerts: the neutral alerts, one for each track that is raised.
    :param standings: how each track stands, which this frame changes.
    :param scene: the frame, under the settings in force.
    :param adds: whether modulation or profile may add to this frame's alerts.
    """
    standings.raised |= tracks.raised
    # Where nothing is added, the neutral stream alone raises, and what it says is all.
    complete = (not adds) & tracks.raised & (standings.public_id == tracks.track_id) & (
        standings.error_until_ns < scene.now_ns)
    considered = ~complete & (adds | standings.raised)
    if not considered.any():
        return list(alerts)
    return [*itertools.compress(alerts, complete[tracks.raised]),
            *_extended(tracks, alerts, standings, scene, considered)]


def _extended(tracks: Tracks, alerts: Sequence[Alert], standings: Standings, scene: Scene,
              considered: np.ndarray) -> list[Alert]:
    """Return what is published of the tracks considered, bool (n,), extended where it can be."""
    extended = considered & (standings.extended_ns == scene.now_ns)
    boxes = shown_boxes(tracks, scene)
    boxes[extended] = unions(boxes[extended], boxes_of(standings.extension[extended]))
    places = places_of(boxes, scene)
    _raise(tracks, standings, scene, considered, places.urgent)
    published = considered & standings.raised
    if not published.any():
        return []
    seen = published & (extended | (tracks.last_ns == scene.now_ns))
    _hold(tracks, alerts, standings, scene, seen, places.urgent)
    added, by_row = published & ~tracks.raised, objects([None] * len(tracks))
    by_row[tracks.raised] = objects(alerts)
    by_row[added] = objects(alerts_of(tracks.where(added), scene))
    extensions = np.where(extended, standings.extension, None)
    return _restated(
        by_row[published], standings.where(published), extensions[published], boxes[published],
        Places(*(column[published] for column in places)), scene)


def _raise(tracks: Tracks, standings: Standings, scene: Scene, considered: np.ndarray,
           urgent: np.ndarray) -> None:
    """Raise tracks that this frame shows on enough evidence, under the settings in force."""
    settings = scene.settings
    seen = considered & (tracks.last_ns == scene.now_ns)
    standings.raised |= seen & is_enough(tracks.evidence, settings.raise_after)
    standings.raised |= are_strong(tracks.region, seen & urgent, settings.min_area)


def _hold(tracks: Tracks, alerts: Sequence[Alert], standings: Standings, scene: Scene,
          seen: np.ndarray, urgent: np.ndarray) -> None:
    """Hold tracks that are seen, if they are an `ERROR`."""
    raise_after = scene.settings.raise_after
    at_once = tracks.raised.copy()
    at_once[at_once] = [alert.near and alert.in_corridor for alert in alerts]
    urgent = standings.stay_urgent(seen, urgent, at_once, scene.now_ns, nanoseconds(raise_after))
    held = urgent & (tracks.raised | (tracks.seen_s >= raise_after))
    standings.error_until_ns[held] = scene.now_ns + nanoseconds(HOLD_S)


def _restated(alerts: np.ndarray, standings: Standings, extensions: np.ndarray,
              boxes: np.ndarray, places: Places, scene: Scene) -> list[Alert]:
    """
    Return alerts as they stand with planners.

    :param extensions: the region that extends each, or None, (n,).
    :param boxes: where each is with it, (n, 4); and `places` those of these boxes.
    """
    columns = (
        standings.public_id, scene.now_ns <= standings.error_until_ns,
        (scene.now_ns - standings.first_ns) / 1e9, are_truncated(boxes, scene.size), *places)
    restated = []
    for (alert, extension, box, track_id, is_error, age, truncated, in_corridor, near, distance,
         bearing) in zip(alerts, extensions, as_boxes(boxes),
                         *(column.tolist() for column in columns), strict=True):
        changes: dict[str, Any] = {} if extension is None else {
            'box': box, 'area': max(alert.area, extension.area), 'truncated': truncated,
            'modulated_share': extension.modulated_share, 'coasting': False}
        level = max(Level.ERROR if is_error else Level.WARN, alert.level)
        restated.append(alert._replace(
            track_id=track_id, level=level, in_corridor=in_corridor, near=near,
            distance_m=distance, bearing_deg=bearing, age_s=age, **changes))
    return restated
