"""In which order things are drawn: what may hide another comes after it."""

from collections.abc import Callable
from collections.abc import Iterable

from aim_ros.street.canvas import View
from aim_ros.street.cars import Car
from aim_ros.street.large_vehicles import LargeVehicle


def far_first(view: View, things: Iterable, reach: float, of: Callable = lambda item: item
              ) -> list:
    """
    Leave out what is behind the camera or too far, and put far things first.

    A long vehicle may have its middle farther away than a thing that it hides, so what stands
    beside it is put before or after it by which of both is farther aside.

    :param reach: metres ahead of the camera from which on things are left out.
    :param of: gives the thing of an item.
    """
    inside = (item for item in things
              if of(item).z < view.z + reach and view.z + 1.2 < of(item).z + _reach(of(item)))
    return _around_long(sorted(inside, key=lambda item: -of(item).z), of)


def _reach(thing):
    return thing.half_length if isinstance(thing, LargeVehicle) else 0.0


def _around_long(items, of):
    for item in items:
        if isinstance(of(item), LargeVehicle):
            break
    else:
        return items
    behind, before = [], []
    for other in items:
        if other is not item:
            (behind if _hides(of(item), of(other)) else before).append(other)
    return [*_around_long(behind, of), item, *_around_long(before, of)]


def _hides(vehicle, thing):
    """Whether the vehicle, and not the thing, hides what is seen of both in one place."""
    half = thing.model.length / 2 if isinstance(thing, Car) else _reach(thing)
    if thing.z - half >= vehicle.z + vehicle.half_length:
        return True
    if thing.z + half <= vehicle.z - vehicle.half_length:
        return False
    if abs(vehicle.x) < vehicle.model.width / 2:
        return True  # it is right ahead, and what is beside it can hide nothing of it
    return thing.x / vehicle.x > 1
