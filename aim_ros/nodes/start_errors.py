"""What rclpy refuses while it starts, as one sentence instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
import re

from rclpy.exceptions import NameValidationException
from rclpy.exceptions import ParameterException
from rclpy.exceptions import ParameterUninitializedException
from rclpy.impl.implementation_singleton import rclpy_implementation

_REFUSALS = (ParameterException, NameValidationException, rclpy_implementation.RCLError,
             rclpy_implementation.RCLInvalidROSArgsError, rclpy_implementation.UnknownROSArgsError,
             UnicodeError)

_WRONG_TYPE = re.compile(
    r"parameter '(?P<name>[^']+)' to '(?P<value>.*)' of type '(?P<given>\w+)', "
    r"expecting type '(?:Type\.)?(?P<wanted>\w+)'", re.DOTALL)
_SOURCE_LINE = re.compile(r', at /[^\s,]+:\d+')

_WANTED = {'BOOL': 'true or false, without quotes', 'INTEGER': 'an integer, without quotes',
           'DOUBLE': 'a number, without quotes', 'STRING': 'a string'}


class StartError(ValueError):
    """A node or its process cannot start; the text is one sentence for the user."""


@contextmanager
def start_errors() -> Iterator[None]:
    """
    Give what rclpy refuses within the block a sentence; to be put around its init and the nodes.

    That is: ROS arguments that cannot be parsed or are no text, a parameter file that is none,
    names that cannot be, and values of another type for the parameters that rclpy declares by
    itself (``use_sim_time``, ``start_type_description_service``, ``qos_overrides.*``).

    :raises StartError: rclpy refused. What else is raised passes.
    """
    try:
        yield
    except _REFUSALS as error:
        raise StartError(explain(error)) from error


def explain(error: Exception) -> str:
    """Return what rclpy raised as one sentence for the user."""
    if isinstance(error, rclpy_implementation.UnknownROSArgsError):
        return f'there are no such ROS arguments: {error}'
    if isinstance(error, UnicodeError):
        return f'ROS takes text in UTF-8 alone; this is none: {getattr(error, "object", error)!r}'
    if isinstance(error, ParameterUninitializedException):
        return f'{str(error).rpartition(": ")[2]} was given no value; give one, or leave it out'
    text = ' '.join(_SOURCE_LINE.sub('', str(error)).split())
    if wrong := _WRONG_TYPE.search(text):
        wanted = _WANTED.get(wrong['wanted'], f'of type {wrong["wanted"].lower()}')
        given = repr(wrong['value']) if wrong['given'] == 'STRING' else wrong['value']
        return f'{wrong["name"]} must be {wanted}; got {given}'
    return text
