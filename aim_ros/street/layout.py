"""Who and what is where: drawn from the seed, block by block, a block around each crossing."""

from functools import lru_cache

import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.street import textures
from aim_ros.street.bicycles import Cyclist
from aim_ros.street.bicycles import FRAMES
from aim_ros.street.bicycles import ParkedBicycle
from aim_ros.street.block import Block
from aim_ros.street.block import Passage
from aim_ros.street.block import Stroll
from aim_ros.street.body import draw_looks
from aim_ros.street.car_models import draw_model
from aim_ros.street.cars import Car
from aim_ros.street.facades import facade
from aim_ros.street.facades import ROOF
from aim_ros.street.frontage import Boundary
from aim_ros.street.frontage import House
from aim_ros.street.furniture import Lamp
from aim_ros.street.furniture import Plant
from aim_ros.street.furniture import Sign
from aim_ros.street.furniture import Signal
from aim_ros.street.furniture import SIGNS
from aim_ros.street.ground import Ground
from aim_ros.street.large_vehicles import LargeVehicle
from aim_ros.street.light import dimmed
from aim_ros.street.light import draw_light
from aim_ros.street.light import rained_on
from aim_ros.street.scenes import empty
from aim_ros.street.scenes import stage
from aim_ros.street.story import block_length
from aim_ros.street.story import PERIOD
from aim_ros.street.story import signal_phase
from aim_ros.street.story import travelled
from aim_ros.street.surface import draw_section
from aim_ros.street.traffic import draw_leader
from aim_ros.street.traffic import place_vehicle
from aim_ros.street.traffic import traffic
from aim_ros.street.traffic import widen

ZEBRA = 3.6  # metres along the road
WALL, FENCE, VEGETATION = 3, 4, 8

WEATHERS = {'': lambda light: light, 'dusk': dimmed, 'rain': rained_on}
"""How the light that the seed draws is changed; '' leaves it."""


