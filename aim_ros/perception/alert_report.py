"""
What is said of a frame's road users, as plain records: for messages, live or in a recording.

`docs/alerts.md` lists the keys of the statuses and their units.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.hazards.geometry import GroundPosition
from aim_ros.segmentation.labels import LabelSet

if TYPE_CHECKING:
    # They import torch, which the replay and others that only make messages do without.
    from aim_ros.modulation import Modulation
    from aim_ros.perception.pipeline import Perception
    from aim_ros.perception.settings import Settings

VARIANCE_X, VARIANCE_Y = 0, 7
"""Where the variances of x and y are in the covariance of a pose (6x6, flat)."""

EMPHASISED, COASTING = 'emphasised', 'coasting'
"""How a detection says that only the modulation sees it, and that its box is predicted."""

_NOWHERE = GroundPosition(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Status:
    """
    One status, with the fields of ``diagnostic_msgs/DiagnosticStatus``.

    :param values: by key, not yet as text: see `value_text`.
    """

    level: int
    name: str
    message: str
    hardware_id: str
    values: Mapping[str, object]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The keys and their values as they go out."""
        return [(key, value_text(value)) for key, value in self.values.items()]


@dataclass(frozen=True)
class Detection:
    """
    One road user, with what ``vision_msgs/Detection2D`` has a place for.

    :param track_id: its id.
    :param center: (x, y) of its box's middle, pixels.
    :param size: (width, height) of its box, pixels.
    :param class_ids: what it is, in this order: the class of most of its pixels as the number
        in the mask; its kind; `EMPHASISED` and `COASTING`, where it is so.
    :param score: 0..1, of all of these. One of them that scored higher would be taken for the
        class by whoever takes the best.
    :param position: where it stands on the ground; None where that is not known.
    """

    track_id: str
    center: tuple[float, float]
    size: tuple[float, float]
    class_ids: tuple[str, ...]
    score: float
    position: GroundPosition | None = None


def ground_frame(frame_id: str) -> str:
    """Return the name of a camera's ground frame (see `GroundCamera`), by its optical frame's."""
    return f'{frame_id}_ground'


def value_text(value: object) -> str:
    """Return a value as text: floats with three decimals, booleans in lower case."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return f'{value:.3f}'
    return str(value)


def frame_statuses(perception: 'Perception', labels: LabelSet, name: str,
                   values: Mapping[str, object]) -> list[Status]:
    """
    Return the statuses that answer a frame: the camera's summary, then one a road user.

    :param labels: the model's classes.
    :param name: the node's name, the start of the statuses'.
    :param values: of the summary, what is known besides the perception, for instance latencies.
    """
    report, camera = perception.report, perception.frame.camera
    summary = summary_status(
        perception.settings, perception.modulation, report.level, report_line(report),
        name, camera,
        {**values, **report_values(report), 'changed_share': perception.changed_share})
    return [summary, *(
        road_user_status(alert, labels, perception.frame.size, name, camera, perception.ground)
        for alert in report.alerts)]


def summary_status(settings: 'Settings', modulation: 'Modulation', level: Level, message: str,
                   name: str, camera: str, values: Mapping[str, object]) -> Status:
    """
    Return the summary of a camera.

    :param settings: those of the last answered frame.
    :param modulation: what was done to its logits.
    :param message: one line for people.
    :param name: the node's name.
    :param values: more values.
    """
    return Status(int(level), f'{name}/{camera}', message, camera, {
        'profile': settings.profile,
        'revision': settings.revision,
        'sigma': modulation.sigma if modulation.focuses else 0.0,
        'level': level.name,
        **values,
    })


def report_values(report: AlertReport) -> dict[str, object]:
    """Return the values of the summary status that count a frame's road users."""
    return {
        'road_users': len(report.alerts),
        'emphasised': sum(alert.emphasised for alert in report.alerts),
        'coasting': sum(alert.coasting for alert in report.alerts),
        'stepped_back_s': report.stepped_back_s,
    }


def report_line(report: AlertReport) -> str:
    """Return one line for people about the alerts of a frame."""
    if not report.alerts:
        return 'clear'
    worst = max(report.alerts, key=lambda alert: alert.level)
    where = 'near in the corridor' if worst.level == Level.ERROR else 'present'
    return f'{worst.kind} {where}; {len(report.alerts)} raised'


def road_user_status(alert: Alert, labels: LabelSet, size: tuple[int, int], name: str, camera: str,
                     ground: GroundCamera | None = None) -> Status:
    """
    Return the status of one raised road user.

    :param size: (height, width) of the image.
    :param name: the node's name, the start of the status's.
    :param ground: the camera's calibration; without, nobody knows a position.
    """
    x, y, width, height = alert.box
    position = _NOWHERE if ground is None else ground.place(alert.box)
    return Status(
        int(alert.level), f'{name}/{camera}/track/{alert.track_id}', road_user_line(alert), camera,
        {
            'kind': alert.kind,
            'class': labels.names[alert.class_id],
            'track_id': alert.track_id,
            'x': x,
            'y': y,
            'width': width,
            'height': height,
            'vx': alert.vx,
            'vy': alert.vy,
            'ttc_s': alert.ttc_s,
            'ttc_error_s': alert.ttc_error_s,
            'area_share': f'{area_share(alert, size):.6f}',
            'confidence': alert.confidence,
            'modulated_share': alert.modulated_share,
            'emphasised': alert.emphasised,
            'coasting': alert.coasting,
            'in_corridor': alert.in_corridor,
            'near': alert.near,
            'distance_m': alert.distance_m,
            'bearing_deg': alert.bearing_deg,
            'position_x_m': position.x,
            'position_y_m': position.y,
            'position_x_error_m': position.x_error,
            'position_y_error_m': position.y_error,
            'truncated': alert.truncated,
            'age_s': alert.age_s,
            'unseen_s': alert.unseen_s,
        })


def area_share(alert: Alert, size: tuple[int, int]) -> float:
    """Return the share of an image of (height, width) that a road user's pixels are."""
    return alert.area / (size[0] * size[1])


def road_user_line(alert: Alert) -> str:
    """Return one line for people about a road user."""
    parts = [alert.kind]
    if math.isfinite(alert.distance_m):
        parts[0] += f' at {alert.distance_m:.1f} m'
    if math.isfinite(alert.ttc_s):
        parts.append(f'contact in {alert.ttc_s:.1f} s')
    if alert.near:
        parts.append('near')
    parts.append('in the corridor' if alert.in_corridor else 'outside the corridor')
    if alert.emphasised:
        parts.append('seen by modulation alone')
    if alert.coasting:
        parts.append('predicted')
    return ', '.join(parts)


def detections(alerts: Sequence[Alert], ground: GroundCamera | None = None) -> list[Detection]:
    """
    Return the typed twins of the alerts.

    What has no place in a `Detection` (level, velocity, time to contact) is in the statuses alone.

    :param ground: the camera's calibration, for positions.
    """
    found = []
    for alert in alerts:
        x, y, width, height = alert.box
        position = _NOWHERE if ground is None else ground.place(alert.box)
        marks = [mark for mark, holds in ((EMPHASISED, alert.emphasised),
                                          (COASTING, alert.coasting)) if holds]
        found.append(Detection(
            str(alert.track_id), (x + width / 2, y + height / 2), (float(width), float(height)),
            (str(alert.class_id), alert.kind, *marks), alert.confidence,
            position if math.isfinite(position.x) else None))
    return found
