"""The segmentation node's parameters: their validation, and the `Settings` that they amount to."""

from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import difflib
import itertools
import threading
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from aim_ros.hazards.emphasis_filter import EmphasisFilter
from aim_ros.nodes.choices import ANY_OF
from aim_ros.nodes.choices import choice_text
from aim_ros.nodes.choices import ONE_OF
from aim_ros.nodes.parameter_table import ParameterTable
from aim_ros.nodes.parameter_table import ReadOnlyParameterError
from aim_ros.nodes.segmentation.table import camera_rows
from aim_ros.nodes.segmentation.table import TABLE
from aim_ros.perception.defaults import filter_of
from aim_ros.perception.profile_rules import Limits
from aim_ros.perception.profile_rules import ProfileRules
from aim_ros.perception.profile_rules import same
from aim_ros.perception.profiles import CUSTOM
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.profiles import ProfileError
from aim_ros.perception.settings import build_settings
from aim_ros.perception.settings import check_classes
from aim_ros.perception.settings import CLASS_LISTS
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import Settings
from aim_ros.perception.settings import SettingsError
from aim_ros.perception.settings import warn_of_overlooked
from aim_ros.resources import share_directory
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.loading import load_labels
from aim_ros.segmentation.segmenter import ModelError


@dataclass(frozen=True)
class _Pending:
    """
    What was given at start and has not been validated with success yet.

    :param profile: the driver profile; empty once it is in force or set anew.
    :param given: values that a driver may change, by parameter.
    :param mistakes: what is wrong, by parameter.
    """

    profile: str = ''
    given: Mapping[str, Any] = field(default_factory=dict)
    mistakes: Mapping[str, str] = field(default_factory=dict)

    def without(self, names: Iterable[str]) -> '_Pending':
        """Return what is left when these parameters are set anew."""
        names = frozenset(names)
        return _Pending(
            profile='' if 'driver_profile' in names else self.profile,
            given={name: value for name, value in self.given.items() if name not in names},
            mistakes={name: text for name, text in self.mistakes.items() if name not in names})


