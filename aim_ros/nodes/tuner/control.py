"""What a parameter can be set to, as the node itself describes it."""

from dataclasses import dataclass
import math
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import ParameterValue
from rclpy.parameter import Parameter
from rclpy.parameter import parameter_value_to_python

from aim_ros.nodes.choices import choices_of

_LISTS = (Parameter.Type.STRING_ARRAY, Parameter.Type.INTEGER_ARRAY)
_NUMBERS = (Parameter.Type.DOUBLE, Parameter.Type.INTEGER)
_STEPS = 100
"""About how many steps a slider has, of which each is a power of ten."""

_MOST_STEPS = 10_000
"""Steps of a whole number's range above which no slider could find a value."""


@dataclass(frozen=True)
class Control:
    """
    One parameter of a node.

    :param name: the parameter's name.
    :param type: of its value.
    :param description: what it means.
    :param constraints: what the node says of allowed values besides.
    :param read_only: whether it is fixed at start.
    :param low, high: range of a number; None where there is none.
    :param choices: allowed strings; empty where there is no list of them.
    """

    name: str
    type: Parameter.Type
    description: str = ''
    constraints: str = ''
    read_only: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether its value is a list."""
        return self.type in _LISTS

    @property
    def is_number(self) -> bool:
        """Whether its value is a number."""
        return self.type in _NUMBERS

    @property
    def has_slider(self) -> bool:
        """Whether its range is one that a slider can show."""
        return self.is_number and self.low is not None and (
            self.high - self.low <= _MOST_STEPS * self.step)

    @property
    def step(self) -> float:
        """The step of its slider: a power of ten, of whole numbers at least 1."""
        if self.type == Parameter.Type.INTEGER:
            return 1
        span = (self.high - self.low) or 1.0
        return 10.0 ** math.floor(math.log10(span / _STEPS))

    def parameter(self, value: Any) -> Parameter:
        """
        Return a value as a parameter, in its own type where that can be.

        Whether the value is allowed is for the node to say, in its own words.
        """
        if self.is_list:
            return Parameter(self.name, self.type, list(value))
        if self.is_number and isinstance(value, int | float) and not isinstance(value, bool):
            whole = self.type == Parameter.Type.INTEGER and float(value).is_integer()
            value = int(value) if whole else float(value)
        return Parameter(self.name, value=value)


def control_of(descriptor: ParameterDescriptor, value: ParameterValue) -> Control:
    """
    Return a parameter's control.

    :param descriptor: of ``describe_parameters``.
    :param value: of ``get_parameters``; its type is the parameter's.
    """
    low = high = None
    for found in (*descriptor.floating_point_range, *descriptor.integer_range):
        low, high = found.from_value, found.to_value
    text = descriptor.additional_constraints
    return Control(
        descriptor.name, Parameter.Type(value.type), descriptor.description, text,
        descriptor.read_only, low, high, choices_of(text))


def plain(value: ParameterValue) -> Any:
    """Return a parameter's value as plain Python, lists as tuples."""
    found = parameter_value_to_python(value)
    scalar = found is None or isinstance(found, str | bytes | bool | int | float)
    return found if scalar else tuple(found)
