"""
What driver profiles mean for the parameters of a running node: pure functions of frozen values.

Parameters go by their ROS names, for instance ``focus.sigma``; lists are tuples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aim_ros.perception.profiles import CUSTOM
from aim_ros.perception.profiles import ProfileFile

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Limits:
    """
    The owner's limits: what a driver may move, from its value at start, to one side only.

    :param start: the value at start of every parameter.
    :param sides: ``'lowered'`` or ``'raised'`` for each parameter that is limited: the side on
        which more is alerted, and no later.
    """

    start: Values
    sides: Mapping[str, str]

    def stricter(self, name: str, value: Any) -> Any:
        """Return the one of `value` and the value at start that alerts more, and sooner."""
        side = self.sides.get(name)
        if side is None:
            return value
        return (min if side == 'lowered' else max)(value, self.start[name])

    def check(self, changes: Values) -> None:
        """Raise ValueError if a driver may not choose one of these values."""
        for name, value in changes.items():
            if value != self.stricter(name, value):
                raise ValueError(
                    f'{name} may only be {self.sides[name]} from its value at start, '
                    f'{self.start[name]:g}, so that no hazard is alerted later or less; '
                    f'got {value:g}')


@dataclass(frozen=True)
class ProfileRules:
    """
    The profiles of a file under an owner's limits.

    :param file: the profiles.
    :param limits: the limits; their values at start are also what a profile that is silent on a
        parameter takes.
    :param before: the parameters that profiles governed before the file was read again: what one
        of them set must not stay in force for ever.
    """

    file: ProfileFile
    limits: Limits
    before: tuple[str, ...] = ()

    @cached_property
    def governed(self) -> tuple[str, ...]:
        """
        The parameters that profiles govern: those that one profile of the file states at least.

        Every profile sets them all, so that a switch never depends on the profile before.
        """
        return tuple(sorted({*self.before, *(name for profile in self.file.profiles.values()
                                             for name in profile.stated)}))

    def values(self, name: str) -> dict[str, Any]:
        """
        Return the value of every governed parameter under a profile.

        :raises ProfileError: there is no such profile, or it is malformed.
        """
        stated = self.file.get(name).stated
        return {key: self.limits.stricter(key, stated.get(key, self.limits.start[key]))
                for key in self.governed}

    def at_start(self, name: str, given: Values) -> dict[str, Any]:
        """
        Return the values that a profile and what was given at start beside it make together.

        What was given wins, but for the owner's limits: there the stricter of both counts, as
        whenever the profile is switched.

        :raises ProfileError: see `values`.
        """
        values = self.values(name)
        return {**values, **{key: value for key, value in given.items()
                             if key not in values or key not in self.limits.sides}}

    def profile_of(self, values: Values, preferred: str) -> str:
        """
        Return the profile that `values` are those of, or ``custom``.

        :param preferred: the profile that is meant where several fit.
        """
        for name in (preferred, *self.file.profiles):
            if name in self.file.profiles and all(
                    same(values[key], value) for key, value in self.values(name).items()):
                return name
        return CUSTOM

    def derive(self, current: Values, given: Values) -> dict[str, Any]:
        """
        Return what a request changes besides what it says, the resulting profile's name included.

        A profile sets all that it says, but for what the request gives explicitly.

        :param current: the values in force.
        :param given: the values of the request.
        :raises ProfileError: the request asks for a profile that there is not.
        """
        if not given or dict(given) == {'driver_profile': CUSTOM}:
            return {}  # nothing to derive from; `check` says what is wrong with custom
        asked = given.get('driver_profile', CUSTOM)
        explicit = {key: value for key, value in given.items() if key != 'driver_profile'}
        expanded = {} if asked == CUSTOM else {
            key: value for key, value in self.values(asked).items()
            if key not in explicit and not same(current[key], value)}
        preferred = current['driver_profile'] if asked == CUSTOM else asked
        name = self.profile_of({**current, **expanded, **explicit}, preferred)
        return {**expanded, 'driver_profile': name}

    def check(self, current: Values, changes: Values) -> None:
        """
        Raise ValueError if a request that is complete, see `derive`, asks for ``custom`` in vain.

        :param current: the values in force.
        :param changes: the values that are to be.
        """
        if changes.get('driver_profile') != CUSTOM:
            return
        name = self.profile_of({**current, **changes}, current['driver_profile'])
        if name != CUSTOM:
            raise ValueError(
                f'driver_profile cannot be set to {CUSTOM}: it reads so by itself while the '
                f'values are those of no profile, and they are those of {name!r}. Set focus.* or '
                'alerts.* to other values, or driver_profile to one of '
                f'{", ".join(self.file.profiles)}')


def same(a: Any, b: Any) -> bool:
    """Whether two values mean the same; the order of a list of classes does not matter."""
    return sorted(a) == sorted(b) if isinstance(a, tuple) else a == b