class Layout:
    """The street of one seed; `scene` and `weather` change it as `SCENES` and `WEATHERS` say."""

    def __init__(self, seed: int, model: CameraModel, scene: str = '', weather: str = ''):
        self._seed = seed
        self._scene = scene
        rng = np.random.default_rng((seed, 1))
        self.light = WEATHERS[weather](draw_light(rng))
        self.speed = rng.uniform(8.5, 11.0)
        self.length = block_length(self.speed)
        self.stop = rng.uniform(11.5, 13.0)
        self.section = draw_section(rng)
        large = scene == traffic.__name__
        if large:
            self.section = widen(self.section, seed)
        self.ground = Ground(rng, self.section, self.length, model, self.light, ZEBRA)
        sun_x = float(self.light.sun[0] * self.light.sunny)
        self._facades = [facade(rng) for _ in range(9)]
        self._trees = [textures.tree(rng, sun_x) for _ in range(4)]
        self._bushes = [textures.bush(rng, sun_x) for _ in range(2)]
        self._hedge = textures.hedge(rng, sun_x)
        self._fence = textures.fence(rng)
        self._wall = textures.wall(rng)
        self._leader = draw_model(rng)
        self._large_leader = draw_leader(seed, self.section.rails) if large else None
        self._styles = rng.choice(('row', 'houses', 'park'), 2, p=(0.5, 0.32, 0.18))
        self._tree_rows = rng.random(2) < 0.55
        self._arm = bool(rng.random() < 0.5)
        self.block = lru_cache(maxsize=16)(self._draw_block)

    def driver(self, time: float) -> float:
        """Return where the driver's camera is along the road."""
        return travelled(time, self.speed) - self.stop

    def leader(self, time: float) -> Car | LargeVehicle:
        """Return the car ahead: slow enough to pass every crossing just before it turns red."""
        if self._large_leader:
            return self._large_leader.at(time, self.length)
        return Car(*self._leader, 0.0, self.length / PERIOD * (time + 4.6), 1)

    def blocks(self, z: float, reach: float) -> list[Block]:
        """Return the blocks that begin less than `reach` ahead of `z` and end after it."""
        first = int(np.floor(z / self.length + 0.5))
        last = int(np.floor((z + reach) / self.length + 0.5))
        return [self.block(index) for index in range(first, last + 1)]

    def actors(self, block: Block, time: float) -> list:
        """Return everybody of a block who moves, and its traffic lights, at a time."""
        tau = time - block.time
        crossing = block.crossing
        actors = [passage.at(tau, crossing) for passage in block.passages]
        actors += [stroll.at(tau, crossing) for stroll in block.strolls]
        actors += [ride.at(tau, crossing) for ride in block.rides]
        actors += [vehicle.at(tau) for vehicle in block.exits]
        left_kerb, right_kerb = self.section.kerbs
        phase = signal_phase(tau)
        before, beyond = crossing - ZEBRA / 2 - 1.6, crossing + ZEBRA / 2 + 1.6
        arm = -(right_kerb + 0.1) if self._arm else 0.0
        actors.append(Signal(right_kerb + 0.45, before, phase, arm))
        actors.append(Signal(left_kerb - 0.45, before, phase))
        actors.append(Signal(left_kerb - 0.45, beyond, phase, away=True))

        # Those who come towards the driver do as he does, seen in a mirror at the crossing.
        place = crossing + 8.5 - travelled(tau, self.speed)
        for (model, paint), gap in zip(block.traffic, block.gaps, strict=True):
            place += model.length / 2 + gap
            actors.append(place_vehicle(model, paint, -self.section.lane, place, -1))
            place += model.length / 2
        if self._scene == empty.__name__:
            return actors
        x = self.section.lane / 2 + 0.55 * max(self.section.cycle, 0.9)
        ridden = 4.0 * tau
        actors.append(Cyclist(*block.rider, x, crossing + ridden + 12.0, 1, ridden))
        x = -1.5 * self.section.lane - 0.5 * max(self.section.cycle, 0.9)
        ridden = 4.4 * tau
        actors.append(Cyclist(*block.other_rider, x, crossing - ridden + 17.0, -1, ridden))
        return actors

    def _draw_block(self, index: int) -> Block:
        rng = np.random.default_rng((self._seed, 2, index % 2**31))
        crossing = index * self.length
        fronts, gardens, boundaries, fixed = [], [], [], []
        for side in (0, 1):
            style = self._styles[side]
            if rng.random() < 0.15:
                style = str(rng.choice(('row', 'houses', 'park')))
            self._draw_side(rng, side, crossing, style, fronts, gardens, boundaries)
            self._draw_kerbside(rng, side, crossing, fixed)
        standing = (*fronts, *gardens, *boundaries, *fixed)
        block = Block(
            shadows=tuple(p for thing in standing for p in thing.shadows(self.light)),
            crossing=crossing,
            time=index * PERIOD,
            fronts=tuple(sorted(fronts, key=lambda house: -house.z0)),
            gardens=tuple(gardens),
            boundaries=tuple(boundaries),
            fixed=tuple(fixed),
            passages=self._draw_passages(rng),
            strolls=tuple(self._draw_strolls(rng)),
            traffic=tuple(draw_model(rng) for _ in range(3)),
            gaps=tuple(rng.uniform(1.6, 4.0, 3)),
            rider=_draw_rider(rng),
            other_rider=_draw_rider(rng),
        )
        if not self._scene:
            return block
        rng = np.random.default_rng((self._seed, 6, index % 2**31))
        return stage(self._scene, block, rng, self.section, self.stop, self.light)

    def _draw_side(self, rng, side, crossing, style, fronts, gardens, boundaries):
        sign = -1 if side == 0 else 1
        front = self.section.fronts[side]
        start, end = crossing - self.length / 2, crossing + self.length / 2
        if style == 'row':
            fronts += self._draw_houses(rng, front, (start, end), (3, 6), 0.15, 0.7)
            return
        kind = rng.choice(('hedge', 'fence', 'wall', 'none'), p=(0.5, 0.2, 0.15, 0.15))
        self._draw_boundary(rng, kind, front + 0.1 * sign, start, end, boundaries)
        if style == 'houses':
            setback = rng.uniform(3.5, 7.0) * sign
            fronts += self._draw_houses(rng, front + setback, (start, end), (3, 9), 1.0, 1.5)
            count, spread = 8, abs(setback) + 2
        else:
            count, spread = 22, 12.0
            # A dense row of trees ends the park, as no horizon is seen from a street.
            x, z = front + sign * 17.0, start
            while z < end:
                length = rng.uniform(5.0, 9.0)
                fronts.append(Boundary(self._hedge, VEGETATION, x + rng.uniform(-0.3, 0.3), z,
                                       min(z + length, end), rng.uniform(4.5, 9.0), 0.0,
                                       (0, 0, 0), 14.0))
                z += length * 0.8
        for _ in range(count):
            x = front + sign * (1.6 + rng.uniform(0, spread))
            bush = rng.random() < 0.3
            height = rng.uniform(1.5, 2.6) if bush else rng.uniform(5, 10)
            gardens.append(self._plant(rng, x, rng.uniform(start, end), height, bush))

    def _draw_houses(self, rng, x, span, gap, gap_share, ragged):
        """Line up houses, a share of them with a gap after, at most `ragged` behind `x`."""
        z, end = span
        before = None
        while z < end - 4:
            facade = self._facades[rng.integers(len(self._facades))]
            place = x + np.copysign(rng.choice((0.0, rng.uniform(0, ragged))), x)
            z1 = min(z + facade.width, end)
            seen = (before is None or before.z1 < z or before.facade.height < facade.height
                    or abs(before.x) > abs(place))
            before = House(facade, place, z, z1, roof=rng.uniform(1.8, 4.0),
                           depth_x=rng.uniform(8, 12), gable=bool(seen),
                           tiles=ROOF[rng.integers(len(ROOF))])
            yield before
            z = z1 + (rng.uniform(*gap) if rng.random() < gap_share else 0.0)

    def _draw_boundary(self, rng, kind, x, start, end, boundaries):
        if kind == 'none':
            return
        texture, label, height, thick, top, repeat = {
            'hedge': (self._hedge, VEGETATION, rng.uniform(1.0, 1.9), 0.7, (70, 86, 46), 10.0),
            'fence': (self._fence, FENCE, rng.uniform(1.0, 1.7), 0.06, (120, 100, 80), 9.6),
            'wall': (self._wall, WALL, rng.uniform(0.8, 1.8), 0.3, (150, 144, 134), 12.0),
        }[kind]
        z = start
        while z < end - 1:
            length = min(rng.uniform(8, 22), end - z)
            boundaries.append(Boundary(texture, label, x, z, z + length, height, thick, top,
                                       repeat))
            z += length + rng.choice((0.0, 1.2, 3.2))

    def _plant(self, rng, x, z, height, bush=False):
        mirrored = bool(rng.random() < 0.5)
        if bush:
            return Plant(self._bushes[rng.integers(2)], 1.0, x, z, height, mirrored)
        texture, ratio = self._trees[rng.integers(len(self._trees))]
        return Plant(texture, ratio, x, z, height, mirrored)

    def _draw_kerbside(self, rng, side, crossing, fixed):
        """Place trees, lamps, signs, parked cars and bicycles on one side."""
        sign = -1 if side == 0 else 1
        kerb = self.section.kerbs[side]
        half = self.length / 2
        keep = ZEBRA / 2 + 5.0  # the crossing is kept free

        def spots(spacing, shift=0.0):
            for z in np.arange(-half + shift, half - 2, spacing):
                if abs(z) > keep:
                    yield crossing + z

        if self._tree_rows[side]:
            spacing = rng.uniform(8.5, 14)
            for z in spots(spacing, 3.0):
                if rng.random() < 0.85:
                    x = kerb + sign * (0.5 * self.section.verge[side] + 0.55)
                    fixed.append(self._plant(rng, x, z, rng.uniform(5.5, 9.0)))
        if side == 0 or rng.random() < 0.4:
            for z in spots(rng.uniform(24, 32), 8.0):
                fixed.append(Lamp(kerb + 0.5 * sign, z, rng.uniform(6, 8), -1.2 * sign))
        for z in spots(rng.uniform(16, 26), rng.uniform(4, 12)):
            if side == 1 or rng.random() < 0.3:
                fixed.append(Sign(kerb + 0.45 * sign, z + 1.3, str(rng.choice(SIGNS)),
                                  rng.uniform(1.9, 2.4), rng.uniform(0.55, 0.72)))
        fixed.append(Sign(kerb + 0.5 * sign, crossing - ZEBRA / 2 - 0.5, 'crossing', 2.2, 0.62))
        parking = self.section.parking[side]
        if parking:
            middle = kerb - sign * parking / 2
            for z in spots(5.7, rng.uniform(2, 4)):
                if rng.random() < 0.72:
                    facing = sign if rng.random() < 0.85 else -sign
                    fixed.append(Car(*draw_model(rng), middle + rng.normal(0, 0.08),
                                     z + rng.normal(0, 0.2), facing))
        for z in spots(rng.uniform(18, 40), rng.uniform(5, 20)):
            x = self.section.fronts[side] - 0.45 * sign
            if rng.random() < 0.5:
                frame = FRAMES[rng.integers(len(FRAMES))]
                fixed.append(ParkedBicycle(frame, x, z, rng.normal(0, 0.25)))

    def _draw_passages(self, rng):
        left, right = self.section.kerbs
        ends = (left - 1.3, right + 1.3)
        # Mostly from the right: they step on the road when the light has just turned red.
        sign = -1 if rng.random() < 0.7 else 1
        passages = [Passage(draw_looks(rng), sign * rng.uniform(1.35, 1.6), 0.0, 0.0, ends)]
        if rng.random() < 0.5:
            passages.append(Passage(draw_looks(rng), -sign * rng.uniform(1.3, 1.6),
                                    rng.uniform(-0.8, 0.3), rng.uniform(0.8, 1.2), ends))
        return tuple(passages)

    def _draw_strolls(self, rng):
        for _ in range(int(rng.integers(3, 7))):
            side = int(rng.integers(2))
            sign = -1 if side == 0 else 1
            kerb, front = self.section.kerbs[side], self.section.fronts[side]
            x = front - sign * rng.uniform(0.7, 0.45 * abs(front - kerb) + 0.4)
            ahead = rng.random() < 0.5
            if rng.random() < 0.25:
                yield Stroll(draw_looks(rng), x, rng.uniform(-0.4, 0.4) * self.length, 0.0,
                             rng.uniform(0, 2 * np.pi))
            else:
                yield Stroll(draw_looks(rng), x, rng.uniform(-0.45, 0.45) * self.length,
                             rng.uniform(1.0, 1.5) * (1 if ahead else -1), 0.0 if ahead else np.pi)


def _draw_rider(rng):
    return draw_looks(rng, helmet=bool(rng.random() < 0.5)), FRAMES[rng.integers(len(FRAMES))]
