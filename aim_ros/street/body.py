"""The human body: who somebody is, where the joints are, and how its round parts are drawn."""

from dataclasses import dataclass
import math

import numpy as np

from aim_ros.street.canvas import Patch
from aim_ros.street.light import Light

UP = np.array((0.0, 1.0, 0.0))
SKIN = ((232, 190, 160), (216, 168, 136), (196, 146, 112), (150, 104, 78), (104, 70, 54))
HAIR = ((48, 36, 30), (84, 60, 42), (30, 26, 26), (150, 116, 74), (132, 130, 128))
TOPS = (
    (36, 40, 52), (52, 56, 62), (140, 34, 40), (56, 84, 134), (216, 214, 208), (74, 92, 70),
    (176, 148, 104), (24, 24, 26), (110, 58, 84), (196, 120, 44), (120, 124, 130), (40, 92, 110),
)
BOTTOMS = ((44, 54, 78), (58, 70, 98), (30, 31, 35), (76, 70, 62), (122, 110, 90), (52, 52, 56))
SHOES = ((26, 25, 26), (60, 44, 34), (200, 200, 198), (90, 90, 94))


@dataclass(frozen=True)
class Looks:
    """What tells one person from another; `height` in metres."""

    height: float
    girth: float
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    top: tuple[int, int, int]
    bottom: tuple[int, int, int]
    shoes: tuple[int, int, int]
    long_hair: bool
    bare_arms: bool
    coat: bool
    bag: tuple[int, int, int] | None
    helmet: tuple[int, int, int] | None


def draw_looks(rng: np.random.Generator, helmet: bool = False) -> Looks:
    """Draw a person."""

    def pick(colours):
        colour = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.85, 1.12)
        return tuple(int(value) for value in np.clip(colour, 0, 240))

    return Looks(
        height=rng.uniform(1.6, 1.88),
        girth=rng.uniform(0.95, 1.2),
        skin=SKIN[rng.choice(5, p=(0.3, 0.3, 0.2, 0.1, 0.1))],
        hair=pick(HAIR),
        top=pick(TOPS),
        bottom=pick(BOTTOMS),
        shoes=pick(SHOES),
        long_hair=bool(rng.random() < 0.4),
        bare_arms=bool(rng.random() < 0.3),
        coat=bool(rng.random() < 0.4),
        bag=pick(TOPS) if rng.random() < 0.45 else None,
        helmet=pick(((220, 220, 220), (40, 42, 46), (190, 40, 40))) if helmet else None,
    )


def upright_shadow(x: float, z: float, height: float, light: Light) -> list[np.ndarray]:
    """Return the sun's shadow of somebody upright: legs, trunk and head as one long shape."""
    if light.sunny <= 0.3:
        return []
    end = np.array(light.shadow_of(x, z, height)) - (x, z)
    across = np.array((-end[1], end[0])) / max(np.hypot(*end), 1e-6)
    outline = np.array(((0.0, 0.09), (0.45, 0.15), (0.55, 0.18), (0.8, 0.22), (0.86, 0.08),
                        (0.95, 0.1), (1.0, 0.03)))
    along, aside = outline[:, :1] * end, outline[:, 1:] * across
    return [np.concatenate((along + aside, (along - aside)[::-1])) + np.array((x, z))]


class Body:
    """Where a body stands and how it is turned; its points are given forward, left and up."""

    def __init__(self, looks: Looks | None, x: float, z: float, heading: float, eye: float):
        self.looks = looks
        self.forward = np.array((math.sin(heading), 0.0, math.cos(heading)))
        self.left = np.array((-math.cos(heading), 0.0, math.sin(heading)))
        self.origin = np.array((x, 0.0, z))
        distance = max(math.hypot(x, z - eye), 1e-6)
        sight = np.array((x, 0.0, z - eye)) / distance
        self.towards = -float(self.forward @ sight)  # 1 when the face is to the camera
        self.side_on = abs(float(self.left @ sight))
        # Which way the face points in the picture: +1 right, -1 left.
        self.sideways = float(self.forward[0] * sight[2] - self.forward[2] * sight[0])

    def at(self, forward: float, left: float, up: float) -> np.ndarray:
        """World position of a point given in metres."""
        point = self.origin + self.forward * forward + self.left * left
        point[1] += up
        return point


