"""What belongs to one crossing, and how the people there walk."""

from dataclasses import dataclass

import numpy as np

from aim_ros.street.bicycles import Cyclist
from aim_ros.street.body import Looks
from aim_ros.street.people import Walker


@dataclass(frozen=True)
class Passage:
    """Somebody who crosses the road, in the middle of the driver's lane at `tau` = `late`.

    Before and after it he walks on the pavements, where x is beyond `ends`.
    """

    looks: Looks
    speed: float  # m/s, signed along x
    late: float
    z: float
    ends: tuple[float, float]

    def at(self, tau: float, crossing: float) -> Walker:
        """Return the walker at a time."""
        way = self.speed * (tau - self.late)
        x = min(max(way, self.ends[0]), self.ends[1])
        beyond = abs(way - x)
        heading = np.copysign(np.pi / 2, self.speed)
        if beyond:
            heading = 0.0 if tau > self.late else np.pi
        return Walker(self.looks, x, crossing + self.z + beyond, heading, abs(way))


@dataclass(frozen=True)
class Stroll:
    """Somebody on the pavement, who walks along it or (speed 0) stands."""

    looks: Looks
    x: float
    z: float
    speed: float
    heading: float

    def at(self, tau: float, crossing: float) -> Walker:
        """Return the walker at a time."""
        way = self.speed * tau
        walked = abs(way) if self.speed else None
        return Walker(self.looks, self.x, crossing + self.z + way, self.heading, walked)


@dataclass(frozen=True)
class Ride:
    """A cyclist who rides ahead at a steady speed; at `tau` 0 he is at `z`."""

    looks: Looks
    frame: tuple[int, int, int]
    x: float
    z: float
    speed: float

    def at(self, tau: float, crossing: float) -> Cyclist:
        """Return the cyclist at a time."""
        ridden = self.speed * tau
        return Cyclist(self.looks, self.frame, self.x, crossing + self.z + ridden, 1, ridden)


@dataclass(frozen=True)
class Block:
    """What belongs to one crossing; positions are in the world."""

    crossing: float
    time: float
    shadows: tuple  # polygons on the ground, of all that does not move
    fronts: tuple  # houses, drawn first
    gardens: tuple  # plants behind the boundaries
    boundaries: tuple
    fixed: tuple  # parked cars, trees, poles, signs, bicycles
    passages: tuple[Passage, ...]
    strolls: tuple[Stroll, ...]
    traffic: tuple  # (CarModel, paint) or (LargeModel, None) of those who come to the driver
    gaps: tuple[float, ...]  # metres between the latter
    rider: tuple  # (Looks, frame colour) ahead of the driver
    other_rider: tuple  # and towards him
    rides: tuple[Ride, ...] = ()  # cyclists besides
    exits: tuple = ()  # vehicles that roll out of a yard
