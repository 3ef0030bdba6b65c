"""
One row of a table of parameters: type, default, range, check, description.

Parameters are declared with dynamic typing and typed by their row instead, since ROS cannot type
an empty list: `[]` arrives as a byte array, a bool array or as nothing, by where it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.parameter import Parameter

from aim_ros.nodes.choices import choice_text
from aim_ros.nodes.choices import ONE_OF
from aim_ros.perception.ranges import require_in_range

Type = Parameter.Type

STRINGS = tuple[str, ...]
INTEGERS = tuple[int, ...]
FLOATS = tuple[float, ...]

_TYPES = {bool: Type.BOOL, int: Type.INTEGER, float: Type.DOUBLE, str: Type.STRING,
          STRINGS: Type.STRING_ARRAY, INTEGERS: Type.INTEGER_ARRAY, FLOATS: Type.DOUBLE_ARRAY}
_ARRAYS = (Type.BYTE_ARRAY, Type.BOOL_ARRAY, Type.INTEGER_ARRAY, Type.DOUBLE_ARRAY,
           Type.STRING_ARRAY)
_WANTED = {bool: 'true or false', int: 'an integer', float: 'a number', str: 'a string',
           STRINGS: "a list of strings, for instance ['person', 'car']",
           INTEGERS: 'a list of integers, for instance [192, 640]',
           FLOATS: 'a list of numbers, for instance [0.5, 1.0]'}


@dataclass(frozen=True)
class Row:
    """
    One parameter.

    :param kind: the Python type of its value: bool, int, float, str, `STRINGS`, `INTEGERS` or
        `FLOATS`.
    :param default: its value where nobody says otherwise.
    :param description: for ``ros2 param describe``.
    :param read_only: whether it is fixed at start.
    :param low, high: range of a number, inclusive; both or none.
    :param choices: allowed strings.
    :param check: raises ValueError, with a sentence that names the parameter, for a value of the
        right type and range that cannot be meant.
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
    check: Callable[[Any], None] | None = None
    driver_may: str = ''

    @property
    def is_list(self) -> bool:
        """Whether its value is a list."""
        return self.kind in (STRINGS, INTEGERS, FLOATS)

    def descriptor(self, constraints: str = '') -> ParameterDescriptor:
        """
        Return what ``ros2 param describe`` shows.

        :param constraints: what the node knows of allowed values, where the row does not.
        """
        descriptor = ParameterDescriptor(
            name=self.name, description=self.description, read_only=self.read_only,
            dynamic_typing=True, additional_constraints=constraints)
        if self.choices:
            descriptor.additional_constraints = choice_text(ONE_OF, self.choices)
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
        if self.kind is FLOATS and parameter.type_ == Type.INTEGER_ARRAY:
            return Parameter(self.name, Type.DOUBLE_ARRAY, [float(x) for x in parameter.value])
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

        :raises ValueError: it cannot be this row's; the text says what would be right.
        """
        parameter = self.typed(parameter)
        if parameter.type_ != _TYPES[self.kind]:
            # Of numbers, lists arrive as arrays.
            given = list(parameter.value) if parameter.type_ in _ARRAYS else parameter.value
            raise ValueError(f'{self.name} must be {_WANTED[self.kind]}, got '
                             f'{"nothing" if parameter.type_ == Type.NOT_SET else repr(given)}')
        value = tuple(parameter.value) if self.is_list else parameter.value
        if self.choices and value not in self.choices:
            raise ValueError(
                f'{self.name} must be one of {", ".join(self.choices)}, got {value!r}')
        if self.low is not None:
            require_in_range(self.name, value, self.low, self.high)
        if self.check is not None:
            self.check(value)
        return value


def parameter(default: Any, description: str, low: float | None = None, high: float | None = None,
              **constraints: Any) -> Any:
    """
    Make a field of a dataclass that is a parameter of the field's name and type; see `Row`.

    :param constraints: further fields of `Row`, for instance ``choices``.
    """
    return field(default=default, metadata={
        'description': description, 'low': low, 'high': high, **constraints})


def rows_of(settings: type, *, read_only: bool) -> tuple[Row, ...]:
    """Return the rows of a dataclass whose fields were made by `parameter`."""
    return tuple(Row(name=spec.name, kind=spec.type, default=spec.default, read_only=read_only,
                     **spec.metadata) for spec in fields(settings))