class Pencil:
    """Draws rounded parts, lit from the sun's side, into a patch."""

    def __init__(self, patch: Patch, z: float, light: Light):
        self.patch = patch
        # Where the light comes from in the picture, and how bright what the camera sees is.
        self._push = np.array((light.sun[0], light.sun[1], 0.0)) * (0.4 + 0.6 * light.sunny)
        facing = 0.75 - 0.35 * light.sun[2]
        level = (0.72 + 0.4 * light.sunny * facing) * (1 + (light.warmth - 1) * light.sunny)
        self._level = tuple(level.tolist())
        self._scale = patch.scale(z)

    def tone(self, colour, factor: float = 1.0) -> tuple[int, int, int]:
        """Return a colour as the light makes it."""
        return tuple(min(int(value * level * factor), 255)
                     for value, level in zip(colour, self._level, strict=True))

    def limb(self, a, b, radius_a: float, radius_b: float, colour) -> None:
        """Draw a round limb between world points, its radii in metres."""
        if (radius_a + radius_b) * self._scale < 9:  # too small for light and shade
            self.patch.limb(a, b, radius_a, radius_b, self.tone(colour, 0.88))
            return
        for size, push, factor in ((1.0, 0.0, 0.64), (0.78, 0.2, 0.88), (0.42, 0.42, 1.08)):
            self.patch.limb(a + self._push * (radius_a * push), b + self._push * (radius_b * push),
                            radius_a * size, radius_b * size, self.tone(colour, factor))

    def blob(self, centre, offsets: np.ndarray, colour,
             layers=((1.0, 0.0, 0.66), (0.8, 0.1, 0.9), (0.45, 0.24, 1.08))) -> None:
        """Draw a rounded shape that faces the camera; offsets (N, 2: right, up) from `centre`."""
        middle = offsets.mean(axis=0)
        reach = np.abs(offsets - middle).max(axis=0)
        points = np.empty((len(offsets), 3))
        points[:, 2] = centre[2]
        for size, push, factor in layers:
            shape = middle + (offsets - middle) * (size, 0.5 + 0.5 * size)
            points[:, :2] = centre[:2] + shape + self._push[:2] * reach * push
            self.patch.polygon(points.tolist(), self.tone(colour, factor))


def bend(hip: np.ndarray, ankle: np.ndarray, upper: float, lower: float,
         towards: np.ndarray) -> np.ndarray:
    """Return the joint between two bones of the given lengths, bent to the side `towards`."""
    span = ankle - hip
    length = max(math.sqrt(float(span @ span)), 1e-6)
    distance = min(length, (upper + lower) * 0.999)
    along = span / length
    reach = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = math.sqrt(max(upper**2 - reach**2, 0.0))
    normal = towards - along * float(towards @ along)
    return hip + along * reach + normal * (aside / max(math.sqrt(float(normal @ normal)), 1e-6))


_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
CIRCLE = np.stack((np.cos(_TURN), np.sin(_TURN)), axis=1)
_OVAL = CIRCLE * np.stack((1 - 0.22 * np.clip(-CIRCLE[:, 1], 0, 1), np.ones(24)), axis=1)


def draw_head(body: Body, pencil: Pencil, neck: np.ndarray) -> None:
    """Draw neck, head and hair over the point between the shoulders."""
    looks = body.looks
    h = looks.height
    towards, sideways = body.towards, body.sideways
    head = neck + body.forward * (0.014 * h) + 0.105 * h * UP
    pencil.limb(neck, head, 0.031 * h, 0.031 * h, [value * 0.8 for value in looks.skin])
    wide, tall = (0.046 + 0.008 * (1 - abs(towards))) * h, 0.064 * h
    oval = _OVAL * (wide, tall)
    hair = looks.hair if looks.helmet is None else looks.helmet
    if looks.long_hair:
        back = (-sideways * wide * 0.35, -tall * 0.42)
        pencil.blob(head, back + oval * (1.08, 1.18), looks.hair)
    pencil.blob(head, oval, looks.skin)
    # Hair covers the top, and all of the head from behind.
    cap = oval.copy()
    cap[:, 1] = np.maximum(cap[:, 1], tall * min(max(0.85 * towards - 0.62, -1.0), 0.28))
    cap = cap * (1.07, 1.06) + (-sideways * wide * 0.32 * (1 - abs(towards)), 0.02 * tall)
    pencil.blob(head, cap, hair, ((1.0, 0.0, 0.75), (0.7, 0.12, 1.05)))
    if towards > 0.2:  # a hint of eyes and mouth, seen only from near
        shift = wide * 0.4 * sideways
        for side in (-0.38, 0.38):
            eye = head + np.array((wide * side + shift, 0.06 * tall, 0))
            pencil.patch.disc(eye, 0.09 * wide, pencil.tone(looks.skin, 0.35))
        mouth, half = head + np.array((shift, -0.48 * tall, 0)), np.array((wide * 0.25, 0, 0))
        pencil.patch.line((mouth - half, mouth + half), 0.1 * wide,
                          pencil.tone(looks.skin, 0.6), least=0.25)
