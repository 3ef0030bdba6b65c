"""What the numbers that a profile may state can be, for whoever takes one."""

from collections.abc import Mapping
import sys
from types import MappingProxyType

from aim_ros.plain_data import shortened

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType({
    'focus.sigma': (0.0, 20.0),
    'focus.max_changed': (0.0, 1.0),
    'alerts.min_area': (1, 1_000_000),
    'alerts.raise_after': (0.0, 5.0),
    'alerts.clear_after': (0.0, 10.0),
    'alerts.near_m': (0.0, 1000.0),
    'alerts.near_row': (0.0, 1.0),
})
"""What each number that a profile may state can be, inclusive, by the parameter's ROS name."""


def require_in_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, with a sentence, unless a parameter's value is finite and in a range."""
    # Which no comparison with NaN is.
    if not low <= value <= high:
        # An integer may be larger than any floating point number.
        given = f'{value:g}' if abs(value) <= sys.float_info.max else shortened(value)
        raise ValueError(f'{name} must be in {low:g}..{high:g}, got {given}')
