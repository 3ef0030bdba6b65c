"""All that may be set while frames are perceived, as one immutable value."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from types import MappingProxyType

from aim_ros.decoding.decode import Modulation
from aim_ros.hazards.alerts import AlertSettings


@dataclass(frozen=True)
class Mount:
    """
    Where a camera sits on the vehicle.

    :param height: of its optical centre above the road, metres, > 0.
    :param pitch: downward tilt of its optical axis, radians; positive looks down.
    """

    height: float = 1.65
    pitch: float = 0.0


@dataclass(frozen=True)
class Settings:
    """
    One snapshot of the settings: whoever works with a frame needs no other.

    :param revision: counts the changes; 1 at start.
    :param profile: the driver profile's name, or ``custom``.
    :param modulation: what is done to the logits.
    :param alerts: what is alerted, and when.
    :param max_changed: share of a frame's pixels, 0..1, that focus modulation is expected to
        change at most: a frame that would exceed it gets a smaller sigma. 1 is no limit.
    :param stale_after: seconds without an answered frame after which the level is STALE, > 0.
    :param max_age: seconds from its header stamp after which an image is refused; 0 is no limit.
    :param mounts: where each camera sits, by its name; read-only.
    """

    revision: int
    profile: str
    modulation: Modulation
    alerts: AlertSettings
    max_changed: float = 1.0
    stale_after: float = 0.7
    max_age: float = 0.0
    mounts: Mapping[str, Mount] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, 'mounts', MappingProxyType(dict(self.mounts)))
