"""The parameters of a node: a table of rows, declared at start and typed ever after."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import difflib
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from aim_ros.nodes.parameter_row import Row
from aim_ros.nodes.qos.mistakes import PREFIX
from aim_ros.nodes.qos.mistakes import qos_mistakes
from aim_ros.nodes.rclpy_private import parameter_overrides

_UNSET = 'not set'
"""Stands in a list parameter as it is declared, to tell whether it was given at start."""


class ReadOnlyParameterError(ValueError):
    """A value that is fixed at start is wrong: only another start of the node mends it."""


class ParameterTable:
    """
    Declares rows on a node, and gives their values.

    A value at start that is wrong raises nothing here: the default stands in for it, and
    `mistakes` says what is wrong, for a node that can be mended while it runs. One that cannot
    calls `require`.

    :param node: the node.
    :param rows: rows to declare at once; `declare` takes more.
    """

    def __init__(self, node: Node, rows: Iterable[Row] = ()):
        self._node = node
        self.rows: dict[str, Row] = {}
        """Every row by its name."""
        self.start: dict[str, Any] = {}
        """The value of every row at start: what was given, or else its default."""
        self.given: dict[str, Any] = {}
        """Those of `start` that were given."""
        self.mistakes: dict[str, str] = qos_mistakes(node)
        """What is wrong with a value that was given at start, by the parameter's name."""
        self.declare(rows)

    def declare(self, rows: Iterable[Row]) -> None:
        """Declare rows with their values at start, or with their defaults."""
        for row in rows:
            self._declare(row)

    def _declare(self, row: Row) -> None:
        # The range is set once the value is validated: rclpy would refuse it in its own words.
        declared = self._node.declare_parameter(
            row.name, [_UNSET] if row.is_list else None, ParameterDescriptor(dynamic_typing=True))
        value = row.default
        # Of a list, nothing at all is how an empty one in a YAML file arrives.
        unset = (declared.value == [_UNSET] if row.is_list
                 else declared.type_ == Parameter.Type.NOT_SET)
        if not unset:
            try:
                value = self.given[row.name] = row.validated(declared)
            except ValueError as error:
                self.mistakes[row.name] = str(error)
        self.rows[row.name] = row
        self.start[row.name] = value
        self._node.set_parameters([row.parameter(value)])
        self.describe(row.name)

    def describe(self, name: str, constraints: str = '') -> None:
        """Renew what ``ros2 param describe`` shows of a row; see `Row.descriptor`."""
        self._node.set_descriptor(name, self.rows[name].descriptor(constraints))

    def __getitem__(self, name: str) -> Any:
        """Return the value in force of a parameter; lists are tuples."""
        value = self._node.get_parameter(name).value
        return tuple(value) if self.rows[name].is_list else value

    def values(self) -> dict[str, Any]:
        """Return every value in force."""
        return {name: self[name] for name in self.rows}

    def require(self) -> dict[str, Any]:
        """
        Return every value in force.

        :raises ReadOnlyParameterError: one that was given at start and is fixed then is wrong.
        :raises ValueError: another is.
        """
        self.refuse(self.mistakes)
        return self.values()

    def refuse(self, mistakes: Mapping[str, str]) -> None:
        """Raise what `require` raises for these mistakes, by parameter; nothing for none."""
        if mistakes:
            fixed = any(self.is_fixed(name) for name in mistakes)
            raise (ReadOnlyParameterError if fixed else ValueError)('; '.join(mistakes.values()))

    def is_fixed(self, name: str) -> bool:
        """Whether only another start changes a parameter; so it is with those of rclpy's own."""
        return name not in self.rows or self.rows[name].read_only

    def set(self, values: Mapping[str, Any]) -> None:
        """
        Set several parameters as one change.

        :raises ValueError: that is refused.
        """
        result = self._node.set_parameters_atomically(
            [self.rows[name].parameter(value) for name, value in values.items()])
        if not result.successful:
            raise ValueError(result.reason)

    # For the node's callbacks

    def typed(self, parameters: Iterable[Parameter]) -> list[Parameter]:
        """Return parameters of a request in the types of their rows, where that can be."""
        return [self.rows[parameter.name].typed(parameter) if parameter.name in self.rows
                else parameter for parameter in parameters]

    def validated(self, parameters: Iterable[Parameter]) -> dict[str, Any]:
        """
        Return the values of those parameters of a request that are in the table.

        :raises ValueError: one is wrong by itself; the text says what would be right.
        """
        return {parameter.name: self.rows[parameter.name].validated(parameter)
                for parameter in parameters if parameter.name in self.rows}

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError if `value`, which has the row's type, is wrong by itself."""
        self.rows[name].validated(self.rows[name].parameter(value))

    # For people

    def warn_of_unknown(self, hint: Callable[[str], str] = lambda name: '') -> None:
        """
        Name what was given at start and no parameter takes, which ROS leaves unsaid.

        :param hint: what is to be said of a name; where it is empty, the row most alike is.
        """
        for name in sorted(parameter_overrides(self._node)):
            # Publishers and subscriptions declare their qos_overrides later.
            if self._node.has_parameter(name) or name.startswith(PREFIX):
                continue
            self._node.get_logger().warning(
                self.unknown(name, hint, ', its value at start has no effect'))

    def unknown(self, name: str, hint: Callable[[str], str] = lambda name: '', so: str = ''
                ) -> str:
        """
        Return what to say of a name that no parameter has.

        :param hint: see `warn_of_unknown`.
        :param so: what follows from it.
        """
        close = difflib.get_close_matches(name, self.rows, 1)
        said = hint(name) or (f'did you mean {close[0]!r}?' if close else '')
        return f'there is no parameter {name!r}{so}' + (f'; {said}' if said else '')
