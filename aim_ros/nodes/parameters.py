"""
The node's ROS parameters: one table, their validation, and the `Settings` that they amount to.

Parameters are declared with dynamic typing and typed by the table instead, since ROS can not type
an empty list: `[]` arrives as a byte array, a bool array or as nothing, by where it is written.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace
import difflib
import math
import re
import threading
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from aim_ros.decoding.decode import Modulation
from aim_ros.decoding.decode import SAMPLINGS
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.geometry import Corridor
from aim_ros.perception.profiles import CUSTOM
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.profiles import ProfileError
from aim_ros.perception.profiles import ProfileFile
from aim_ros.perception.profiles import resolve_signs
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import Settings
from aim_ros.resources import share_directory
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.segmenter import load_labels
from aim_ros.segmentation.segmenter import ModelError
from aim_ros.segmentation.segmenter import PRECISIONS

Type = Parameter.Type

_TYPES = {bool: Type.BOOL, int: Type.INTEGER, float: Type.DOUBLE, str: Type.STRING,
          tuple[str, ...]: Type.STRING_ARRAY, tuple[int, ...]: Type.INTEGER_ARRAY}
_ARRAYS = (Type.BYTE_ARRAY, Type.BOOL_ARRAY, Type.INTEGER_ARRAY, Type.DOUBLE_ARRAY,
           Type.STRING_ARRAY)
_WANTED = {bool: 'true or false', int: 'an integer', float: 'a number', str: 'a string',
           tuple[str, ...]: "a list of strings, for instance ['person', 'car']",
           tuple[int, ...]: 'a list of integers, for instance [192, 640]'}


@dataclass(frozen=True)
class Spec:
    """
    One row of the table.

    :param kind: the Python type of its value.
    :param default: its value where nobody says otherwise.
    :param description: for ``ros2 param describe``.
    :param read_only: whether it is fixed at start.
    :param low, high: range of a number, inclusive.
    :param choices: allowed strings.
    :param driver_may: ``'lowered'`` or ``'raised'`` where a driver may move the value only to that
        side of its value at start: the side on which more is alerted, and no later.
    """

    name: str
    kind: Any
    default: Any
    description: str
    read_only: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    driver_may: str = ''

    @property
    def is_list(self) -> bool:
        """Whether its value is a list."""
        return self.kind in (tuple[str, ...], tuple[int, ...])

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(
            name=self.name, description=self.description, read_only=self.read_only,
            dynamic_typing=True)
        if self.choices:
            descriptor.additional_constraints = 'one of: ' + ', '.join(self.choices)
        if self.driver_may:
            descriptor.additional_constraints = (
                f'while running it may only be {self.driver_may} from its value at start')
        if self.low is not None and self.kind is int:
            descriptor.integer_range = [IntegerRange(from_value=self.low, to_value=self.high)]
        if self.low is not None and self.kind is float:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=self.low, to_value=self.high)]
        return descriptor

    def typed(self, parameter: Parameter) -> Parameter:
        """Return a parameter in this row's type where its value can be taken for one."""
        if self.kind is float and parameter.type_ == Type.INTEGER:
            return Parameter(self.name, Type.DOUBLE, float(parameter.value))
        empty = parameter.type_ == Type.NOT_SET or (
            parameter.type_ in _ARRAYS and len(parameter.value) == 0)
        if self.is_list and empty:
            return Parameter(self.name, _TYPES[self.kind], [])
        return parameter

    def parameter(self, value: Any) -> Parameter:
        """Return `value` as a parameter of this row's type."""
        return Parameter(self.name, _TYPES[self.kind], list(value) if self.is_list else value)

    def validated(self, parameter: Parameter) -> Any:
        """
        Return a parameter's value, lists as tuples.

        :raises ValueError: it has another type, or is out of range; the text says what is right.
        """
        parameter = self.typed(parameter)
        if parameter.type_ != _TYPES[self.kind]:
            given = 'nothing' if parameter.type_ == Type.NOT_SET else repr(parameter.value)
            raise ValueError(f'{self.name} must be {_WANTED[self.kind]}, got {given}')
        value = tuple(parameter.value) if self.is_list else parameter.value
        if self.choices and value not in self.choices:
            raise ValueError(
                f'{self.name} must be one of {", ".join(self.choices)}, got {value!r}')
        if self.name == 'cameras':
            _check_cameras(value)
        if self.low is not None and not (math.isfinite(value) and self.low <= value <= self.high):
            raise ValueError(
                f'{self.name} must be in {self.low:g}..{self.high:g}, got {value:g}')
        return value


