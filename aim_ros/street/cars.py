"""Cars: a body lofted over cross-sections, with glass, lights and wheels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aim_ros.street.canvas import CAMERA_HEIGHT
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import hull
from aim_ros.street.light import Light

CAR = 13


@dataclass(frozen=True)
class CarModel:
    """Sizes in metres; `profile` lists, from nose to tail, (share of length, belt, roof).

    `belt` and `roof` are heights as shares of the car's: of the edge below the windows, and of the
    top, which is the bonnet or boot where it is below 0.75.
    """

    length: float
    width: float
    height: float
    profile: tuple[tuple[float, float, float], ...]


HATCH = ((0.0, 0.36, 0.40), (0.03, 0.47, 0.50), (0.12, 0.54, 0.585), (0.25, 0.60, 0.655),
         (0.44, 0.62, 0.96), (0.56, 0.625, 1.0), (0.585, 0.63, 1.0), (0.78, 0.64, 0.98),
         (0.88, 0.655, 0.93), (0.965, 0.66, 0.66), (1.0, 0.36, 0.40))
SEDAN = ((0.0, 0.36, 0.40), (0.03, 0.46, 0.50), (0.12, 0.54, 0.58), (0.27, 0.60, 0.65),
         (0.43, 0.62, 0.96), (0.54, 0.625, 1.0), (0.565, 0.63, 1.0), (0.68, 0.64, 0.97),
         (0.83, 0.655, 0.71), (0.97, 0.64, 0.685), (1.0, 0.36, 0.42))
ESTATE = ((0.0, 0.36, 0.40), (0.03, 0.47, 0.50), (0.12, 0.54, 0.58), (0.25, 0.60, 0.65),
          (0.41, 0.62, 0.95), (0.53, 0.625, 1.0), (0.555, 0.63, 1.0), (0.76, 0.64, 0.99),
          (0.93, 0.65, 0.95), (0.985, 0.66, 0.68), (1.0, 0.36, 0.40))
VAN = ((0.0, 0.34, 0.38), (0.02, 0.46, 0.50), (0.10, 0.52, 0.56), (0.17, 0.56, 0.60),
       (0.33, 0.58, 0.97), (0.45, 0.58, 1.0), (0.475, 0.58, 1.0), (0.72, 0.58, 1.0),
       (0.95, 0.58, 0.98), (0.985, 0.60, 0.62), (1.0, 0.30, 0.36))
MODELS = (
    CarModel(4.05, 1.76, 1.46, HATCH), CarModel(4.6, 1.8, 1.44, SEDAN),
    CarModel(4.65, 1.8, 1.48, ESTATE), CarModel(4.45, 1.84, 1.66, ESTATE),
    CarModel(4.75, 1.88, 1.92, VAN), CarModel(3.7, 1.66, 1.5, HATCH),
)
PAINTS = (
    (224, 226, 228), (196, 200, 204), (168, 172, 176), (120, 124, 130), (72, 76, 82), (36, 38, 42),
    (30, 32, 34), (28, 40, 74), (44, 66, 118), (128, 28, 30), (160, 40, 36), (54, 70, 58),
    (150, 130, 100), (214, 210, 196), (96, 52, 40),
)
GLASS = np.array((27.0, 32.0, 37.0))
# Half a cross-section from sill to roof: widths as shares of the car's half width.
_WIDTHS = (0.92, 0.99, 1.0, 0.965, 0.77, 0.40)
_BONNET = (0.92, 0.99, 1.0, 0.955, 0.84, 0.44)
_HALF = len(_WIDTHS)


def draw_model(rng: np.random.Generator) -> tuple[CarModel, tuple[int, int, int]]:
    """Draw a kind of car and its paint."""
    model = MODELS[rng.choice(len(MODELS), p=(0.3, 0.2, 0.2, 0.14, 0.06, 0.1))]
    return model, PAINTS[rng.integers(len(PAINTS))]


@dataclass(frozen=True)
class Car:
    """A car whose middle stands at (x, z); `facing` is +1 if its nose points ahead, else -1."""

    model: CarModel
    paint: tuple[int, int, int]
    x: float
    z: float
    facing: int
    kind: str = 'car'

    @property
    def depth(self) -> float:
        """The place in the order of drawing."""
        return self.z

    def extent(self) -> np.ndarray:
        """Return the corners (8, 3) of the box around the car."""
        m = self.model
        return np.array([
            (self.x + sx * m.width / 2, y, self.z + sz * m.length / 2)
            for sx in (-1, 1) for y in (0, m.height) for sz in (-1, 1)
        ])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground: below the car, and the sun's."""
        m = self.model
        base = np.array(((-0.5, -0.48), (0.5, -0.48), (0.5, 0.48), (-0.5, 0.48)))
        base = base * (m.width, m.length)
        place = np.array((self.x, self.z))
        polygons = [base + place]
        if light.sunny > 0.3:
            top = base * (0.8, 0.62) - light.sun[[0, 2]] * (m.height * 0.95 / light.sun[1])
            polygons.append(hull(np.concatenate((base, top))) + place)
        return polygons

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the treads, the body from its far faces to its near ones, and what is on it."""
        patch = canvas.patch(self.extent())
        if patch.empty:
            return
        shape = _shape(self.model, self.paint, self.facing, light)
        place = np.array((self.x, 0, self.z))
        fixed = patch.fix_all(shape.points + place)
        centres = shape.centres + place
        sight = centres - (0, CAMERA_HEIGHT, canvas.view.z)
        seen = np.flatnonzero((shape.normals * sight).sum(axis=1) < 0)
        seen = seen[np.argsort(-(sight[seen] ** 2).sum(axis=1))]
        side = int(self.x < 0)
        for polygon, colour in (*shape.treads, *shape.mirrors[1 - side]):
            patch.fill(fixed[polygon], colour)
        for polygon, index in zip(fixed[shape.faces[seen]], seen.tolist(), strict=True):
            patch.fill(polygon, shape.colours[index])
        near = canvas.view.scale(self.z) > 14
        for polygon, colour in (*shape.sides[side], *shape.end, *shape.mirrors[side]):
            if near or len(polygon) > 4:  # from afar, only the wheels are seen
                patch.fill(fixed[polygon], colour)
        canvas.paste_patch(patch, CAR, self.z, soft=patch.fine)


@dataclass(frozen=True, eq=False)
class _Shape:
    """A car around the origin: points, the faces of its body, and what is fixed to them.

    The latter are (indices of points, colour); `sides` and `mirrors` are those at the lower and at
    the higher x.
    """

    points: np.ndarray
    faces: np.ndarray
    centres: np.ndarray
    normals: np.ndarray
    colours: list
    treads: list
    sides: tuple[list, list]
    mirrors: tuple[list, list]
    end: list


@lru_cache(maxsize=512)
def _shape(model: CarModel, paint: tuple[int, int, int], facing: int, light: Light) -> _Shape:
    rings, cabin = [], []
    for share, belt, roof in model.profile:
        cabin.append(roof > 0.75)
        taper = 1 - 0.1 * (abs(share - 0.5) * 2) ** 6  # nose and tail are narrower
        belt, roof = belt * model.height, roof * model.height
        heights = (0.17, 0.22 + 0.2 * belt, 0.7 * belt + 0.05, belt, roof - 0.05, roof)
        heights = np.maximum.accumulate(heights)
        half = model.width / 2 * taper * np.array(_WIDTHS if cabin[-1] else _BONNET)
        z = (0.5 - share) * model.length
        right = [(x, y, z) for x, y in zip(half, heights, strict=True)]
        rings.append(right + [(-x, y, z) for x, y, z in right[::-1]])
    points = np.array(rings).reshape(-1, 3)
    count = 2 * _HALF
    faces, colours = [], []
    for i in range(len(rings) - 1):
        for j in range(count - 1):
            a, b = i * count + j, (i + 1) * count + j
            faces.append((a, a + 1, b + 1, b))
            colours.append(_colour(model, paint, i, min(j, count - 2 - j), cabin))
    for ring in (0, len(rings) - 1):
        base = ring * count
        for j in range(_HALF - 1):  # nose and tail, in strips from side to side
            faces.append((base + j, base + j + 1, base + count - 2 - j, base + count - 1 - j))
            colours.append(np.array(paint) * (0.5 if j == 0 else 0.92))
    faces = np.array(faces)
    turn = np.array((facing, 1, facing))
    corner = points[faces] * turn
    centres = corner.mean(axis=1)
    normals = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
    outward = (normals * (centres - (0, 0.55, 0))).sum(axis=1)
    normals *= np.where(outward < 0, -1, 1)[:, None]
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-9)[:, None]

    parts = _Parts(model, paint, points * turn, facing, light)
    treads = parts.treads()
    sides = (parts.side(-1), parts.side(1))
    mirrors = (parts.mirror(-1), parts.mirror(1))
    end = parts.front() if facing < 0 else parts.rear()
    return _Shape(np.concatenate(parts.points), faces, centres, normals,
                  _shade(np.array(colours), normals, centres, light), treads, sides,
                  mirrors, end)


def _colour(model, paint, i, strip, cabin):
    """Choose a face's colour; strips are 0 sill, 1-2 door, 3 window, 4 roof edge, 5 roof."""
    paint = np.array(paint, float)
    if strip == 0:
        return paint * 0.45
    if cabin[i] != cabin[i + 1] and strip >= 4:
        return GLASS  # windscreen and rear window
    if strip == 3 and (cabin[i] or cabin[i + 1]):
        thin = model.profile[i + 1][0] - model.profile[i][0] < 0.03
        return paint * 0.85 if thin or i == len(model.profile) - 4 else GLASS * 0.9
    return paint


