"""What closes the street to both sides: houses, hedges, walls and fences along it."""

from dataclasses import dataclass

import numpy as np

from aim_ros.street.canvas import CAMERA_HEIGHT
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import Texture
from aim_ros.street.facades import Facade
from aim_ros.street.light import Light

BUILDING = 2
_EDGE = 0.8  # a plane at x leaves the picture nearer than this times |x|, at the aperture used


@dataclass(frozen=True)
class Front:
    """
    An upright plane at `x`, from `z0` to `z1` and from the ground to `high`; all in metres.

    :param texture: laid on it once, or every `repeat` metres.
    """

    texture: Texture
    label: int
    x: float
    z0: float
    z1: float
    high: float
    repeat: float = 0.0

    def draw(self, canvas: Canvas, gain: float) -> None:
        """Lay the texture on what of it is in front of the camera."""
        first = canvas.view.z + _EDGE * abs(self.x)
        step = self.repeat or self.z1 - self.z0
        for start in np.arange(self.z0, self.z1 - 1e-6, step)[::-1]:
            end = min(start + step, self.z1)
            if end <= first:
                break
            near = max(start, first)
            a, b = (near - start) / step, (end - start) / step
            if self.x > 0:  # who looks to the right has the far end on the left
                ends, span = (end, near), (1 - b, 1 - a)
            else:
                ends, span = (near, end), (a, b)
            corners = np.array(((self.x, self.high, ends[0]), (self.x, self.high, ends[1]),
                                (self.x, 0, ends[1]), (self.x, 0, ends[0])))
            canvas.texture(corners, self.texture, self.label, span=span, gain=gain)


def _shadow(light: Light, x: float, z0: float, z1: float, top: float) -> np.ndarray:
    """Return the polygon (N, 2: x, z) that an upright plane at `x` throws on the ground."""
    far = [light.shadow_of(x, z, top) for z in (z1, z0)]
    return np.array(((x, z0), (x, z1), *far))


@dataclass(frozen=True)
class House:
    """A house with its front at `x`, from z0 to z1; its gable and roof show above and beside."""

    facade: Facade
    x: float
    z0: float
    z1: float
    roof: float  # height of the ridge above the eaves
    depth_x: float
    tiles: tuple[int, int, int]
    gable: bool  # whether the wall at z0 can be seen

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return the polygon (N, 2: x, z) that its front throws on the ground."""
        if light.sunny <= 0.3 or light.sun[0] * self.x <= 0:
            return []
        top = self.facade.height + 0.3 * self.roof
        return [_shadow(light, self.x, self.z0, self.z1, top)]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw roof, gable and front."""
        near = canvas.view.z + _EDGE * abs(self.x)
        if self.z1 <= near:
            return
        side, height = np.sign(self.x), self.facade.height
        z0 = max(self.z0, near)
        far_x = self.x + side * self.depth_x
        ridge_x, ridge = (self.x + far_x) / 2, height + self.roof
        eaves, low = self.x - side * 0.35, height - 0.1
        pitch = np.array((-side * self.roof, self.depth_x / 2, 0.0))
        level = light.shade((pitch / np.linalg.norm(pitch))[None])[0]
        roof = ((eaves, low, z0), (eaves, low, self.z1), (ridge_x, ridge, self.z1),
                (ridge_x, ridge, z0))
        canvas.flat(np.array(roof), np.array(self.tiles) * level, BUILDING, z0)
        if self.gable and self.z0 >= near:
            level = light.shade(np.array(((0.0, 0.0, -1.0),)))[0]
            gable = ((self.x, height, z0), (ridge_x, ridge, z0), (far_x, height, z0))
            canvas.flat(np.array(gable), np.array(self.facade.wall) * level, BUILDING, z0)
            left, right = sorted((self.x, far_x))
            wall = ((left, height, z0), (right, height, z0), (right, 0, z0), (left, 0, z0))
            canvas.texture(np.array(wall), self.facade.side, BUILDING, gain=float(level.mean()))
        front = Front(self.facade.front, BUILDING, self.x, self.z0, self.z1, height)
        front.draw(canvas, light.facade_gain(-side))


@dataclass(frozen=True)
class Boundary:
    """A hedge, wall or fence along the pavement, `thick` metres deep; 0 for a mere backdrop."""

    texture: Texture
    label: int
    x: float
    z0: float
    z1: float
    height: float
    thick: float
    top: tuple[int, int, int]
    repeat: float

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return the polygon (N, 2: x, z) that it throws on the ground."""
        if light.sunny <= 0.3:
            return []
        return [_shadow(light, self.x, self.z0, self.z1, self.height)]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the top, the near end and the side to the street."""
        near = canvas.view.z + _EDGE * abs(self.x)
        if self.z1 <= near:
            return
        side = np.sign(self.x)
        z0, back, y = max(self.z0, near), self.x + side * self.thick, self.height * 0.8
        if self.thick and y < CAMERA_HEIGHT:
            tone = np.array(self.top) * light.shade(np.array(((0.0, 1.0, 0.0),)))[0]
            top = ((self.x, y, z0), (self.x, y, self.z1), (back, y, self.z1), (back, y, z0))
            canvas.flat(np.array(top), tone, self.label, z0)
        if self.thick and self.z0 > near:
            left, right = sorted((self.x, back))
            high = self.height
            end = ((left, high, z0), (right, high, z0), (right, 0, z0), (left, 0, z0))
            gain = float(light.shade(np.array(((0.0, 0.0, -1.0),))).mean() * 1.1)
            canvas.texture(np.array(end), self.texture, self.label,
                           span=(0.0, self.thick / self.repeat), gain=gain)
        front = Front(self.texture, self.label, self.x, self.z0, self.z1, self.height, self.repeat)
        front.draw(canvas, light.facade_gain(-side))
