"""What stands along a street: poles, lamps, traffic lights, signs, trees, hedges, fences."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import Texture
from aim_ros.street.light import Light

POLE, TRAFFIC_LIGHT, TRAFFIC_SIGN, VEGETATION = 5, 6, 7, 8
GREY = np.array((128, 130, 132))
_FACES = np.array(((-1.0, 0, 0), (0, 0, -1.0), (1.0, 0, 0)))


def _upright(canvas, light, x, z, height, radius, colour):
    """Draw a round pole as three strips, the sunny one brighter."""
    half = max(radius, 0.35 / canvas.view.scale(z))
    patch = canvas.patch(np.array(((x - half, 0, z), (x + half, height, z))), fine=4)
    if patch.empty:
        return
    level = light.shade(_FACES)
    for index, (left, right) in enumerate(((-1, -0.3), (-0.3, 0.4), (0.4, 1))):
        tone = np.clip(colour * level[index], 0, 255).astype(int).tolist()
        left, right = left * half, right * half
        patch.polygon(((x + left, 0, z), (x + right, 0, z), (x + right * 0.8, height, z),
                       (x + left * 0.8, height, z)), tone)
    canvas.paste_patch(patch, POLE, z)


def _upright_shadow(x, z, height, radius, light):
    if light.sunny <= 0.3:
        return []
    foot, end = np.array((x, z)), np.array(light.shadow_of(x, z, height))
    along = end - foot
    across = np.array((-along[1], along[0])) / max(np.hypot(*along), 1e-6) * radius
    return [np.array((foot - across, foot + across, end + across, end - across))]


@dataclass(frozen=True)
class Lamp:
    """A street lamp with an arm over the road; `arm` in metres, signed."""

    x: float
    z: float
    height: float
    arm: float

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        return _upright_shadow(self.x, self.z, self.height, 0.07, light)

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw mast, arm and head."""
        _upright(canvas, light, self.x, self.z, self.height, 0.075, GREY)
        arm = np.array((
            (self.x, self.height - 0.05, self.z),
            (self.x + self.arm * 0.5, self.height + 0.22, self.z),
            (self.x + self.arm, self.height + 0.25, self.z),
            (self.x + self.arm * 1.45, self.height + 0.22, self.z),
        ))
        rim = np.array((0.0, 0.1, 0.0))
        patch = canvas.patch(np.concatenate((arm - rim, arm + rim)), fine=4)
        if patch.empty:
            return
        patch.line(arm[:3].tolist(), 0.08, (120, 122, 124), 0.7)
        patch.line(arm[2:].tolist(), 0.14, (150, 152, 154), 0.9)
        canvas.paste_patch(patch, POLE, self.z)