def _shade(colours, normals, centres, light):
    shaded = colours * light.shade(normals)
    # Paint and glass mirror the sky above and the road below.
    glass = (np.abs(colours - GLASS).sum(axis=1) < 20)[:, None]
    up = np.clip(normals[:, 1:2], 0, 1)
    mirror = np.where(glass, 0.05 + 0.3 * up**1.5, 0.05 + 0.24 * up**2)
    shaded = shaded * (1 - mirror) + light.sky_low * mirror
    shaded *= 1 - 0.35 * np.clip(1 - centres[:, 1:2] / 0.55, 0, 1)
    return np.clip(np.rint(shaded), 0, 255).astype(int).tolist()


class _Parts:
    """Adds polygons to the points of a body."""

    def __init__(self, model, paint, points, facing, light):
        self.model, self.facing = model, facing
        self.points = [points]
        self._count = len(points)
        self._dark = tuple(int(value * 0.4) for value in paint)
        self._paint = tuple(int(value * 0.72) for value in paint)
        self._level = light.shade(np.array(((0.0, 0.0, -1.0),)))[0]
        self._belts = [model.profile[i][1] * model.height for i in (1, -2)]

    def _add(self, x, y, z, colour):
        corners = np.stack(np.broadcast_arrays(*(np.asarray(v, float) for v in (x, y, z))), axis=1)
        self.points.append(corners)
        index = np.arange(self._count, self._count + len(corners))
        self._count += len(corners)
        return index, colour

    def treads(self):
        """The wheels' treads, seen below the bumpers."""
        result = []
        for along in (0.19, 0.81):
            z = self.facing * (0.5 - along) * self.model.length
            for side in (-1, 1):
                x0, x1 = side * self.model.width * 0.47, side * self.model.width * 0.35
                for end in (-0.12, 0.12):
                    result.append(self._add((x0, x1, x1, x0), (0, 0, 0.4, 0.4), z + end,
                                            (17, 17, 18)))
        return result

    def side(self, side):
        """Wheels, door seams and handles on one side."""
        m = self.model
        radius = 0.31 if m.height < 1.6 else 0.34
        turn = np.linspace(0, 2 * np.pi, 22, endpoint=False)
        level = 0.75 + 0.35 * float(self._level.mean())
        result = self._pillars(side)
        belt = 0.6 * m.height
        for along in (0.38, 0.57, 0.72):
            z = self.facing * (0.5 - along) * m.length
            result.append(self._add(side * m.width * 0.5, (0.28, 0.28, belt, belt),
                                    (z - 0.008, z + 0.008, z + 0.008, z - 0.008), self._dark))
        for along in (0.53, 0.69):
            z = self.facing * (0.5 - along) * m.length
            result.append(self._add(side * m.width * 0.5, (belt - 0.12, belt - 0.12, belt - 0.09,
                                    belt - 0.09), (z, z + 0.16, z + 0.16, z), self._dark))
        for along in (0.19, 0.81):
            z = self.facing * (0.5 - along) * m.length
            x = side * m.width * 0.5

            def ring(size, push, colour, x=x, z=z):
                y = np.maximum(radius + np.sin(turn) * radius * size, 0)
                return self._add(x + side * push, y, z + np.cos(turn) * radius * size, colour)

            rim, hub = (int(132 * level),) * 3, (int(84 * level),) * 3
            result += [ring(1.2, -0.004, (19, 19, 20)), ring(1.0, 0.012, (29, 29, 30)),
                       ring(0.68, 0.014, rim), ring(0.61, 0.015, hub)]
            for spoke in range(5):
                angle = spoke * 2 * np.pi / 5 + along
                wide = np.array((-0.035, 0.035, 0.025, -0.025))
                far = np.array((0.02, 0.02, radius * 0.6, radius * 0.6))
                result.append(self._add(
                    x + side * 0.017, radius + np.sin(angle) * far + np.cos(angle) * wide,
                    z + np.cos(angle) * far - np.sin(angle) * wide, rim))
            result.append(ring(0.14, 0.018, rim))
        return result

    def _pillars(self, side):
        """The edge of the roof, down along windscreen and rear window."""
        rings = self.points[0].reshape(-1, 2 * _HALF, 3)
        # Index 4 of a ring is its roof edge on one side; the other side mirrors it.
        edge = rings[:, 4 if side * self.facing > 0 else -5]
        cabin = [roof > 0.75 for _, _, roof in self.model.profile]
        result = []
        for i in range(len(cabin) - 1):
            if cabin[i] or cabin[i + 1]:
                a, b = edge[i], edge[i + 1]
                thick = np.array((0.0, 0.035, 0.0))
                quad = np.array((a - thick, b - thick, b + thick, a + thick))
                result.append(self._add(*quad.T, self._paint))
        return result

    def _plate(self, x0, x1, y0, y1, colour, lit=True):
        """Add a rectangle on the end that is nearer to the camera, whichever that is."""
        if lit:
            level = self._level * 1.15
            colour = tuple(np.clip(np.array(colour) * level, 0, 255).astype(int).tolist())
        z = -self.model.length * 0.504
        return self._add((x0, x1, x1, x0), (y0, y0, y1, y1), z, colour)

    def _pair(self, x0, x1, y0, y1, colour, lit=True):
        return [self._plate(*ends, y0, y1, colour, lit) for ends in ((x0, x1), (-x1, -x0))]

    def front(self):
        """Bumper, grille, lamps and number plate."""
        half, belt = self.model.width / 2, self._belts[0]
        return [
            self._plate(-half * 0.84, half * 0.84, 0.18, 0.24, (40, 41, 43)),
            self._plate(-half * 0.46, half * 0.46, 0.5 * belt + 0.12, belt * 0.9, (24, 25, 27)),
            self._plate(-half * 0.44, half * 0.44, belt * 0.76, belt * 0.79, (150, 152, 154)),
            self._plate(-half * 0.52, half * 0.52, 0.25, 0.36, (26, 26, 28)),
            *self._pair(half * 0.60, half * 0.78, 0.27, 0.35, (52, 54, 56)),
            *self._pair(half * 0.52, half * 0.90, belt * 0.72, belt * 0.95, (60, 64, 68)),
            *self._pair(half * 0.55, half * 0.86, belt * 0.75, belt * 0.92, (222, 226, 226)),
            *self._pair(half * 0.60, half * 0.72, belt * 0.77, belt * 0.90, (150, 156, 160)),
            self._plate(-0.26, 0.26, 0.38, 0.48, (218, 218, 212)),
            self._plate(-0.22, 0.22, 0.41, 0.45, (70, 70, 72)),
        ]

    def rear(self):
        """Bumper, lamps and number plate."""
        half, belt = self.model.width / 2, self._belts[1]
        inner = 0.76 if self.model.profile in (ESTATE, VAN) else 0.58
        x0, x1, y0, y1 = half * inner, half * 0.92, belt * 0.72, belt * 0.97
        return [
            self._plate(-half * 0.86, half * 0.86, 0.18, 0.28, (38, 39, 41)),
            self._plate(-half * 0.9, half * 0.9, belt * 0.50, belt * 0.515, self._dark, lit=False),
            *self._pair(x0, x1, y0, y1, (130, 24, 22)),
            *self._pair(x0 + 0.02, x1 - 0.03, y0 + 0.02, y0 + 0.07, (200, 180, 170)),
            self._plate(-0.26, 0.26, belt * 0.62, belt * 0.62 + 0.11, (222, 222, 216)),
            self._plate(-0.22, 0.22, belt * 0.62 + 0.035, belt * 0.62 + 0.08, (70, 70, 72)),
        ]

    def mirror(self, side):
        """The mirror that stands out at one side."""
        m = self.model
        x, y = side * (m.width / 2 + 0.08), m.height * 0.65
        return [self._add((x - 0.08, x + 0.08, x + 0.07, x - 0.07), (y, y, y + 0.13, y + 0.13),
                          self.facing * 0.2 * m.length, self._dark)]
