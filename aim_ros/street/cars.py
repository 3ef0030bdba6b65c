"""Cars: a body lofted over cross-sections, with glass, lights and wheels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aim_ros.street.canvas import box_corners
from aim_ros.street.canvas import CAMERA_HEIGHT
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import hull
from aim_ros.street.car_models import CarModel
from aim_ros.street.car_parts import CarParts
from aim_ros.street.car_parts import HALF_RING
from aim_ros.street.light import Light

CAR = 13


GLASS = np.array((27.0, 32.0, 37.0))
# Half a cross-section from sill to roof: widths as shares of the car's half width.
_WIDTHS = (0.92, 0.99, 1.0, 0.965, 0.77, 0.40)
_BONNET = (0.92, 0.99, 1.0, 0.955, 0.84, 0.44)


@dataclass(frozen=True)
class Car:
    """A car whose middle stands at (x, z); `facing` is +1 if its nose points ahead, else -1."""

    model: CarModel
    paint: tuple[int, int, int]
    x: float
    z: float
    facing: int
    kind: str = 'car'

    def extent(self) -> np.ndarray:
        """Return the corners (8, 3) of the box around the car."""
        m = self.model
        return box_corners(self.x, self.z, m.width / 2, m.height, m.length / 2)

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
    count = 2 * HALF_RING
    faces, colours = [], []
    for i in range(len(rings) - 1):
        for j in range(count - 1):
            a, b = i * count + j, (i + 1) * count + j
            faces.append((a, a + 1, b + 1, b))
            colours.append(_colour(model, paint, i, min(j, count - 2 - j), cabin))
    for ring in (0, len(rings) - 1):
        base = ring * count
        for j in range(HALF_RING - 1):  # nose and tail, in strips from side to side
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

    parts = CarParts(model, paint, points * turn, facing, light)
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
