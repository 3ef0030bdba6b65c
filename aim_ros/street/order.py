"""In which order things are drawn: what may hide another comes after it."""

from collections.abc import Callable
from collections.abc import Iterable

import numpy as np

from aim_ros.street.canvas import NEAR
from aim_ros.street.canvas import View
from aim_ros.street.cars import Car
from aim_ros.street.crosswise import CrosswiseVehicle
from aim_ros.street.furniture import Plant
from aim_ros.street.large_vehicles import LargeVehicle

_SLIM = 0.35  # metres that a person, a cyclist or a pole reaches to each side, at most


def far_first(view: View, things: Iterable, reach: float, of: Callable = lambda item: item
              ) -> list:
    """
    Leave out what is behind the camera or too far, and put far things first.

    A long vehicle may have its middle farther away than a thing that it hides. Where there is one,
    things are ordered by which of two that meet in the picture hides the other.

    :param reach: metres ahead of the camera from which on things are left out.
    :param of: gives the thing of an item.
    """
    inside = (item for item in things
              if of(item).z < view.z + reach and view.z + 1.2 < of(item).z + _reach(of(item)))
    items = sorted(inside, key=lambda item: -of(item).z)
    long = np.array([isinstance(of(item), LargeVehicle) for item in items], bool)
    if not long.any():
        return items
    low, high = _footprints(view, [of(item) for item in items])
    return [items[index] for index in _arrange(_hidden(low, high, long))]


def _reach(thing):
    return thing.half_length if isinstance(thing, LargeVehicle) else 0.0


def _footprints(view, things):
    """Return the lowest and the highest (x, z) of things (N, 2), z from the camera."""
    middle = np.array([(thing.x, thing.z - view.z) for thing in things])
    half = np.full((len(things), 2), (_SLIM, 0.0))
    for index, thing in enumerate(things):
        if isinstance(thing, LargeVehicle | CrosswiseVehicle | Car):
            half[index] = thing.model.width / 2, thing.model.length / 2
            if isinstance(thing, CrosswiseVehicle):
                half[index] = half[index, ::-1]
        elif isinstance(thing, Plant):
            half[index, 0] = thing.height * thing.ratio / 2
    return middle - half, middle + half


def _hidden(low, high, long):
    """Say for all pairs (N, N) whether the one of the row may be hidden by that of the column."""
    # The slopes of the rays to the outermost corners: where they meet, things may hide each other.
    near, far = np.maximum(low[:, 1], NEAR), np.maximum(high[:, 1], NEAR)
    left = np.minimum(low[:, 0] / near, low[:, 0] / far)
    right = np.maximum(high[:, 0] / near, high[:, 0] / far)
    meet = (left[:, None] < right) & (left < right[:, None])
    order = np.arange(len(low))
    farther = order[:, None] < order
    # With a long one: whoever begins where the other ends, or else is beyond a plane along the
    # road that parts them. The camera is at 0.
    beyond = low[:, None, 1] >= high[None, :, 1]
    outer = ((low[:, None, 0] + high[None, :, 0] > 0) & (low[:, None, 0] >= high[None, :, 0])) | (
        (high[:, None, 0] + low[None, :, 0] < 0) & (high[:, None, 0] <= low[None, :, 0]))
    aside = np.where(outer | outer.T, outer, farther)
    parted = np.where(beyond | beyond.T, beyond, aside)
    return meet & np.where(long[:, None] | long, parted, farther) & ~np.eye(len(low), dtype=bool)


def _arrange(hidden):
    """Return an order in which nothing comes after what hides it, else as it was."""
    waits_for = hidden.sum(axis=0)
    left = np.full(len(hidden), True)
    for _ in range(len(hidden)):
        free = np.flatnonzero(left & (waits_for <= 0))
        # Where things hide each other in a circle, the farthest begins.
        index = free[0] if len(free) else np.flatnonzero(left)[0]
        left[index] = False
        waits_for -= hidden[index]
        yield index
