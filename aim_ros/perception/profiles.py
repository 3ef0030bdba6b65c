"""Driver profiles: what a driver may choose, under one name; read from YAML."""

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
import logging
import os
from pathlib import Path
from types import MappingProxyType
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.modulation import SAMPLINGS
from aim_ros.perception.checked_yaml import fill
from aim_ros.perception.checked_yaml import Form
from aim_ros.perception.checked_yaml import read_yaml
from aim_ros.perception.checked_yaml import YamlError
from aim_ros.perception.ranges import RANGES
from aim_ros.perception.ranges import require_in_range
from aim_ros.segmentation.labels import LabelSet

_logger = logging.getLogger(__name__)

CUSTOM = 'custom'
"""What `driver_profile` reads when the values in force are those of no profile."""

_ALERT_NUMBERS = {spec.name: spec.type for spec in fields(AlertSettings)
                  if spec.type in (int, float)}

ALERT_KEYS = ('classes', *_ALERT_NUMBERS)
"""The alert settings that a profile may state: the classes, and every number."""


class ProfileError(ValueError):
    """A profile file or profile that cannot be used; the text names file, profile and key."""


@dataclass(frozen=True)
class DriverProfile:
    """
    One driver's choice.

    :param name: what `driver_profile` is set to.
    :param description: one sentence for people.
    :param focus_classes: class names or roles that get more attention.
    :param suppress_classes: class names or roles that get less.
    :param sigma: standard deviation of the focus noise in logits, >= 0.
    :param sampling: one of `SAMPLINGS`.
    :param max_changed: share of a frame's pixels, 0..1, that the focus may change; None where the
        profile does not state it.
    :param alerts: alert settings that this profile states, a subset of `ALERT_KEYS`.
    """

    name: str
    description: str = ''
    focus_classes: tuple[str, ...] = ()
    suppress_classes: tuple[str, ...] = ()
    sigma: float = 0.0
    sampling: str = 'expected'
    max_changed: float | None = None
    alerts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def stated(self) -> dict[str, Any]:
        """What this profile says of the parameters, by their ROS names; of the focus, all."""
        bound = {} if self.max_changed is None else {'focus.max_changed': self.max_changed}
        return {
            'focus.classes': self.focus_classes,
            'focus.suppress_classes': self.suppress_classes,
            'focus.sigma': self.sigma,
            'focus.sampling': self.sampling,
            **bound,
            **{f'alerts.{key}': value for key, value in self.alerts.items()},
        }

    def signs(self, labels: LabelSet) -> tuple[tuple[int, int], ...]:
        """Return this profile's targets in `labels`; see `resolve_signs`."""
        return resolve_signs(labels, self.focus_classes, self.suppress_classes)

    def mistake(self, labels: LabelSet | None = None) -> str | None:
        """
        Return what is wrong with this profile, or None.

        :param labels: the model's classes; None where they are not known.
        """
        try:
            for name, value in self.stated.items():
                if name in RANGES:
                    require_in_range(name, value, *RANGES[name])
            if labels is None:
                return None
            up = labels.resolve(self.focus_classes)
            down = labels.resolve(self.suppress_classes)
            labels.resolve(self.alerts.get('classes', ()))
        except ValueError as error:
            return f'profile {self.name!r}: {error}'
        both = [labels.names[i] for i in up if i in down]
        if both:
            return (f'profile {self.name!r}: {", ".join(both)} cannot be focused on and '
                    'suppressed at once')
        return None


def resolve_signs(labels: LabelSet, focus: tuple[str, ...], suppress: tuple[str, ...]
                  ) -> tuple[tuple[int, int], ...]:
    """
    Return ``(class id, sign)`` for the classes to focus on (+1) and to suppress (-1), sorted.

    A class that is named on both sides is left alone.

    :raises UnknownClassError: a name is neither a class nor a role of the model.
    """
    up, down = set(labels.resolve(focus)), set(labels.resolve(suppress))
    return tuple(sorted([(i, 1) for i in up - down] + [(i, -1) for i in down - up]))


