"""A yard beside the road, where buses, trucks and trams show their sides."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from aim_ros.street.block import Block
from aim_ros.street.crosswise import CrosswiseVehicle
from aim_ros.street.frontage import House
from aim_ros.street.large_models import draw_large
from aim_ros.street.large_models import draw_tram
from aim_ros.street.large_vehicles import LargeVehicle
from aim_ros.street.surface import CrossSection
from aim_ros.street.surface import YARD_END

_DEPTH = 19.0  # metres from the pavement to the houses behind the yard
_ROLL = 3.0  # metres that a vehicle rolls forward


@dataclass(frozen=True)
class Exit:
    """A vehicle that rolls forward to the pavement, and waits there while the driver does."""

    vehicle: CrosswiseVehicle

    def at(self, tau: float) -> CrosswiseVehicle:
        """Return the vehicle at a time."""
        left = min(max(-1.0 - tau, 0.0), 4.0) / 4.0  # of the time that it rolls
        back = _ROLL * left**2 * (3 - 2 * left)
        return replace(self.vehicle, x=self.vehicle.x - self.vehicle.facing * back)


def open_yard(block: Block, rng: np.random.Generator, section: CrossSection) -> Block:
    """Return a block whose houses at one side stand back, with vehicles before them."""
    side, end = section.yard, block.crossing + YARD_END
    front = section.fronts[1 if side > 0 else 0]

    def kept(thing, z):
        return thing.x * side < 0 or z > end

    fronts = [house for house in block.fronts
              if kept(house, house.z0 + 0.5) or abs(house.x - front) > _DEPTH - 3.0]
    houses = [house for house in block.fronts if house.x * side > 0 and isinstance(house, House)]
    fronts += [replace(house, x=front + side * (_DEPTH + rng.uniform(0, 1)), gable=True)
               for house in houses if house not in fronts]
    first = min((house.z0 for house in fronts if house.x * side > 0 and house.z0 > end - 0.5),
                default=0.0)
    fronts = [replace(house, gable=True) if isinstance(house, House) and house.z0 == first
              else house for house in fronts]
    vehicles, exits = [], []
    if section.rails:
        vehicles += _draw_trams(rng, section, block.crossing)
    else:
        for z in np.arange(-34.0, YARD_END - 4.0, 13.0):
            vehicle = _draw_standing(rng, front, side, block.crossing + z + rng.uniform(0, 6.0))
            if rng.random() < 0.35 and vehicle.facing == -side:
                exits.append(Exit(vehicle))
            elif rng.random() < 0.75:
                vehicles.append(vehicle)
    return replace(
        block, fronts=tuple(sorted(fronts, key=lambda house: -house.z0)), exits=tuple(exits),
        gardens=tuple(plant for plant in block.gardens if kept(plant, plant.z)),
        boundaries=tuple(wall for wall in block.boundaries if kept(wall, wall.z0)),
        fixed=(*block.fixed, *vehicles))


def _draw_trams(rng, section, crossing):
    """Let trams stand on the tracks of a yard that is their terminus."""
    for x in section.yard_tracks:
        if rng.random() < 0.8:
            model = draw_tram(rng)
            nose = crossing + YARD_END - rng.uniform(2.0, 16.0)
            facing = 1 if rng.random() < 0.5 else -1
            yield LargeVehicle(model, x, nose - model.length / 2, facing)


def _draw_standing(rng, front, side, z):
    model = draw_large(rng, False, (0.45, 0.0))
    while model.length > 13.0:  # as deep as the yard is
        model = draw_large(rng, False, (0.45, 0.0))
    facing = -side if rng.random() < 0.65 else side
    return CrosswiseVehicle(model, front + side * (0.6 + model.length / 2), z, facing)
