"""Scenes that the street can stage at each crossing, besides what its seed draws."""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from aim_ros.street.bicycles import FRAMES
from aim_ros.street.bicycles import ParkedBicycle
from aim_ros.street.block import Block
from aim_ros.street.block import Passage
from aim_ros.street.block import Ride
from aim_ros.street.block import Stroll
from aim_ros.street.body import draw_looks
from aim_ros.street.body import Looks
from aim_ros.street.car_models import draw_model
from aim_ros.street.cars import Car
from aim_ros.street.light import Light
from aim_ros.street.surface import CrossSection
from aim_ros.street.traffic import traffic

BEYOND = 7.0
"""Metres beyond the crossing at which people step out from behind a parked car."""


def groups(block: Block, rng: np.random.Generator, section: CrossSection, _stop: float) -> Block:
    """Let groups of people cross, close together, and pairs walk side by side."""
    ends = _ends(section)
    passages = list(block.passages)
    for first in block.passages:
        late = first.late
        for _ in range(int(rng.integers(1, 4))):
            late += rng.uniform(0.45, 0.9)
            passages.append(Passage(draw_looks(rng), first.speed * rng.uniform(0.97, 1.03), late,
                                    first.z + rng.uniform(-0.7, 0.7), ends))
    strolls = list(block.strolls)
    for one in block.strolls:
        if one.speed:
            strolls.append(replace(one, looks=draw_looks(rng), x=one.x + rng.uniform(0.5, 0.7),
                                   z=one.z + rng.uniform(-0.15, 0.15)))
    return replace(block, passages=tuple(passages), strolls=tuple(strolls))


def crossing(block: Block, rng: np.random.Generator, section: CrossSection, _stop: float) -> Block:
    """Let people cross one after the other, from both sides, so that they pass each other."""
    passages = list(block.passages)
    for late in np.arange(-2.6, 2.4, 1.1):
        sign = 1 if rng.random() < 0.5 else -1
        passages.append(Passage(draw_looks(rng), sign * rng.uniform(1.2, 1.9),
                                late + rng.uniform(-0.4, 0.4), rng.uniform(-1.0, 1.4),
                                _ends(section)))
    return replace(block, passages=tuple(passages))


def parked(block: Block, rng: np.random.Generator, section: CrossSection, _stop: float) -> Block:
    """Let people step out from behind cars that are parked beyond the crossing."""
    passages, fixed = list(block.passages), list(block.fixed)
    for sign, kerb in zip((-1, 1), section.kerbs, strict=True):
        z = BEYOND + rng.uniform(0, 6)
        middle = kerb - sign * 1.0
        space = block.crossing + z - 5.5, block.crossing + z + 1.5
        fixed = [thing for thing in fixed
                 if not (isinstance(thing, Car) and space[0] < thing.z < space[1]
                         and thing.x * sign > 0)]
        fixed.append(Car(*draw_model(rng), middle, block.crossing + z - 2.9, sign))
        passages.append(Passage(draw_looks(rng), -sign * rng.uniform(1.2, 1.7),
                                rng.uniform(-0.5, 2.0), z, _ends(section)))
    return replace(block, passages=tuple(passages), fixed=tuple(fixed))


def cyclist(block: Block, rng: np.random.Generator, section: CrossSection, stop: float) -> Block:
    """Let cyclists come from behind the driver, and pass him on the right where he waits."""
    rides = tuple(
        Ride(draw_looks(rng, helmet=bool(rng.random() < 0.5)), FRAMES[rng.integers(len(FRAMES))],
             section.lane / 2 + rng.uniform(0.2, 0.9), -stop - speed * passes, speed)
        for passes, speed in ((rng.uniform(-1.5, -0.5), rng.uniform(3.6, 5.5)),
                              (rng.uniform(0.5, 1.5), rng.uniform(3.6, 5.5))))
    return replace(block, rides=rides)


def children(block: Block, rng: np.random.Generator, section: CrossSection, _stop: float) -> Block:
    """Let children run over the crossing and play on the pavement."""
    passages = list(block.passages)
    for _ in range(int(rng.integers(2, 4))):
        sign = 1 if rng.random() < 0.5 else -1
        passages.append(Passage(_child(rng), sign * rng.uniform(1.6, 2.6),
                                rng.uniform(-1.5, 2.0), rng.uniform(-1.0, 1.4), _ends(section)))
    strolls = list(block.strolls)
    for kerb, front in zip(section.kerbs, section.fronts, strict=True):
        strolls.append(Stroll(_child(rng), (kerb + front) / 2, rng.uniform(-4, 12),
                              rng.uniform(-1.2, 1.2), rng.uniform(0, 2 * np.pi)))
    return replace(block, passages=tuple(passages), strolls=tuple(strolls))


def empty(block: Block, _rng: np.random.Generator, _section: CrossSection, _stop: float) -> Block:
    """Leave the street without people and bicycles."""
    fixed = tuple(thing for thing in block.fixed if not isinstance(thing, ParkedBicycle))
    return replace(block, passages=(), strolls=(), fixed=fixed)


SCENES: dict[str, Callable[..., Block]] = {
    scene.__name__: scene
    for scene in (groups, crossing, parked, cyclist, children, empty, traffic)}
"""What `scene` may be."""


def stage(scene: str, block: Block, rng: np.random.Generator, section: CrossSection,
          stop: float, light: Light) -> Block:
    """Return a block with a scene in it.

    `stop` is how far before the crossing the driver waits, in metres.
    """
    staged = SCENES[scene](block, rng, section, stop)
    standing = (*staged.fronts, *staged.gardens, *staged.boundaries, *staged.fixed)
    return replace(staged, shadows=tuple(_shadows(standing, light)))


def _shadows(things: tuple, light: Light) -> Iterator[np.ndarray]:
    for thing in things:
        yield from thing.shadows(light)


def _ends(section: CrossSection) -> tuple[float, float]:
    left, right = section.kerbs
    return left - 1.3, right + 1.3


def _child(rng: np.random.Generator) -> Looks:
    return replace(draw_looks(rng), height=rng.uniform(0.95, 1.4), girth=rng.uniform(0.95, 1.15))
