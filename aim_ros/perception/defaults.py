"""What is in force where nobody says otherwise, and the settings of a profile upon that."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import fields
from dataclasses import replace
from typing import Any

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.hazards.geometry import Corridor
from aim_ros.perception.profile_rules import Limits
from aim_ros.perception.profile_rules import ProfileRules
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import ProfileError
from aim_ros.perception.profiles import ProfileFile
from aim_ros.perception.settings import build_settings
from aim_ros.perception.settings import DRIVABLE
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import OutputSettings
from aim_ros.perception.settings import Settings
from aim_ros.segmentation.checkpoint import is_exported
from aim_ros.segmentation.fingerprint import fingerprint
from aim_ros.segmentation.labels import LabelSet

REQUIRED_CLASSES = ('people', 'two_wheelers')
"""The classes and roles that are always alerted."""

DRIVER_MAY: Mapping[str, str] = {
    'alerts.min_area': 'lowered',
    'alerts.raise_after': 'lowered',
    'alerts.clear_after': 'raised',
    'alerts.stale_after': 'lowered',
    'alerts.near_m': 'raised',
    'alerts.near_row': 'lowered',
    'alerts.corridor.top_row': 'lowered',
    'alerts.corridor.top_width': 'raised',
    'alerts.corridor.bottom_width': 'raised',
}
"""To which side of its value at start a driver may move a parameter; see `Limits`."""


def default_values() -> dict[str, Any]:
    """Return the value of each parameter that settings are made of, but for the cameras'."""
    fixed, outputs = {spec.name: spec.default for spec in fields(Settings)}, OutputSettings()
    return {
        **DriverProfile('neutral').stated,
        'driver_profile': 'neutral',
        'focus.max_changed': fixed['max_changed'],
        'utility.sigma': 0.0,
        'alerts.required_classes': REQUIRED_CLASSES,
        'alerts.classes': (),
        'alerts.stale_after': fixed['stale_after'],
        'alerts.max_age': fixed['max_age'],
        **{f'alerts.{spec.name}': spec.default for spec in fields(AlertSettings)
           if spec.type in (int, float)},
        **{f'alerts.corridor.{spec.name}': spec.default for spec in fields(Corridor)},
        'free_space.classes': DRIVABLE,
        'free_space.max_range': outputs.max_range,
        'free_space.cell_size': outputs.cell_size,
        'points.class_ids': outputs.point_ids,
    }


def profile_settings(file: ProfileFile, profile: str, labels: LabelSet, *,
                     cameras: Sequence[str] = (), mount: Mount = Mount()  # noqa: B008
                     ) -> Settings:
    """
    Return the settings of a node that is started with a profile, and with nothing else.

    :param file: the profiles.
    :param profile: the name of one.
    :param labels: the model's classes.
    :param cameras: the cameras' names.
    :param mount: where they sit.
    :raises ProfileError: there is no such profile, or the model does not have its classes.
    """
    if mistake := file.get(profile).mistake(labels):
        raise ProfileError(mistake)
    start = {**default_values(), 'driver_profile': profile, 'cameras': tuple(cameras)}
    for camera in cameras:
        start |= {f'{camera}.height': mount.height, f'{camera}.pitch': mount.pitch,
                  f'{camera}.points.transform': ()}
    rules = ProfileRules(file, Limits(start, DRIVER_MAY))
    values = {**start, **rules.at_start(profile, {})}
    values['driver_profile'] = rules.profile_of(values, profile)
    return replace(build_settings(values, labels, start), revision=1)


def filter_of(file: ProfileFile, model: str) -> EmphasisFilter | None:
    """
    Return the filter of a profile file if it was fitted for a model, else None.

    :param model: a local folder, an ONNX file, the name of a shipped model, or a hub id.
    """
    # An exported network has other numbers than the checkpoint that the filter was fitted for.
    return file.filter_for(None if is_exported(model) else fingerprint(model))
