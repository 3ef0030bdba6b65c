"""What is published of a camera's road users, and the settings that say when."""

from dataclasses import dataclass
from dataclasses import field
from enum import IntEnum
import math
from typing import NamedTuple

from aim_ros.hazards.boxes import Box
from aim_ros.hazards.geometry import Corridor


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
    :param min_area: smallest region in pixels that starts a track, >= 1.
    :param raise_after: seconds of header stamp for which a road user is surely seen before it is
        raised; the less sure, the longer it takes.
    :param clear_after: seconds of header stamp unseen after which a road user is cleared.
    :param near_m: distance in metres below which a road user is near.
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


class Alert(NamedTuple):
    """
    A raised road user, as published.

    :param track_id: stable id, unique for a camera.
    :param kind: what it is: pedestrian, cyclist, motorcyclist, bicycle, motorcycle, vehicle, or
        the name of its class.
    :param level: `Level.ERROR` near and in the corridor, else `Level.WARN`.
    :param box: where it is; while `coasting`, where it is predicted.
    :param class_id: the class of most of its pixels when it was last seen.
    :param area: its pixels then.
    :param confidence: mean probability of its group over them, unmodulated, 0..1.
    :param modulated_share: share of them that only the modulation turned, 0..1.
    :param emphasised: whether only the modulation sees it.
    :param coasting: whether this frame does not show it.
    :param in_corridor: whether its foot lies in the ego corridor.
    :param near: whether it is near.
    :param distance_m: forward distance on flat ground, metres; NaN without calibration.
    :param bearing_deg: degrees, positive to the left; NaN without calibration.
    :param vx, vy: how fast the box's middle moves to the right and down, pixels a second.
    :param ttc_s: seconds until contact if nobody changes speed, from the height of the box and,
        with a calibrated camera, from its foot below the horizon; NaN where it cannot be measured.
    :param ttc_error_s: its standard deviation.
    :param truncated: whether its box touches the image's border.
    :param age_s: seconds of header stamp since it was first seen.
    :param unseen_s: seconds of header stamp since it was last seen; 0 when in this frame.
    """

    track_id: int
    kind: str
    level: Level
    box: Box
    class_id: int
    area: int
    confidence: float
    modulated_share: float = 0.0
    emphasised: bool = False
    coasting: bool = False
    in_corridor: bool = False
    near: bool = False
    distance_m: float = math.nan
    bearing_deg: float = math.nan
    vx: float = 0.0
    vy: float = 0.0
    ttc_s: float = math.nan
    ttc_error_s: float = math.nan
    truncated: bool = False
    age_s: float = 0.0
    unseen_s: float = 0.0


@dataclass(frozen=True)
class AlertReport:
    """
    The alerts of one frame.

    :param alerts: every road user that is raised now, by id.
    :param raised: ids of `alerts` that the last frame's report did not have.
    :param cleared: ids of the last frame's alerts that are no more.
    :param restarted: why tracking started afresh with this frame; empty if it did not.
    :param stepped_back_s: by how many seconds the stamp was older than the last one's, and the
        frame was taken at the time of that one; 0 if it was not.
    :param resized_from: (height, width) of the last frame, where this one has another size: its
        tracks went on, scaled; None where it has not.
    """

    alerts: tuple[Alert, ...] = ()
    raised: tuple[int, ...] = ()
    cleared: tuple[int, ...] = ()
    restarted: str = ''
    stepped_back_s: float = 0.0
    resized_from: tuple[int, int] | None = None

    @property
    def level(self) -> Level:
        """The worst level of the alerts, `Level.OK` without any."""
        return max((alert.level for alert in self.alerts), default=Level.OK)


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds, so that comparing them with stamps is exact."""
    return round(seconds * 1e9)
