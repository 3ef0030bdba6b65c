"""Tracks -> alerts: who is raised, and at which level."""

from dataclasses import dataclass
import itertools
import math
from typing import Any
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.boxes import are_truncated
from aim_ros.hazards.boxes import as_boxes
from aim_ros.hazards.boxes import clip
from aim_ros.hazards.boxes import edges
from aim_ros.hazards.evidence import are_strong
from aim_ros.hazards.evidence import is_enough
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.pitching import PitchedCamera
from aim_ros.hazards.regions import parts_of
from aim_ros.hazards.table import objects
from aim_ros.hazards.tracker import HOLD_S
from aim_ros.hazards.tracks import Tracks


@dataclass(frozen=True)
class Scene:
    """
    What decides about the tracks of one frame.

    :param now_ns: its time.
    :param size: (height, width) of its image.
    :param camera: calibration for distance and bearing; None takes near from `near_row`.
    :param like_ns: time of the last frame of this size, see `Tick`; None: of the last frame.
    :param pitched: the camera as it is pitched in this frame; None where that is not known.
    """

    now_ns: int
    size: tuple[int, int]
    settings: AlertSettings
    camera: GroundCamera | None
    classes: RoadUserClasses
    like_ns: int | None = None
    pitched: PitchedCamera | None = None


class Places(NamedTuple):
    """Where boxes are: in the corridor, near, how far, and in which direction; each (n,)."""

    in_corridor: np.ndarray
    near: np.ndarray
    distance_m: np.ndarray
    bearing_deg: np.ndarray

    @property
    def urgent(self) -> np.ndarray:
        """Whether what is there is an `ERROR`, (n,)."""
        return self.near & self.in_corridor


def places_of(boxes: np.ndarray, scene: Scene) -> Places:
    """Return where boxes (n, 4) are."""
    settings, (_, _, _, bottom), height = scene.settings, edges(boxes), scene.size[0]
    in_corridor = settings.corridor.contain_feet(boxes, scene.size)
    if scene.camera is None:
        # The one NaN of `math` itself: so alerts that say the same compare as equal.
        unknown = objects([math.nan] * len(boxes))
        return Places(in_corridor, bottom / height >= settings.near_row, unknown, unknown)
    distance, bearing = scene.camera.locate_all(boxes)
    # A foot below the image's lower edge is nearer than its row tells.
    return Places(
        in_corridor, (distance < settings.near_m) | (bottom >= height), distance, bearing)


def _with_one_nan(values: np.ndarray) -> list[float]:
    """Return values with the one NaN of `math` itself, see `places_of`."""
    return [math.nan if math.isnan(value) else value for value in values.tolist()]


def decide(tracks: Tracks, scene: Scene, evidence_needed: np.ndarray | float,
           at_once: np.ndarray | bool = True) -> None:
    """
    Raise tracks on enough evidence, and hold those that are an `ERROR`.

    :param evidence_needed: seconds of sure sight; one for all, or one for each, (n,).
    :param at_once: whether strong evidence near and in the corridor raises at first sight; one for
        all, or one for each, (n,).
    """
    seen, settings = tracks.last_ns == scene.now_ns, scene.settings
    if not seen.any():
        return
    urgent = seen & places_of(tracks.box, scene).urgent
    tracks.raised |= seen & is_enough(tracks.evidence, evidence_needed)
    tracks.raised |= are_strong(tracks.region, urgent & at_once, settings.min_area)
    held = tracks.raised & urgent & (at_once | (tracks.seen_s >= settings.raise_after))
    tracks.error_until_ns[held] = scene.now_ns + nanoseconds(HOLD_S)


def shown_boxes(tracks: Tracks, scene: Scene) -> np.ndarray:
    """Return where tracks are shown: as last seen, or what of their prediction is in the image."""
    boxes, unseen = tracks.box.copy(), (tracks.last_ns != scene.now_ns).nonzero()[0]
    if len(unseen):
        inside, meets = clip(tracks.motion.rounded[unseen], scene.size)
        boxes[unseen[meets]] = inside[meets]
    return boxes


def alerts_of(tracks: Tracks, scene: Scene) -> list[Alert]:
    """Return the alert of each track, whether raised or not."""
    if not len(tracks):
        return []
    boxes, now_ns = shown_boxes(tracks, scene), scene.now_ns
    places = places_of(boxes, scene)
    ttc, ttc_error = map(_with_one_nan, tracks.approach.times_to_contact(now_ns / 1e9))
    vx, vy = tracks.motion.velocity.T.tolist()
    regions = tracks.region.tolist()
    columns: dict[str, list[Any]] = {
        'track_id': tracks.track_id.tolist(),
        'kind': tracks.looks.kind.tolist(),
        'level': [Level.ERROR if is_error else Level.WARN
                  for is_error in (now_ns <= tracks.error_until_ns).tolist()],
        'box': as_boxes(boxes),
        'class_id': scene.classes.classes_of(tracks.group, parts_of(regions)).tolist(),
        'area': [region.area for region in regions],
        'confidence': [region.confidence for region in regions],
        'modulated_share': [region.modulated_share for region in regions],
        'emphasised': [False] * len(tracks),
        'coasting': (tracks.last_ns != now_ns).tolist(),
        'in_corridor': places.in_corridor.tolist(),
        'near': places.near.tolist(),
        'distance_m': places.distance_m.tolist(),
        'bearing_deg': places.bearing_deg.tolist(),
        'vx': vx,
        'vy': vy,
        'ttc_s': ttc,
        'ttc_error_s': ttc_error,
        'truncated': are_truncated(boxes, scene.size).tolist(),
        'age_s': ((now_ns - tracks.first_ns) / 1e9).tolist(),
        'unseen_s': ((now_ns - tracks.last_ns) / 1e9).tolist(),
    }
    # In half the time of giving each alert its values by name.
    rows = zip(*(columns[name] for name in Alert._fields), strict=True)
    return list(itertools.starmap(Alert, rows))
