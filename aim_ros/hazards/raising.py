"""Tracks -> alerts: who is raised, and at which level."""

from dataclasses import dataclass
import math

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.alerts import nanoseconds
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import clipped
from aim_ros.hazards.boxes import is_truncated
from aim_ros.hazards.evidence import is_strong
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.tracker import HOLD_S
from aim_ros.hazards.tracks import Track


@dataclass(frozen=True)
class Scene:
    """
    What decides about the tracks of one frame.

    :param now_ns: its time.
    :param size: (height, width) of its image.
    :param camera: calibration for distance and bearing; None takes near from `near_row`.
    :param like_ns: time of the last frame of this size, see `Tick`; None: of the last frame.
    """

    now_ns: int
    size: tuple[int, int]
    settings: AlertSettings
    camera: GroundCamera | None
    classes: RoadUserClasses
    like_ns: int | None = None


@dataclass(frozen=True)
class Place:
    """Where a box is: in the corridor, near, how far, and in which direction."""

    in_corridor: bool
    near: bool
    distance_m: float
    bearing_deg: float

    @property
    def urgent(self) -> bool:
        """Whether what is there is an `ERROR`."""
        return self.near and self.in_corridor


def place_of(box: Box, scene: Scene) -> Place:
    """Return where a box is."""
    settings, bottom, height = scene.settings, box[1] + box[3], scene.size[0]
    in_corridor = settings.corridor.contains_foot(box, scene.size)
    if scene.camera is None:
        return Place(in_corridor, bottom / height >= settings.near_row, math.nan, math.nan)
    distance, bearing = scene.camera.locate(box)
    # A foot below the image's lower edge is nearer than its row tells.
    return Place(
        in_corridor, distance < settings.near_m or bottom >= height, distance, bearing)


def decide(track: Track, scene: Scene, evidence_needed: float, at_once: bool = True) -> None:
    """
    Raise a track on enough evidence, and hold it where it is an `ERROR`.

    :param evidence_needed: seconds of sure sight.
    :param at_once: whether strong evidence near and in the corridor raises it at first sight.
    """
    if track.last_ns != scene.now_ns:
        return
    urgent = place_of(track.region.box, scene).urgent
    settings = scene.settings
    # Whole nanoseconds: sums of seconds are not exact.
    enough = nanoseconds(track.evidence) >= nanoseconds(evidence_needed)
    if enough or (urgent and at_once and is_strong(track.region, settings.min_area)):
        track.raised = True
    if track.raised and urgent and (at_once or track.seen_s >= settings.raise_after):
        track.error_until_ns = scene.now_ns + nanoseconds(HOLD_S)


def alert_of(track: Track, scene: Scene) -> Alert:
    """Return the alert of a track, whether raised or not."""
    region = track.region
    box = track.region.box if track.last_ns == scene.now_ns else (
        clipped(track.motion.rounded, scene.size) or region.box)
    place = place_of(box, scene)
    now = scene.now_ns / 1e9
    ttc, ttc_error = track.growth.time_to_contact(now)
    vx, vy = track.motion.velocity
    return Alert(
        track_id=track.track_id,
        kind=track.kind,
        level=Level.ERROR if scene.now_ns <= track.error_until_ns else Level.WARN,
        box=box,
        class_id=scene.classes.class_of(region.group, region.parts),
        area=region.area,
        confidence=region.confidence,
        modulated_share=region.modulated_share,
        coasting=track.last_ns != scene.now_ns,
        in_corridor=place.in_corridor,
        near=place.near,
        distance_m=place.distance_m,
        bearing_deg=place.bearing_deg,
        vx=vx,
        vy=vy,
        ttc_s=ttc,
        ttc_error_s=ttc_error,
        truncated=is_truncated(box, scene.size),
        age_s=(scene.now_ns - track.first_ns) / 1e9,
        unseen_s=(scene.now_ns - track.last_ns) / 1e9)
