"""All that frames are perceived under, as one immutable value, and how parameters make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import replace
import logging
import math
from types import MappingProxyType
from typing import Any

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.geometry import Corridor
from aim_ros.modulation import Modulation
from aim_ros.perception.free_space import Surfaces
from aim_ros.perception.profiles import resolve_signs
from aim_ros.segmentation.labels import LabelSet

_logger = logging.getLogger(__name__)

DRIVABLE = ('drivable',)
"""What ``free_space.classes`` is where nobody says otherwise: then a model may have none."""

CLASS_LISTS = ('focus.classes', 'focus.suppress_classes', 'alerts.required_classes',
               'alerts.classes')
"""The parameters that are lists of class names and roles of the model."""


class SettingsError(ValueError):
    """
    Values that do not fit the model, or each other.

    :param parameter: the parameter that is wrong.
    """

    def __init__(self, parameter: str, error: Exception):
        super().__init__(f'{parameter}: {error}')
        self.parameter = parameter


HEIGHTS = 0.1, 10.0
"""Metres above the road that a camera may sit at."""

PITCHES = -0.8, 0.8
"""Radians that it may be tilted by."""


@dataclass(frozen=True)
class Mount:
    """
    Where a camera sits on the vehicle.

    :param height: of its optical centre above the road, metres, in `HEIGHTS`.
    :param pitch: downward tilt of its optical axis, radians, in `PITCHES`; positive looks down.
    """

    height: float = 1.65
    pitch: float = 0.0


MOST_CELLS = 2000
"""Cells of the occupancy grid to a side: so many take a third of a second to draw."""


@dataclass(frozen=True)
class OutputSettings:
    """
    What is made of a mask for planners besides the alerts; read-only.

    :param surfaces: which classes are ground to drive on, and how others stand on it.
    :param max_range: metres ahead beyond which free space is not looked for, > 0.
    :param cell_size: side of a cell of the occupancy grid, metres, > 0.
    :param point_ids: one of `POINT_IDS`.
    :param point_transforms: for each camera (x, y, z, qx, qy, qz, qw) of the frame of its cloud,
        seen from the camera's; empty where that is not given.
    """

    surfaces: Surfaces = field(default_factory=lambda: Surfaces(()))
    max_range: float = 40.0
    cell_size: float = 0.25
    point_ids: str = 'mask'
    point_transforms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, 'point_transforms', MappingProxyType(dict(self.point_transforms)))


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
    :param max_age: seconds from its header stamp after which no image is perceived: one that is
        older when it comes is refused, and one that becomes older in the node is dropped; 0 is no
        limit.
    :param mounts: where each camera sits, by its name; read-only.
    :param owner_alerts: what is alerted, and when, without any profile: what no driver may fall
        behind; None for `alerts`.
    :param outputs: what else is made of the mask.
    :raises ValueError: a class of the owner's is not alerted.
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
    outputs: OutputSettings = field(default_factory=OutputSettings)

    def __post_init__(self):
        object.__setattr__(self, 'mounts', MappingProxyType(dict(self.mounts)))
        if missing := {*self.owner.class_ids} - {*self.alerts.class_ids}:
            raise ValueError(f"the owner's classes must be alerted under every profile; alerts "
                             f'lacks the class ids {sorted(missing)} of owner_alerts')

    @property
    def owner(self) -> AlertSettings:
        """The alerts without any profile: what is to be the same under all goes by these."""
        return self.owner_alerts or self.alerts


def build_settings(values: Mapping[str, Any], labels: LabelSet,
                   start: Mapping[str, Any] | None = None) -> Settings:
    """
    Return the settings that the node's parameters amount to, with revision 0.

    :param values: the value of each parameter by its ROS name, lists as tuples. A parameter
        ``alerts.<x>`` or ``alerts.corridor.<x>`` sets the field `x` of `AlertSettings` or
        `Corridor`.
    :param labels: the model's classes.
    :param start: the values at start, which are the owner's; None for the same. Whatever classes
        these name stay alerted.
    :raises SettingsError: a class or role is named that the model does not have, or the grid would
        have too many cells.
    """
    check_classes(values, labels)
    outputs = _outputs(values, labels)
    alerts, owner = _alerts(values, labels), None
    if start is not None:
        owner = _alerts({name: start.get(name, value) for name, value in values.items()}, labels)
        alerts = replace(
            alerts, class_ids=tuple(sorted({*alerts.class_ids, *owner.class_ids})))
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
        owner_alerts=owner,
        outputs=outputs)


def check_classes(values: Mapping[str, Any], labels: LabelSet) -> None:
    """
    Raise SettingsError if a list of `CLASS_LISTS` has a name that the model does not have.

    :param values: of parameters by their ROS names; lists that are not among them are left alone.
    """
    for name in CLASS_LISTS:
        try:
            labels.resolve(values.get(name, ()))
        except ValueError as error:
            raise SettingsError(name, error) from error


def warn_of_overlooked(settings: Settings, labels: LabelSet) -> None:
    """Warn of classes that seem to be people, and are not alerted: no role knows every name."""
    if overlooked := labels.overlooked(settings.alerts.class_ids):
        _logger.warning(
            'the model has classes that seem to be people, and are not alerted: %s; name them in '
            'alerts.required_classes', ', '.join(overlooked))


def _alerts(values: Mapping[str, Any], labels: LabelSet) -> AlertSettings:
    corridor = Corridor(**_of(Corridor, 'alerts.corridor.', values))
    # Values are set one by one, in any order, when a dump is loaded: what each may be does not
    # depend on the others.
    corridor = replace(corridor, bottom_width=max(corridor.top_width, corridor.bottom_width))
    return AlertSettings(
        class_ids=labels.resolve((*values['alerts.required_classes'], *values['alerts.classes'])),
        corridor=corridor,
        **_of(AlertSettings, 'alerts.', values))


def _outputs(values: Mapping[str, Any], labels: LabelSet) -> OutputSettings:
    names = values['free_space.classes']
    if names == DRIVABLE:
        # Not every model knows a road, and most of what the node does needs none.
        drivable = labels.role(*DRIVABLE)
    else:
        try:
            drivable = labels.resolve(names)
        except ValueError as error:
            raise SettingsError('free_space.classes', error) from error
    max_range, cell_size = values['free_space.max_range'], values['free_space.cell_size']
    if max_range > MOST_CELLS * cell_size:
        least = math.ceil(1e6 * max_range / MOST_CELLS) / 1e6
        raise SettingsError('free_space.cell_size', ValueError(
            f'a grid has at most {MOST_CELLS} cells to a side, so that whoever listens to it '
            f'stops no camera: with free_space.max_range {max_range:g} it must be at least '
            f'{least:.10g}; got {cell_size:g}'))
    return OutputSettings(
        surfaces=Surfaces.of(labels, drivable),
        max_range=max_range,
        cell_size=cell_size,
        point_ids=values['points.class_ids'],
        point_transforms={camera: values[f'{camera}.points.transform']
                          for camera in values['cameras']})


def _of(settings: type, prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of those fields of a dataclass that are parameters under `prefix`."""
    return {spec.name: values[prefix + spec.name] for spec in fields(settings)
            if prefix + spec.name in values}
