"""All that frames are perceived under, as one immutable value, and how parameters make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.geometry import Corridor
from aim_ros.modulation import Modulation
from aim_ros.perception.profiles import resolve_signs
from aim_ros.segmentation.labels import LabelSet

CLASS_LISTS = ('focus.classes', 'focus.suppress_classes', 'alerts.required_classes',
               'alerts.classes')
"""The parameters that are lists of class names and roles of the model."""


class SettingsError(ValueError):
    """
    Values that do not fit the model.

    :param parameter: the parameter that is wrong.
    """

    def __init__(self, parameter: str, error: Exception):
        super().__init__(f'{parameter}: {error}')
        self.parameter = parameter


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
    :param owner_alerts: what is alerted, and when, without any profile: what no driver may fall
        behind; None for `alerts`.
    """

    revision: int
    profile: str
    modulation: Modulation
    alerts: AlertSettings
    max_changed: float = 1.0
    stale_after: float = 0.7
    max_age: float = 0.0
    mounts: Mapping[str, Mount] = field(default_factory=dict)
    owner_alerts: AlertSettings | None = None

    def __post_init__(self):
        object.__setattr__(self, 'mounts', MappingProxyType(dict(self.mounts)))


def build_settings(values: Mapping[str, Any], labels: LabelSet,
                   start: Mapping[str, Any] | None = None) -> Settings:
    """
    Return the settings that the node's parameters amount to, with revision 0.

    :param values: the value of each parameter by its ROS name, lists as tuples. A parameter
        ``alerts.<x>`` or ``alerts.corridor.<x>`` sets the field `x` of `AlertSettings` or
        `Corridor`.
    :param labels: the model's classes.
    :param start: the values at start, which are the owner's; None for the same.
    :raises SettingsError: a class or role is named that the model does not have.
    """
    for name in CLASS_LISTS:
        try:
            labels.resolve(values[name])
        except ValueError as error:
            raise SettingsError(name, error) from error
    alerts = _alerts(values, labels)
    return Settings(
        revision=0,
        profile=values['driver_profile'],
        modulation=Modulation(
            signs=resolve_signs(labels, values['focus.classes'], values['focus.suppress_classes']),
            sigma=values['focus.sigma'],
            sampling=values['focus.sampling'],
            utility_sigma=values['utility.sigma']),
        alerts=alerts,
        max_changed=values['focus.max_changed'],
        stale_after=values['alerts.stale_after'],
        max_age=values['alerts.max_age'],
        mounts={camera: Mount(values[f'{camera}.height'], values[f'{camera}.pitch'])
                for camera in values['cameras']},
        owner_alerts=None if start is None else _alerts(
            {name: start.get(name, value) for name, value in values.items()}, labels))


def _alerts(values: Mapping[str, Any], labels: LabelSet) -> AlertSettings:
    corridor = Corridor(**_of(Corridor, 'alerts.corridor.', values))
    # Values are set one by one, in any order, when a dump is loaded: what each may be does not
    # depend on the others.
    corridor = replace(corridor, bottom_width=max(corridor.top_width, corridor.bottom_width))
    return AlertSettings(
        class_ids=labels.resolve((*values['alerts.required_classes'], *values['alerts.classes'])),
        corridor=corridor,
        **_of(AlertSettings, 'alerts.', values))


def _of(settings: type, prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of those fields of a dataclass that are parameters under `prefix`."""
    return {spec.name: values[prefix + spec.name] for spec in fields(settings)
            if prefix + spec.name in values}