@dataclass(frozen=True)
class ProfileFile:
    """
    The profiles of one file.

    :param path: where they were read from, for messages.
    :param profiles: the well-formed profiles by name, in the file's order.
    :param mistakes: for each malformed profile, what is wrong with it.
    :param emphasis_filter: what road users that only the modulation sees have to pass, fitted by
        ``experiments calibrate``; None if the file has none.
    """

    path: str
    profiles: Mapping[str, DriverProfile]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    emphasis_filter: EmphasisFilter | None = None

    def filter_for(self, model: str | None) -> EmphasisFilter | None:
        """
        Return the filter if it was fitted for a model, else None, and warn.

        Without one, road users that only the modulation sees need longer evidence.

        :param model: the model's `fingerprint`; None where it has none.
        """
        if self.emphasis_filter is None or self.emphasis_filter.model == model:
            return self.emphasis_filter
        _logger.warning(
            '%s: the emphasis filter was fitted for the model with sha256 %s, not for this one, '
            '%s, and is not used; fit one by `experiments calibrate`', self.path,
            self.emphasis_filter.model[:12], (model or 'unknown')[:12])
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, well-formed or not."""
        return (*self.profiles, *self.mistakes)

    def get(self, name: str) -> DriverProfile:
        """
        Return a profile.

        :raises ProfileError: there is none of that name, or it is malformed.
        """
        if name in self.mistakes:
            raise ProfileError(self.mistakes[name])
        if name not in self.profiles:
            raise ProfileError(
                f'unknown driver profile {name!r}; profiles: {", ".join(self.profiles)}')
        return self.profiles[name]


def load_profiles(path: str | Path) -> ProfileFile:
    """
    Read a profile file.

    A malformed profile is only noted, so that it hinders nobody who drives with another one.
    Class names are not validated here, since they depend on the model: see
    `DriverProfile.mistake`.

    :raises ProfileError: the file cannot be read, or is no profile file at all.
    """
    path = Path(os.path.expanduser(path))
    try:
        content = fill(_File, read_yaml(path), str(path))
        bodies, fitted = content.profiles, content.emphasis_filter
    except YamlError as error:
        raise ProfileError(str(error)) from error
    if not isinstance(bodies, dict) or not bodies:
        raise ProfileError(f'{path}: expected a mapping "profiles:" of names to profiles')
    profiles, mistakes = {}, {}
    for name, body in bodies.items():
        try:
            profiles[str(name)] = _profile(name, body, f'{path}: profile {str(name)!r}')
        except ProfileError as error:
            mistakes[str(name)] = str(error)
    try:
        filter_ = None if fitted is None else EmphasisFilter(
            **dict(fill(_Filter, fitted, f'{path}: emphasis_filter')))
    except YamlError as error:
        raise ProfileError(str(error)) from error
    except ValueError as error:
        raise ProfileError(f'{path}: emphasis_filter: {error}') from error
    return ProfileFile(str(path), profiles, mistakes, filter_)


# The file's form. The validators say what a key means that is left empty, or a list of YAML.

_EMPTY_MAPPING = pydantic.BeforeValidator(lambda value: {} if value is None else value)
_NUMBER = Annotated[float, pydantic.Field(
    ge=0, allow_inf_nan=False, description='a finite number >= 0')]
_PIXELS = Annotated[
    int, pydantic.Field(ge=1, description='a whole number of pixels >= 1'),
    pydantic.BeforeValidator(
        lambda value: int(value) if isinstance(value, float) and value.is_integer() else value)]
_NAMES = Annotated[
    tuple[str, ...], pydantic.Field(description='a list of class names or roles'),
    pydantic.BeforeValidator(
        lambda value: () if value is None else tuple(value) if isinstance(value, list) else value)]


class _Filter(Form):
    weights: Annotated[
        tuple[float, ...], pydantic.Field(description='a list of numbers'),
        pydantic.BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]
    bias: Annotated[float, pydantic.Field(description='a number')]
    threshold: Annotated[float, pydantic.Field(description='a probability')]
    model: Annotated[str, pydantic.Field(description='the sha256 of a model')]


class _File(Form):
    profiles: Any = None
    emphasis_filter: Any = None


class _Focus(Form):
    classes: _NAMES = ()
    suppress_classes: _NAMES = ()
    sigma: _NUMBER = 0.0
    sampling: Annotated[Literal[SAMPLINGS], pydantic.Field(
        description=f'one of {", ".join(SAMPLINGS)}')] = 'expected'
    max_changed: _NUMBER = None


_Alerts = pydantic.create_model('_Alerts', __base__=Form, classes=(_NAMES, ()), **{
    name: (_PIXELS if kind is int else _NUMBER, None) for name, kind in _ALERT_NUMBERS.items()})


class _Profile(Form):
    description: Annotated[
        str, pydantic.Field(description='a sentence'), pydantic.BeforeValidator(
            lambda value: value if isinstance(value, Collection) and not isinstance(value, str)
            else str(value or '').strip())] = ''
    focus: Annotated[_Focus, _EMPTY_MAPPING] = _Focus()
    alerts: Annotated[_Alerts, _EMPTY_MAPPING] = _Alerts()


def _profile(name: Any, body: Any, where: str) -> DriverProfile:
    if not isinstance(name, str):
        raise ProfileError(f'{where}: YAML reads this name as {name!r}; put it in quotes')
    if not name.isprintable() or not name.strip():
        raise ProfileError(f'{where}: a name must be printable text')
    if name == CUSTOM:
        raise ProfileError(f'{where}: {CUSTOM!r} is what driver_profile reads when no profile '
                           'fits; choose another name')
    try:
        profile = fill(_Profile, body, where)
    except YamlError as error:
        raise ProfileError(str(error)) from error
    return DriverProfile(
        name=name,
        description=profile.description,
        focus_classes=profile.focus.classes,
        suppress_classes=profile.focus.suppress_classes,
        sigma=profile.focus.sigma,
        sampling=profile.focus.sampling,
        max_changed=profile.focus.max_changed,
        alerts=MappingProxyType(profile.alerts.model_dump(exclude_unset=True)))
