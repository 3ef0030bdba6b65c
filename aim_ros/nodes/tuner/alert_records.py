"""What the alerts of a camera say, as plain values."""

from dataclasses import dataclass
import math

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus

from aim_ros.hazards.alerts import Level
from aim_ros.nodes.messages.conversions import stamp_to_ns
from aim_ros.nodes.messages.statuses import status_values


@dataclass(frozen=True)
class RoadUser:
    """
    A raised road user.

    :param track_id: its id.
    :param distance_m: forward distance in metres; NaN where nobody knows.
    :param ttc_s: seconds until contact; NaN where nobody knows.
    :param emphasised: whether only the modulation sees it.
    :param coasting: whether it is predicted and not seen.
    """

    track_id: str
    kind: str
    level: Level
    distance_m: float
    ttc_s: float
    emphasised: bool
    coasting: bool


@dataclass(frozen=True)
class Record:
    """
    The alerts of one frame.

    :param stamp_ns: header stamp, nanoseconds.
    :param level: of the camera as a whole.
    :param message: one line about it.
    :param profile: the driver profile in force.
    :param revision: of the settings.
    :param sigma: effective sigma of the focus, logits.
    :param changed_share: share of pixels that the modulation changed, 0..1; NaN without a frame.
    :param latency_ms: receipt to publication, milliseconds; NaN without a frame.
    :param road_users: those that are raised, the worst level first, the nearest first.
    """

    stamp_ns: int
    level: Level
    message: str
    profile: str
    revision: int
    sigma: float
    changed_share: float
    latency_ms: float
    road_users: tuple[RoadUser, ...]

    def count(self, level: Level) -> int:
        """Return how many road users have a level."""
        return sum(user.level == level for user in self.road_users)


def record_of(message: DiagnosticArray) -> Record:
    """
    Read the alerts of one frame.

    :raises ValueError: the message has no summary status, or a value of it is no number.
    """
    if not message.status:
        raise ValueError('an alerts message needs a summary status, and this one has none')
    summary, *others = message.status
    values = status_values(summary)
    users = sorted((_road_user(status) for status in others), key=_urgency)
    return Record(
        stamp_ns=stamp_to_ns(message.header.stamp),
        level=_level(summary),
        message=summary.message,
        profile=values.get('profile', ''),
        revision=int(values.get('revision', 0)),
        sigma=_number(values, 'sigma'),
        changed_share=_number(values, 'changed_share'),
        latency_ms=_number(values, 'receive_to_publish_ms'),
        road_users=tuple(users))


def _road_user(status: DiagnosticStatus) -> RoadUser:
    values = status_values(status)
    return RoadUser(
        track_id=values.get('track_id', ''),
        kind=values.get('kind', ''),
        level=_level(status),
        distance_m=_number(values, 'distance_m'),
        ttc_s=_number(values, 'ttc_s'),
        emphasised=values.get('emphasised') == 'true',
        coasting=values.get('coasting') == 'true')


def _urgency(user: RoadUser) -> tuple[int, float, str]:
    distance = math.inf if math.isnan(user.distance_m) else user.distance_m
    return -user.level, distance, user.track_id


def _level(status: DiagnosticStatus) -> Level:
    return Level(ord(status.level))


def _number(values: dict[str, str], key: str) -> float:
    return float(values.get(key, 'nan'))