class NodeParameters:
    """
    Declares the table on the node, validates every change, and holds the settings in force.

    A mistake at start, in a value, in the profile file or in the checkpoint's config, does not
    raise here: `validate`, which the node calls when it is configured, raises it, and succeeds
    when the cause has been mended since.

    :param node: the node; nothing else reads its parameters.
    """

    def __init__(self, node: Node):
        self._logger = node.get_logger()
        self._table = table = ParameterTable(node, TABLE)
        general = Mount(table['camera_height'], table['camera_pitch'])
        for camera in table['cameras']:
            table.declare(camera_rows(camera, general, table['image_transport']))
        table.warn_of_unknown(self._hint)
        self._limits = Limits(
            table.start, {row.name: row.driver_may for row in TABLE if row.driver_may})
        self._pending = _Pending(
            self.profile,
            {name: value for name, value in table.given.items()
             if not table.is_fixed(name) and name != 'driver_profile'},
            table.mistakes)
        # Transitions and services run in different threads.
        self._lock = threading.RLock()
        self._labels: LabelSet | None = None
        self._rules: ProfileRules | None = None
        self._settings: Settings | None = None
        self._revisions = itertools.count(1)
        # What is wrong with either file is said by `validate`, which reads them again.
        with suppress(ModelError):
            self._read_labels()
        with suppress(ProfileError):
            self._read_profiles()
            self._apply_at_start()

        node.add_pre_set_parameters_callback(self._on_pre_set)
        node.add_on_set_parameters_callback(self._on_set)
        node.add_post_set_parameters_callback(self._on_post_set)

    def __getitem__(self, name: str) -> Any:
        """Return the value in force of a parameter; lists are tuples."""
        return self._table[name]

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

        :raises ModelError: the checkpoint's config cannot be read.
        :raises ReadOnlyParameterError: a parameter is wrong that is fixed at start.
        :raises ValueError: a parameter, the profile file or the selected profile is wrong.
        """
        with self._lock:
            self._settings = None
            self._read_labels()
            self._renew_owners_classes()
            self._read_profiles()
            self._table.refuse(self._pending.mistakes)
            self._select(self._pending.profile or self.profile)
            values = self._table.values()
            for name, value in values.items():
                self._table.check(name, value)
            try:
                self._check(values)
                self._renew_settings()
            except SettingsError as error:
                if self._table.is_fixed(error.parameter):
                    raise ReadOnlyParameterError(str(error)) from error
                raise
            self._pending = _Pending()
            self._warn_of_other_profiles()
            warn_of_overlooked(self.settings, self.labels)
            return self.settings

    def emphasis_filter(self) -> EmphasisFilter | None:
        """Return the filter of the profile file if it was fitted for the model, else None."""
        return filter_of(self._rules.file, self['model'])

    def _read_labels(self) -> None:
        """Read the model's classes, and name them in the descriptions of the lists of classes."""
        self._labels = load_labels(self['model'])
        # rclpy describes a read-only parameter once and for all.
        for name in (name for name in CLASS_LISTS if not self._table.is_fixed(name)):
            self._table.describe(name, choice_text(ANY_OF, self._labels.selectable()))

    def _renew_owners_classes(self) -> None:
        """Take for the owner's what was set since in place of classes that there are not."""
        start = self._limits.start
        for name in CLASS_LISTS:
            try:
                check_classes({name: start[name]}, self._labels)
            except SettingsError:
                self._limits = replace(self._limits, start={**start, name: self[name]})

    def unknown(self, name: str) -> str:
        """Return what to say of a parameter that there is not."""
        return self._table.unknown(name, self._hint)

    # Profiles

    def _read_profiles(self) -> None:
        """Read the profile file, and name its profiles in the parameter's description."""
        path = self['profiles_file'] or str(share_directory() / 'config' / 'profiles.yaml')
        before = self._rules.governed if self._rules is not None else ()
        self._rules = ProfileRules(load_profiles(path), self._limits, before)
        self._table.describe('driver_profile', choice_text(ONE_OF, self._rules.file.profiles))

    def _apply_at_start(self) -> None:
        """Put the profile chosen at start in force, but for what was given beside it."""
        profile, values = self.profile, {}
        if profile != CUSTOM:
            values = self._rules.at_start(profile, self._pending.given)
        try:
            for name, value in values.items():
                self._table.check(name, value)
        except ValueError:
            # `validate` looks at the profile again, and says what is wrong with it.
            return
        name = self._rules.profile_of({**self._table.values(), **values}, profile)
        self._table.set({**values, 'driver_profile': name})

    def _select(self, profile: str) -> None:
        """Put a profile in force if it is not, but for what was given at start beside it."""
        if profile == CUSTOM:
            # The file may be another one than before, and have a name for the values now.
            profile = self._rules.profile_of(self._table.values(), CUSTOM)
        if profile == CUSTOM:
            return
        self._check_profile(profile)
        wanted = self._rules.at_start(profile, self._pending.given)
        if not all(same(self[name], value) for name, value in wanted.items()):
            self._table.set({**wanted, 'driver_profile': profile})

    def _check_profile(self, name: str) -> None:
        """Raise ProfileError if there is no such profile, or one that cannot be meant."""
        if mistake := self._rules.file.get(name).mistake(self._labels):
            raise ProfileError(mistake)

    def _warn_of_other_profiles(self) -> None:
        for name in self._rules.file.names:
            if name == self.profile:
                continue
            try:
                self._check_profile(name)
            except ValueError as error:
                self._logger.warning(f'driver profile {name!r} cannot be selected: {error}')

    def _hint(self, name: str) -> str:
        """Return what to say of a name at start that is like a camera's, but of no camera."""
        key = name.rpartition('.')[2]
        if f'camera_{key}' not in self._table.rows:
            return ''
        own = [row for row in self._table.rows if row.endswith(f'.{key}')]
        close = difflib.get_close_matches(name, own, 1, 0.0)
        return f'did you mean {close[0]!r}? camera_{key} is for every camera'

    # Callbacks: derive, validate, apply. An exception in one would end the executor, so none
    # leaves them.

    def _on_pre_set(self, parameters: list[Parameter]) -> list[Parameter]:
        """Derive: type what was given, expand a profile, name the profile that results."""
        typed = self._table.typed(parameters)
        rules = self._rules
        if rules is None:
            return typed
        try:
            derived = rules.derive(self._table.values(), self._table.validated(typed))
        except ValueError:
            # Something given is wrong: it is refused, with a sentence, when it is validated.
            return typed
        return [*(parameter for parameter in typed if parameter.name not in derived),
                *(self._table.rows[name].parameter(value) for name, value in derived.items())]

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        """Validate, without any side effect."""
        try:
            given = self._table.validated(parameters)
            if given:
                self._check(given)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_post_set(self, parameters: list[Parameter]) -> None:
        """Apply: replace the settings in force, whole."""
        with self._lock:
            self._pending = self._pending.without(parameter.name for parameter in parameters)
            if self._settings is not None:
                self._renew_settings()

    def _check(self, changes: Mapping[str, Any]) -> None:
        """Raise ValueError if values, each right by itself, break a rule or do not fit."""
        self._limits.check(changes)
        current = self._table.values()
        values = {**current, **changes}
        if self._rules is not None:
            self._rules.check(current, changes)
            if values['driver_profile'] != CUSTOM:
                self._check_profile(values['driver_profile'])
        if self._labels is not None:
            # Of what is not changed, a mistake at start may wait for another request.
            check_classes(changes, self._labels)

    def _renew_settings(self) -> None:
        """Put the settings that the values amount to in force, under a new revision if new."""
        settings, current = build_settings(
            self._table.values(), self._labels, self._limits.start), self._settings
        if current is None or replace(settings, revision=current.revision) != current:
            self._settings = replace(settings, revision=next(self._revisions))
