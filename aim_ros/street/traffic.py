"""The scene with buses, trucks and trams."""

from dataclasses import dataclass
from dataclasses import replace
import math

import numpy as np

from aim_ros.street.block import Block
from aim_ros.street.block import Passage
from aim_ros.street.block import Stroll
from aim_ros.street.body import draw_looks
from aim_ros.street.car_models import CarModel
from aim_ros.street.car_models import draw_model
from aim_ros.street.cars import Car
from aim_ros.street.large_models import draw_large
from aim_ros.street.large_models import LargeModel
from aim_ros.street.large_vehicles import LargeVehicle
from aim_ros.street.story import PERIOD
from aim_ros.street.surface import CrossSection
from aim_ros.street.yard import open_yard

_BUS_STOP = 10.0
"""Metres beyond the crossing at which the rear of a vehicle stands that stops there."""
_ON_KERB = 0.35
"""Metres by which large vehicles park on the pavement, so that cyclists pass."""
_KEPT_FREE = 8.0  # metres before and after the middle of a crossing
_RAIL_SHARE = 0.5  # of the streets have rails


@dataclass(frozen=True)
class LargeLeader:
    """A large vehicle ahead of the driver, which halts beyond each crossing."""

    model: LargeModel
    x: float

    def at(self, time: float, length: float) -> LargeVehicle:
        """
        Return the vehicle at a time.

        Its speed goes up and down as a cosine does: it stands when the driver waits.

        :param length: metres between crossings.
        """
        z = length / PERIOD * time - length / (2 * math.pi) * math.sin(2 * math.pi * time / PERIOD)
        return LargeVehicle(self.model, self.x, z + _BUS_STOP + self.model.length / 2, 1)


def widen(section: CrossSection, seed: int) -> CrossSection:
    """Return the street of a seed with what its traffic needs: rails, a yard at one side."""
    rng = np.random.default_rng((seed, 7))
    rails = bool(rng.random() < _RAIL_SHARE)
    return replace(section, rails=rails, yard=int(rng.choice((-1, 0, 1), p=(0.3, 0.4, 0.3))))


def place_vehicle(model: CarModel | LargeModel, paint: tuple[int, int, int] | None, x: float,
                  z: float, facing: int) -> Car | LargeVehicle:
    """Return a vehicle with its middle at (x, z); only cars have a paint of their own."""
    if isinstance(model, LargeModel):
        return LargeVehicle(model, x, z, facing)
    return Car(model, paint, x, z, facing)


def draw_leader(seed: int, rails: bool) -> LargeLeader:
    """Draw the vehicle ahead of the driver."""
    rng = np.random.default_rng((seed, 8))
    model = draw_large(rng, rails, (0.35, 0.4))
    aside = 0.0 if model.kind == 'train' else rng.uniform(0.05, 0.25)
    return LargeLeader(model, aside)


def traffic(block: Block, rng: np.random.Generator, section: CrossSection, _stop: float) -> Block:
    """Let large vehicles come, park and halt, and people stand around them."""
    vehicles = [draw_large(rng, section.rails, (0.25, 0.5)), draw_model(rng)]
    vehicles.insert(int(rng.integers(3)), draw_large(rng, False, (0.5, 0.0)))
    oncoming = tuple(item if isinstance(item, tuple) else (item, None) for item in vehicles)
    fixed, passages = list(block.fixed), list(block.passages)
    strolls = [*block.strolls, *_waiting(rng, section)]
    ends = section.kerbs[0] - 1.3, section.kerbs[1] + 1.3
    for _ in range(int(rng.integers(1, 3))):  # who hurries to the stop
        passages.append(Passage(draw_looks(rng), rng.uniform(1.7, 2.4), rng.uniform(-0.6, 1.4),
                                rng.uniform(-1.0, 1.3), ends))
    for side, sign in ((0, -1), (1, 1)):
        if not section.parking[side] or not section.cycle:
            continue  # too narrow: cyclists could not pass
        for beyond in (True, False):
            if not beyond and rng.random() < 0.4:
                continue
            parked = _draw_parked(rng, section.kerbs[side], sign, beyond, block.crossing)
            fixed = [thing for thing in fixed if not _in_way(thing, parked)]
            fixed.append(parked)
            strolls += _around(rng, parked, block.crossing)
    staged = replace(block, fixed=tuple(fixed), passages=tuple(passages), traffic=oncoming,
                     strolls=tuple(strolls))
    return open_yard(staged, rng, section) if section.yard else staged


def _draw_parked(rng, kerb, sign, beyond, crossing):
    model = draw_large(rng, False, (0.35, 0.0))
    start = rng.uniform(_KEPT_FREE, _KEPT_FREE + (7.0 if sign > 0 else 12.0))
    if not beyond:
        start = -start - rng.uniform(0, 8) - model.length
    facing = sign if rng.random() < 0.85 else -sign
    return LargeVehicle(model, kerb - sign * (model.width / 2 - _ON_KERB),
                        crossing + start + model.length / 2, facing)


def _in_way(thing, parked):
    if not isinstance(thing, (Car, LargeVehicle)) or thing.x * parked.x < 0:
        return False
    half = thing.model.length / 2 + parked.half_length
    return abs(thing.z - parked.z) < half + 1.0


def _around(rng, parked, crossing):
    """Let people stand at the ends of a parked vehicle, so that it hides some of them."""
    reach = parked.half_length + 0.35
    for end in (-1, 1):
        if rng.random() < 0.7:
            aside = rng.uniform(-0.4, 0.4) * parked.model.width
            yield Stroll(draw_looks(rng), parked.x + aside,
                         parked.z - crossing + end * (reach + rng.uniform(0, 0.3)), 0.0,
                         rng.uniform(0, 2 * np.pi))


def _waiting(rng, section):
    """Let people wait where a bus halts."""
    kerb = section.kerbs[1]
    for _ in range(int(rng.integers(2, 5))):
        yield Stroll(draw_looks(rng), kerb + rng.uniform(0.9, 1.7),
                     _BUS_STOP + rng.uniform(1.0, 12.0), 0.0, rng.uniform(np.pi, 2 * np.pi))