_UNSET = 'not set'
"""Stands in a list parameter as it is declared, to tell whether it was given at start."""

_STRINGS = tuple[str, ...]
_INTEGERS = tuple[int, ...]

_DEFAULTS = AlertSettings(())

TABLE: tuple[Spec, ...] = (
    Spec('autostart', bool, True,
         'Configure and activate the node at start.', read_only=True),
    Spec('model', str, 'segformer-b0-street',
         'SegFormer checkpoint: a folder, the name of a shipped model, or a hub id.',
         read_only=True),
    Spec('device', str, 'auto',
         'Where the network runs: auto (CUDA where there is one), cpu, cuda or cuda:N.',
         read_only=True),
    Spec('precision', str, 'auto',
         'Floating point type of the network: auto is fp16 on CUDA, else fp32.',
         read_only=True, choices=('auto', *PRECISIONS)),
    Spec('input_size', _INTEGERS, (),
         "Height and width of the network's input in pixels; empty takes the checkpoint's.",
         read_only=True),
    Spec('cameras', _STRINGS, ('camera',),
         'Names of the cameras; each is subscribed to as <camera>/image.', read_only=True),
    Spec('image_transport', str, 'raw',
         'Which topics are subscribed to: <camera>/image, or <camera>/image/compressed.',
         read_only=True, choices=('raw', 'compressed')),
    Spec('profiles_file', str, '',
         'YAML file of driver profiles; empty takes the one that ships.', read_only=True),
    Spec('seed', int, 0, 'Seed of all noise.', read_only=True, low=0, high=2**31 - 1),
    Spec('utility.sigma', float, 0.0,
         "The owner's utility modulation: standard deviation, in logits, of noise on every class. "
         'Above 0 the masks are degraded on purpose; alerts are not.',
         read_only=True, low=0.0, high=20.0),
    Spec('driver_profile', str, 'neutral',
         'The driver profile in force; setting it sets all that it says. It reads custom while '
         'the values are those of no profile.'),
    Spec('focus.classes', _STRINGS, (),
         'Class names or roles (people, two_wheelers, vehicles, signals, greenery) that get more '
         'attention.'),
    Spec('focus.suppress_classes', _STRINGS, (),
         'Class names or roles that get less attention; one that is in both lists is left alone. '
         'Alerts do not lose them.'),
    Spec('focus.sigma', float, 0.0,
         'Strength of focus modulation: standard deviation of its noise, in logits.',
         low=0.0, high=20.0),
    Spec('focus.sampling', str, 'expected',
         'expected shifts the targets by the mean of the noise, without flicker; pixel draws '
         'the noise for each pixel; gated is the expected shift, only next to what the '
         'unmodulated model gives to a focus class.', choices=SAMPLINGS),
    Spec('focus.max_changed', float, 1.0,
         "Share of a frame's pixels that focus modulation may be expected to change: a frame that "
         'would exceed it gets a smaller sigma. 1 is no limit.', low=0.0, high=1.0),
    Spec('alerts.required_classes', _STRINGS, ('people', 'two_wheelers'),
         "The owner's: class names or roles that are always alerted.", read_only=True),
    Spec('alerts.classes', _STRINGS, (),
         'Class names or roles that are alerted besides the required ones.'),
    Spec('alerts.min_area', int, _DEFAULTS.min_area,
         'Smallest region that is alerted, in pixels of the camera image.',
         low=1, high=1_000_000, driver_may='lowered'),
    Spec('alerts.raise_after', float, _DEFAULTS.raise_after,
         'Seconds of header stamp for which a track is seen before it is raised. One that is '
         'near and in the corridor is raised at once.', low=0.0, high=5.0, driver_may='lowered'),
    Spec('alerts.clear_after', float, _DEFAULTS.clear_after,
         'Seconds of header stamp unseen after which a track is cleared.',
         low=0.0, high=10.0, driver_may='raised'),
    Spec('alerts.stale_after', float, 0.7,
         'Seconds on a steady clock without an answered frame after which the level is STALE; '
         'short of the deadline of a second that the alerts offer.',
         low=0.1, high=0.8, driver_may='lowered'),
    Spec('alerts.max_age', float, 0.0,
         "The owner's: seconds from an image's header stamp, on the node's clock, after which it "
         'is too old to act on: it is refused, and the level becomes STALE. 0 is no limit, as a '
         'recording with its original stamps needs.', read_only=True, low=0.0, high=60.0),
    Spec('alerts.near_m', float, _DEFAULTS.near_m,
         'Distance in metres below which a track is near, where there is a CameraInfo.',
         low=0.0, high=1000.0, driver_may='raised'),
    Spec('alerts.near_row', float, _DEFAULTS.near_row,
         'Image row, from 0 at the top to 1, below which a foot is near without a CameraInfo.',
         low=0.0, high=1.0, driver_may='lowered'),
    Spec('alerts.corridor.top_row', float, _DEFAULTS.corridor.top_row,
         "Row of the ego corridor's upper edge, from 0 at the top to 1.",
         low=0.0, high=1.0, driver_may='lowered'),
    Spec('alerts.corridor.top_width', float, _DEFAULTS.corridor.top_width,
         "Width of the ego corridor's upper edge as a share of the image's.",
         low=0.0, high=2.0, driver_may='raised'),
    Spec('alerts.corridor.bottom_width', float, _DEFAULTS.corridor.bottom_width,
         "Width of the ego corridor at the image's lower edge as a share of the image's; at "
         'least that of the upper edge.',
         low=0.0, high=4.0, driver_may='raised'),
    Spec('alerts.corridor.center', float, _DEFAULTS.corridor.center,
         "Column of the ego corridor's axis, from 0 at the left to 1.",
         read_only=True, low=0.0, high=1.0),
)