@dataclass(frozen=True)
class Signal:
    """A traffic light at (x, z) that shows `phase` (green, amber, red, red-amber) to the driver.

    With an `arm` (signed metres) a second one hangs over the road. `away` ones show their backs.
    """

    x: float
    z: float
    phase: str
    arm: float = 0.0
    away: bool = False
    kind: str = 'traffic light'

    def extent(self) -> np.ndarray:
        """Return points that bound the lamp box on the pole."""
        return np.array([(self.x + sx * 0.17, y, self.z) for sx in (-1, 1) for y in (2.3, 3.25)])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        return _upright_shadow(self.x, self.z, 3.3, 0.08, light)

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the pole and its boxes."""
        height = 5.6 if self.arm else 3.4
        _upright(canvas, light, self.x, self.z, height, 0.07, GREY * 0.8)
        if self.arm:
            arm = ((self.x, 5.4, self.z), (self.x + self.arm, 5.6, self.z))
            patch = canvas.patch(np.array((*arm, (self.x, 5.8, self.z))), fine=4)
            if not patch.empty:
                patch.line(arm, 0.1, (104, 106, 108), 0.7)
                canvas.paste_patch(patch, POLE, self.z)
            self._box(canvas, self.x + self.arm, 4.95)
        self._box(canvas, self.x, 2.3)

    def _box(self, canvas, x, low):
        z = self.z
        patch = canvas.patch(np.array(((x - 0.2, low, z), (x + 0.2, low + 1, z))), fine=4)
        if patch.empty:
            return

        def board(half, y0, y1, colour):
            patch.polygon([(x + dx, low + dy, z) for dx, dy in (
                (-half, y0), (half, y0), (half, y1), (-half, y1))], colour)

        board(0.19, -0.02, 0.97, (24, 26, 26))
        board(0.15, 0.02, 0.93, (44, 47, 46) if self.away else (34, 36, 36))
        if not self.away:
            for place, name, colour in (
                (0.78, 'red', (255, 66, 44)), (0.475, 'amber', (255, 190, 60)),
                (0.17, 'green', (90, 250, 180)),
            ):
                patch.disc((x, low + place + 0.03, z), 0.125, (14, 15, 15))
                if name in self.phase:
                    bright = [min(value + 60, 255) for value in colour]
                    patch.disc((x, low + place, z), 0.105, colour)
                    patch.disc((x, low + place, z), 0.06, bright)
                else:
                    dull = [int(value * 0.16 + 18) for value in colour]
                    patch.disc((x, low + place, z), 0.105, dull)
        canvas.paste_patch(patch, TRAFFIC_LIGHT, self.z)


SIGNS = ('limit', 'yield', 'no_stopping', 'crossing', 'parking', 'priority')


@lru_cache(maxsize=16)
def sign_texture(name: str) -> Texture:
    """Paint a traffic sign, seen from the front."""
    size = 96
    picture = np.zeros((size, size, 4), np.uint8)
    white, red, blue = (236, 236, 232, 255), (196, 28, 34, 255), (28, 84, 160, 255)
    black, yellow = (24, 24, 24, 255), (246, 190, 36, 255)
    middle = (48, 48)
    if name == 'limit':
        cv2.circle(picture, middle, 46, red, -1, cv2.LINE_AA)
        cv2.circle(picture, middle, 34, white, -1, cv2.LINE_AA)
        cv2.putText(picture, '30', (20, 62), cv2.FONT_HERSHEY_SIMPLEX, 1.4, black, 5, cv2.LINE_AA)
    elif name == 'yield':
        outer = np.array(((2, 8), (94, 8), (48, 90)))
        inner = np.array(((19, 18), (77, 18), (48, 70)))
        cv2.fillConvexPoly(picture, outer, red, cv2.LINE_AA)
        cv2.fillConvexPoly(picture, inner, white, cv2.LINE_AA)
    elif name == 'no_stopping':
        cv2.circle(picture, middle, 46, red, -1, cv2.LINE_AA)
        cv2.circle(picture, middle, 36, blue, -1, cv2.LINE_AA)
        cv2.line(picture, (22, 22), (74, 74), red, 9, cv2.LINE_AA)
        cv2.line(picture, (74, 22), (22, 74), red, 9, cv2.LINE_AA)
    elif name == 'crossing':
        cv2.rectangle(picture, (3, 3), (92, 92), blue, -1)
        cv2.fillConvexPoly(picture, np.array(((48, 12), (86, 80), (10, 80))), white, cv2.LINE_AA)
        cv2.circle(picture, (48, 34), 5, black, -1, cv2.LINE_AA)
        for end in ((38, 76), (58, 76)):
            cv2.line(picture, (48, 54), end, black, 5, cv2.LINE_AA)
        cv2.line(picture, (48, 40), (48, 56), black, 7, cv2.LINE_AA)
        cv2.line(picture, (36, 52), (60, 46), black, 4, cv2.LINE_AA)
    elif name == 'parking':
        cv2.rectangle(picture, (3, 3), (92, 92), blue, -1)
        cv2.putText(picture, 'P', (22, 76), cv2.FONT_HERSHEY_SIMPLEX, 2.4, white, 9, cv2.LINE_AA)
    else:
        cv2.fillConvexPoly(picture, np.array(((48, 2), (94, 48), (48, 94), (2, 48))), white,
                           cv2.LINE_AA)
        cv2.fillConvexPoly(picture, np.array(((48, 18), (78, 48), (48, 78), (18, 48))), yellow,
                           cv2.LINE_AA)
    # Anti-aliased edges were blended with an empty ground, so they are premultiplied already.
    return Texture(picture)


@dataclass(frozen=True)
class Sign:
    """A traffic sign of `size` metres on a pole at (x, z), facing the driver."""

    x: float
    z: float
    name: str
    low: float = 2.1
    size: float = 0.65
    kind: str = 'traffic sign'

    def extent(self) -> np.ndarray:
        """Return points that bound the plate."""
        half = self.size / 2
        return np.array([(self.x + sx * half, self.low + y, self.z)
                         for sx in (-1, 1) for y in (0, self.size)])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        return _upright_shadow(self.x, self.z, self.low + self.size, 0.04, light)

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the pole and the plate before it."""
        _upright(canvas, light, self.x, self.z, self.low + self.size * 0.9, 0.035, GREY * 1.05)
        half, low, high = self.size / 2, self.low, self.low + self.size
        z = self.z - 0.05
        corners = np.array(((self.x - half, high, z), (self.x + half, high, z),
                            (self.x + half, low, z), (self.x - half, low, z)))
        gain = float(light.shade(np.array(((0.0, 0.0, -1.0),))).mean() * 1.2)
        canvas.texture(corners, sign_texture(self.name), TRAFFIC_SIGN, gain=gain)


@dataclass(frozen=True)
class Plant:
    """A tree or bush: a picture of `height` metres that stands upright at (x, z)."""

    texture: Texture
    ratio: float  # of width to height
    x: float
    z: float
    height: float
    mirrored: bool = False

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground: the crown's, in pieces, and the trunk's."""
        if light.sunny <= 0.3 or self.height < 3:
            turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
            reach = 0.3 * self.height * self.ratio
            return [np.stack((self.x + reach * np.cos(turn), self.z + reach * np.sin(turn)), 1)]
        turn = np.linspace(0, 2 * np.pi, 9, endpoint=False)
        pieces = _upright_shadow(self.x, self.z, self.height * 0.6, 0.15, light)
        for index in range(14):
            # Fixed for one tree: what the wind would do is not drawn.
            angle, far = index * 2.4, np.sqrt((index + 0.5) / 14)
            up = 0.64 + 0.28 * far * np.sin(angle)
            aside = self.height * self.ratio * 0.36 * far * np.cos(angle)
            x, z = light.shadow_of(self.x + aside, self.z, self.height * up)
            size = self.height * (0.05 + 0.03 * np.sin(index * 5.1))
            wobble = 1 + 0.3 * np.sin(turn * 3 + index)
            pieces.append(np.stack((x + size * wobble * np.cos(turn),
                                    z + 1.3 * size * wobble * np.sin(turn)), axis=1))
        return pieces

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the picture, upright and facing the camera."""
        half = self.height * self.ratio / 2
        corners = np.array((
            (self.x - half, self.height, self.z), (self.x + half, self.height, self.z),
            (self.x + half, 0, self.z), (self.x - half, 0, self.z),
        ))
        span = (1.0, 0.0) if self.mirrored else (0.0, 1.0)
        gain = 0.8 + 0.35 * light.sunny
        canvas.texture(corners, self.texture, VEGETATION, span=span, gain=gain)
