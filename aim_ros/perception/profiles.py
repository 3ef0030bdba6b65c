"""Driver profiles: what a driver may choose, under one name; read from YAML."""

from collections.abc import Hashable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import os
from pathlib import Path
import sys
from types import MappingProxyType
from typing import Any

import yaml

from aim_ros.modulation import SAMPLINGS
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import nearest

CUSTOM = 'custom'
"""What `driver_profile` reads when the values in force are those of no profile."""

ALERT_KEYS = ('classes', 'min_area', 'raise_after', 'clear_after', 'near_m', 'near_row')
"""The alert settings that a profile may state."""

_FOCUS_KEYS = ('classes', 'suppress_classes', 'sigma', 'sampling', 'max_changed')


class ProfileError(ValueError):
    """A profile file or profile that can not be used; the text names file, profile and key."""


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

    def signs(self, labels: LabelSet) -> tuple[tuple[int, int], ...]:
        """Return this profile's targets in `labels`; see `resolve_signs`."""
        return resolve_signs(labels, self.focus_classes, self.suppress_classes)

    def mistake(self, labels: LabelSet) -> str | None:
        """Return what is wrong with this profile for a model with `labels`, or None."""
        try:
            up = labels.resolve(self.focus_classes)
            down = labels.resolve(self.suppress_classes)
            labels.resolve(self.alerts.get('classes', ()))
        except ValueError as error:
            return f'profile {self.name!r}: {error}'
        both = [labels.names[i] for i in up if i in down]
        if both:
            return (f'profile {self.name!r}: {", ".join(both)} can not be focused on and '
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
    """

    path: str
    profiles: Mapping[str, DriverProfile]
    mistakes: Mapping[str, str] = field(default_factory=dict)

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
    Class names are not judged here, since they depend on the model: see
    `DriverProfile.mistake`.

    :raises ProfileError: the file can not be read, or is no profile file at all.
    """
    path = Path(os.path.expanduser(path))
    try:
        document = yaml.load(path.read_text(encoding='utf-8'), Loader=_UniqueKeyLoader)
    except OSError as error:
        raise ProfileError(f'{path}: can not be read: {error.strerror or error}') from error
    # The YAML loader lets the ValueError of a number or date that can not be slip through.
    except (yaml.YAMLError, ValueError) as error:
        raise ProfileError(f'{path}: is not valid YAML: {" ".join(str(error).split())}') from error
    bodies = _mapping(document, ('profiles',), str(path)).get('profiles')
    if not isinstance(bodies, dict) or not bodies:
        raise ProfileError(f'{path}: expected a mapping "profiles:" of names to profiles')
    profiles, mistakes = {}, {}
    for name, body in bodies.items():
        try:
            profiles[str(name)] = _profile(name, body, f'{path}: profile {str(name)!r}')
        except ProfileError as error:
            mistakes[str(name)] = str(error)
    return ProfileFile(str(path), profiles, mistakes)


class _UniqueKeyLoader(yaml.SafeLoader):
    """A loader that refuses a key given twice, of which YAML would silently drop the first."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            # `<<` merges another mapping, and is no key itself.
            if key_node.tag == 'tag:yaml.org,2002:merge':
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key {key!r} is given twice', key_node.start_mark)
            seen.add(key if isinstance(key, Hashable) else id(key_node))
        return super().construct_mapping(node, deep)


def _mapping(value: Any, keys: tuple[str, ...], where: str) -> dict:
    """Return `value` as a dict whose keys are among `keys`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProfileError(
            f'{where}: expected a mapping with {", ".join(keys)}, got {value!r}')
    for key in value:
        if key not in keys:
            close = nearest(str(key), keys, 1)
            hint = f'did you mean {close[0]!r}?' if close else f'allowed: {", ".join(keys)}'
            raise ProfileError(f'{where}: unknown key {key!r}; {hint}')
    return value


def _profile(name: Any, body: Any, where: str) -> DriverProfile:
    if not isinstance(name, str):
        raise ProfileError(f'{where}: YAML reads this name as {name!r}; put it in quotes')
    if name == CUSTOM:
        raise ProfileError(f'{where}: {CUSTOM!r} is what driver_profile reads when no profile '
                           'fits; choose another name')
    body = _mapping(body, ('description', 'focus', 'alerts'), where)
    focus = _mapping(body.get('focus'), _FOCUS_KEYS, f'{where}, focus')
    alerts = _mapping(body.get('alerts'), ALERT_KEYS, f'{where}, alerts')
    sampling = focus.get('sampling', 'expected')
    if sampling not in SAMPLINGS:
        raise ProfileError(
            f'{where}: focus.sampling must be one of {", ".join(SAMPLINGS)}, got {sampling!r}')
    settings = {}
    for key, value in alerts.items():
        key_where = f'{where}: alerts.{key}'
        settings[key] = (_names(value, key_where) if key == 'classes'
                         else _number(value, key_where))
    if 'min_area' in settings:
        if not (settings['min_area'].is_integer() and settings['min_area'] >= 1):
            raise ProfileError(
                f'{where}: alerts.min_area must be a whole number of pixels >= 1, '
                f'got {alerts["min_area"]!r}')
        settings['min_area'] = int(settings['min_area'])
    return DriverProfile(
        name=name,
        description=str(body.get('description') or '').strip(),
        focus_classes=_names(focus.get('classes'), f'{where}: focus.classes'),
        suppress_classes=_names(
            focus.get('suppress_classes'), f'{where}: focus.suppress_classes'),
        sigma=_number(focus.get('sigma', 0.0), f'{where}: focus.sigma'),
        sampling=sampling,
        max_changed=(_number(focus['max_changed'], f'{where}: focus.max_changed')
                     if 'max_changed' in focus else None),
        alerts=MappingProxyType(settings),
    )


def _names(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ProfileError(f'{where} must be a list of class names or roles, got {value!r}')
    return tuple(value)


def _number(value: Any, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value <= sys.float_info.max):
        raise ProfileError(f'{where} must be a finite number >= 0, got {value!r}')
    return float(value)