def _check_cameras(names: tuple[str, ...]) -> None:
    """Raise ValueError unless each name can be the start of topic and parameter names."""
    if not names or len(set(names)) < len(names) or not all(
            re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name) for name in names):
        raise ValueError(
            'cameras must be one or more different names of letters, digits and _, each starting '
            f'with a letter; got {list(names)}')


def camera_specs(camera: str) -> tuple[Spec, ...]:
    """Return the rows that each camera has of its own."""
    return (
        Spec(f'{camera}.height', float, 1.65,
             f'Height of {camera} above the road in metres, for distances.',
             read_only=True, low=0.1, high=10.0),
        Spec(f'{camera}.pitch', float, 0.0,
             f'Downward tilt of {camera} in radians, for distances.',
             read_only=True, low=-0.8, high=0.8),
    )


_BY_NAME = {spec.name: spec for spec in TABLE}


class ReadOnlyParameterError(ValueError):
    """A value that is fixed at start is wrong: only another start of the node mends it."""


class NodeParameters:
    """
    Declares the table on a node, validates every change, and holds the settings in force.

    A mistake at start, in a value, in the profile file or in the checkpoint's config, does not
    raise here: `validate`, which the node calls when it is configured, raises it, and succeeds
    when the cause has been mended since.

    :param node: the node; nothing else reads its parameters.
    """

    def __init__(self, node: Node):
        self._node = node
        self._specs = dict(_BY_NAME)
        self._mistakes: dict[str, str] = {}
        self._limits: dict[str, Any] = {}
        self._explicit: dict[str, Any] = {}
        # Transitions and services run in different threads.
        self._lock = threading.RLock()
        self._labels: LabelSet | None = None
        self._profiles: ProfileFile | None = None
        self._settings: Settings | None = None
        self._revision = 0

        for spec in TABLE:
            self._declare(spec)
        for camera in self['cameras']:
            for spec in camera_specs(camera):
                self._specs[spec.name] = spec
                self._declare(spec)
        self._warn_of_unknown()
        self._asked = self.profile
        self._read_at_start()
        self._apply_initial_profile()

        node.add_pre_set_parameters_callback(self._on_pre_set)
        node.add_on_set_parameters_callback(self._on_set)
        node.add_post_set_parameters_callback(self._on_post_set)

    def __getitem__(self, name: str) -> Any:
        """Return the value in force of a parameter; lists are tuples."""
        value = self._node.get_parameter(name).value
        return tuple(value) if self._specs[name].is_list else value

    @property
    def profile(self) -> str:
        """The name of the driver profile in force, or ``custom``."""
        return self['driver_profile']

    @property
    def labels(self) -> LabelSet:
        """
        The model's classes.

        :raises ValueError: `validate` has not succeeded yet.
        """
        if self._labels is None:
            raise ValueError("the model's classes are not known before the node is configured")
        return self._labels

    @property
    def settings(self) -> Settings:
        """
        The settings in force: one immutable value, replaced whole by a change.

        :raises ValueError: `validate` has not succeeded yet.
        """
        if self._settings is None:
            raise ValueError('the settings are not known before the node is configured')
        return self._settings

    def validate(self) -> Settings:
        """
        Read the files that the parameters name, validate everything, and return the settings.

        :raises ModelError: the checkpoint's config can not be read.
        :raises ReadOnlyParameterError: a parameter is wrong that is fixed at start.
        :raises ValueError: a parameter, the profile file or the selected profile is wrong.
        """
        with self._lock:
            self._settings = None
            self._labels = load_labels(self['model'])
            self._profiles = load_profiles(self._profiles_path())
            if self._mistakes:
                fixed = any(self._specs[name].read_only for name in self._mistakes)
                raise (ReadOnlyParameterError if fixed else ValueError)(
                    '; '.join(self._mistakes.values()))
            asked = self._asked or self.profile
            if asked != CUSTOM:
                self._check_profile(asked)
                # The file may be another one than before. What was given at start still wins.
                wanted = self._start_values(self._profiles.get(asked))
                if not all(_same(self[name], value) for name, value in wanted.items()):
                    self._set({**wanted, 'driver_profile': asked})
            self._check(self._values(), self._values())
            self._asked, self._explicit = '', {}
            self._warn_of_other_profiles()
            self._renew_settings()
            return self.settings

    # Declaration

    def _declare(self, spec: Spec) -> None:
        """Declare a row with its value at start, or with its default where there is none."""
        declared = self._node.declare_parameter(
            spec.name, [_UNSET] if spec.is_list else None,
            ParameterDescriptor(dynamic_typing=True))
        value = spec.default
        # Of a list, nothing at all is how an empty one in a YAML file arrives.
        unset = (declared.value == [_UNSET] if spec.is_list
                 else declared.type_ == Type.NOT_SET)
        if not unset:
            try:
                value = spec.validated(declared)
                if not spec.read_only and spec.name != 'driver_profile':
                    self._explicit[spec.name] = value
            except ValueError as error:
                self._mistakes[spec.name] = str(error)
        self._limits[spec.name] = value
        self._node.set_parameters([spec.parameter(value)])
        self._node.set_descriptor(spec.name, spec.descriptor())

    def _apply_initial_profile(self) -> None:
        """Put the profile chosen at start in force, but for what was given beside it."""
        profiles = self._profiles.profiles if self._profiles is not None else {}
        if self.profile not in profiles:
            return
        values = self._start_values(profiles[self.profile])
        try:
            for name, value in values.items():
                self._specs[name].validated(self._specs[name].parameter(value))
        except ValueError:
            # `validate` validates the profile again, and says what is wrong with it.
            return
        values['driver_profile'] = self._matching_profile(
            {**self._values(), **values}, self.profile)
        self._set(values)

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set several parameters as one change; raise ValueError if that is refused."""
        result = self._node.set_parameters_atomically(
            [self._specs[name].parameter(value) for name, value in values.items()])
        if not result.successful:
            raise ValueError(result.reason)

    def _profiles_path(self) -> str:
        return self['profiles_file'] or str(share_directory() / 'config' / 'profiles.yaml')

    def _read_at_start(self) -> None:
        """Read labels and profiles, so that a profile can be validated before configuring."""
        # What is wrong with either is said by `validate`, which reads them again.
        with suppress(ModelError):
            self._labels = load_labels(self['model'])
        with suppress(ProfileError):
            self._profiles = load_profiles(self._profiles_path())

    # Profiles

    def _profile_values(self, profile: DriverProfile) -> dict[str, Any]:
        """
        Return the value of every parameter that profiles govern, as `profile` has it.

        An alert setting, and likewise `focus.max_changed`, is governed as soon as one profile of
        the file states it; a profile that is silent on it takes the value at start, so that a
        switch never depends on the profile before. Of a limit that is the owner's, the stricter
        of profile and start counts.
        """
        profiles = self._profiles.profiles.values()
        governed = {key for other in profiles for key in other.alerts}
        values = {
            'focus.classes': profile.focus_classes,
            'focus.suppress_classes': profile.suppress_classes,
            'focus.sigma': profile.sigma,
            'focus.sampling': profile.sampling,
        }
        if any(other.max_changed is not None for other in profiles):
            name = 'focus.max_changed'
            values[name] = (self._limits[name] if profile.max_changed is None
                            else profile.max_changed)
        for key in sorted(governed):
            name = f'alerts.{key}'
            values[name] = self._within_limit(
                name, profile.alerts.get(key, self._limits[name]))
        return values

    def _start_values(self, profile: DriverProfile) -> dict[str, Any]:
        """
        Return the values that `profile` and what was given at start make together.

        What was given wins, but for the owner's limits: there the stricter of both counts, as
        whenever the profile is switched.
        """
        values = self._profile_values(profile)
        return {**values, **{name: value for name, value in self._explicit.items()
                             if name not in values or not self._specs[name].driver_may}}

    def _within_limit(self, name: str, value: Any) -> Any:
        """Return the one of `value` and the value at start that alerts more, and sooner."""
        side = self._specs[name].driver_may
        if side == 'lowered':
            return min(value, self._limits[name])
        return max(value, self._limits[name]) if side == 'raised' else value

    def _check_profile(self, name: str) -> None:
        """Raise ProfileError if there is no such profile, or one that can not be meant."""
        profile = self._profiles.get(name)
        if self._labels is not None and (mistake := profile.mistake(self._labels)):
            raise ProfileError(mistake)
        stated = {f'alerts.{key}': value for key, value in profile.alerts.items()}
        for key, value in {**self._profile_values(profile), **stated}.items():
            try:
                self._specs[key].validated(self._specs[key].parameter(value))
            except ValueError as error:
                raise ProfileError(f'profile {name!r}: {error}') from error

    def _matching_profile(self, values: Mapping[str, Any], preferred: str) -> str:
        """Return the profile whose values are in `values`, `preferred` before another."""
        for name in (preferred, *self._profiles.profiles):
            profile = self._profiles.profiles.get(name)
            if profile is not None and all(
                    _same(values[key], value)
                    for key, value in self._profile_values(profile).items()):
                return name
        return CUSTOM

    def _warn_of_unknown(self) -> None:
        """Name what was given at start and no parameter takes, which ROS leaves unsaid."""
        # rclpy tells of what was given, but not declared, nowhere else. Publishers and
        # subscriptions declare their qos_overrides later.
        for name in sorted(self._node._parameter_overrides):
            if self._node.has_parameter(name) or name.startswith('qos_overrides.'):
                continue
            close = difflib.get_close_matches(name, self._specs, 1)
            hint = f'; did you mean {close[0]!r}?' if close else ''
            self._node.get_logger().warning(
                f'there is no parameter {name!r}, its value at start has no effect{hint}')

    def _warn_of_other_profiles(self) -> None:
        for name in self._profiles.names:
            if name == self.profile:
                continue
            try:
                self._check_profile(name)
            except ValueError as error:
                self._node.get_logger().warning(
                    f'driver profile {name!r} can not be selected: {error}')

    # Validating

    def _values(self) -> dict[str, Any]:
        """Return every value in force."""
        return {name: self[name] for name in self._specs if self._node.has_parameter(name)}

    def _check(self, values: Mapping[str, Any], changed: Iterable[str]) -> Settings:
        """
        Return the settings that `values` amount to, with revision 0.

        :param changed: the names whose values are not in force yet.
        :raises ValueError: they are wrong; the text says what would be right.
        """
        for name in changed:
            spec, value = self._specs[name], values[name]
            spec.validated(spec.parameter(value))
            if value != self._within_limit(name, value):
                raise ValueError(
                    f'{name} may only be {spec.driver_may} from its value at start, '
                    f'{self._limits[name]:g}, so that no hazard is alerted later or less; '
                    f'got {value:g}')
        if values['driver_profile'] != CUSTOM:
            self._check_profile(values['driver_profile'])
        return build_settings(values, self._labels)

    def _given(self, parameters: Iterable[Parameter]) -> dict[str, Any]:
        """Return the values of those parameters that are in the table, validated one by one."""
        return {parameter.name: self._specs[parameter.name].validated(parameter)
                for parameter in parameters if parameter.name in self._specs}

    # Callbacks. An exception in one would end the executor, so none leaves them.

    def _on_pre_set(self, parameters: list[Parameter]) -> list[Parameter]:
        """Derive: type what was given, expand a profile, name the profile that results."""
        typed = [self._specs[parameter.name].typed(parameter)
                 if parameter.name in self._specs else parameter for parameter in parameters]
        try:
            return self._with_profile(typed)
        except ValueError:
            # Something given is wrong: it is refused, with a sentence, when it is validated.
            return typed

    def _with_profile(self, parameters: list[Parameter]) -> list[Parameter]:
        given = self._given(parameters)
        if self._profiles is None or not given:
            return parameters
        preferred = given.pop('driver_profile', None)
        expanded = {}
        if preferred not in (None, CUSTOM):
            expanded = {
                name: value for name, value
                in self._profile_values(self._profiles.get(preferred)).items()
                if name not in given}
        values = {**self._values(), **expanded, **given}
        if preferred in (None, CUSTOM):
            preferred = self.profile
        others = [parameter for parameter in parameters if parameter.name != 'driver_profile']
        name = self._matching_profile(values, preferred)
        return [*others, *(self._specs[key].parameter(value) for key, value in expanded.items()),
                _BY_NAME['driver_profile'].parameter(name)]

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        """Judge, without any side effect."""
        try:
            given = self._given(parameters)
            if given and self._profiles is not None and self._labels is not None:
                self._check({**self._values(), **given}, given)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_post_set(self, parameters: list[Parameter]) -> None:
        """Apply: replace the settings in force, whole."""
        with self._lock:
            for parameter in parameters:
                self._mistakes.pop(parameter.name, None)
                self._explicit.pop(parameter.name, None)
                if parameter.name == 'driver_profile':
                    self._asked = ''
            if self._settings is not None:
                self._renew_settings()

    def _renew_settings(self) -> None:
        """Put the settings that the values amount to in force, under a new revision if new."""
        settings = build_settings(self._values(), self._labels)
        if (self._settings is None
                or replace(settings, revision=self._settings.revision) != self._settings):
            self._revision += 1
            self._settings = replace(settings, revision=self._revision)


def build_settings(values: Mapping[str, Any], labels: LabelSet) -> Settings:
    """
    Return the settings that the values of the table amount to, with revision 0.

    :raises ValueError: they do not fit each other or the model; the text names the parameter.
    """
    signs = resolve_signs(labels, values['focus.classes'], values['focus.suppress_classes'])
    try:
        class_ids = labels.resolve(
            (*values['alerts.required_classes'], *values['alerts.classes']))
    except ValueError as error:
        raise ValueError(f'alerts.required_classes or alerts.classes: {error}') from error
    # Values are set one by one, in any order, when a dump is loaded: what each may be does not
    # depend on the others.
    top_width = values['alerts.corridor.top_width']
    corridor = Corridor(
        top_row=values['alerts.corridor.top_row'],
        top_width=top_width,
        bottom_width=max(top_width, values['alerts.corridor.bottom_width']),
        center=values['alerts.corridor.center'])
    return Settings(
        revision=0,
        profile=values['driver_profile'],
        modulation=Modulation(
            signs=signs,
            sigma=values['focus.sigma'],
            sampling=values['focus.sampling'],
            utility_sigma=values['utility.sigma']),
        max_changed=values['focus.max_changed'],
        stale_after=values['alerts.stale_after'],
        max_age=values['alerts.max_age'],
        mounts={camera: Mount(values[f'{camera}.height'], values[f'{camera}.pitch'])
                for camera in values['cameras']},
        alerts=AlertSettings(
            class_ids=class_ids,
            corridor=corridor,
            **{key: values[f'alerts.{key}'] for key in (
                'min_area', 'raise_after', 'clear_after', 'near_m', 'near_row')}))


def _same(a: Any, b: Any) -> bool:
    """Whether two values mean the same; the order of a list of classes does not matter."""
    return sorted(a) == sorted(b) if isinstance(a, tuple) else a == b
