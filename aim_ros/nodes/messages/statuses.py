"""Statuses as their readers take them; without numpy, so that an example starts at once."""

from diagnostic_msgs.msg import DiagnosticStatus

LEVELS = ('OK', 'WARN', 'ERROR', 'STALE')
"""Names of the levels of ``DiagnosticStatus``, by their number."""


def status_values(status: DiagnosticStatus) -> dict[str, str]:
    """Return the values of a status by key."""
    return {value.key: value.value for value in status.values}
