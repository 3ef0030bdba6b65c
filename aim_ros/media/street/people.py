"""People built of body parts, and bicycles: walkers, people who stand, cyclists."""

from dataclasses import dataclass
import math

import numpy as np

from aim_ros.media.street.canvas import Canvas
from aim_ros.media.street.canvas import Patch
from aim_ros.media.street.light import Light

PERSON, RIDER, BICYCLE = 11, 12, 18

SKIN = ((232, 190, 160), (216, 168, 136), (196, 146, 112), (150, 104, 78), (104, 70, 54))
HAIR = ((48, 36, 30), (84, 60, 42), (30, 26, 26), (150, 116, 74), (132, 130, 128))
TOPS = (
    (36, 40, 52), (52, 56, 62), (140, 34, 40), (56, 84, 134), (216, 214, 208), (74, 92, 70),
    (176, 148, 104), (24, 24, 26), (110, 58, 84), (196, 120, 44), (120, 124, 130), (40, 92, 110),
)
BOTTOMS = ((44, 54, 78), (58, 70, 98), (30, 31, 35), (76, 70, 62), (122, 110, 90), (52, 52, 56))
SHOES = ((26, 25, 26), (60, 44, 34), (200, 200, 198), (90, 90, 94))
_UP = np.array((0.0, 1.0, 0.0))
FRAMES = ((30, 30, 34), (150, 30, 34), (40, 80, 130), (190, 190, 192), (60, 96, 70))


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


@dataclass(frozen=True)
class Walker:
    """A person at (x, z) who walks along `heading` (0 ahead, pi/2 to the right), or stands.

    `walked` is the way since the start, in metres: it gives the phase of the step.
    """

    looks: Looks
    x: float
    z: float
    heading: float
    walked: float | None
    kind: str = 'person'

    @property
    def depth(self) -> float:
        """The place in the order of drawing."""
        return self.z

    def extent(self) -> np.ndarray:
        """Return points that bound the person."""
        height, ahead, aside = self.looks.height, 0.29, 0.15
        if self.walked is None:
            ahead = 0.15
        sine, cosine = math.sin(self.heading) * height, math.cos(self.heading) * height
        return np.array([
            (self.x + f * sine - s * cosine, y, self.z + f * cosine + s * sine)
            for f in (-ahead, ahead) for s in (-aside, aside) for y in (0, height)
        ])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        feet = np.stack((self.x + 0.24 * np.cos(turn), self.z + 0.2 * np.sin(turn)), axis=1)
        return [feet, *_shadow(self.x, self.z, self.looks.height, light)]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the person, far parts first."""
        patch = canvas.patch(self.extent() * (1, 1.02, 1), fine=4)
        if patch.empty:
            return
        body = _Body(self.looks, self.x, self.z, self.heading, canvas.view.z)
        pencil = _Pencil(patch, self.z, light)
        if patch.height < 24:
            _draw_distant(body, pencil, self.walked)
        else:
            _draw_walker(body, pencil, self.walked)
        canvas.paste_patch(patch, PERSON, self.z, soft=4)


@dataclass(frozen=True)
class Cyclist:
    """A rider on a bicycle at (x, z), heading ahead (`facing` +1) or to the camera (-1).

    `ridden` is the way in metres, which turns the pedals.
    """

    looks: Looks
    frame: tuple[int, int, int]
    x: float
    z: float
    facing: int
    ridden: float
    kind: str = 'cyclist'

    @property
    def depth(self) -> float:
        """The place in the order of drawing."""
        return self.z

    def extent(self) -> np.ndarray:
        """Return points that bound bicycle and rider."""
        return np.array([(self.x + sx * 0.32, y, self.z + sz * 0.85)
                         for sx in (-1, 1) for y in (0, 1.78) for sz in (-1, 1)])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        strip = np.array(((-0.14, -0.85), (0.14, -0.85), (0.14, 0.85), (-0.14, 0.85)))
        return [strip + np.array((self.x, self.z)), *_shadow(self.x, self.z, 1.7, light)]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the bicycle, and the rider over it."""
        around = np.concatenate((self.extent(), self.extent() + 0.15 * _UP))
        bicycle, rider = canvas.patch(around, fine=4), canvas.patch(around, fine=4)
        if rider.empty:
            return
        heading = 0.0 if self.facing > 0 else math.pi
        body = _Body(self.looks, self.x, self.z, heading, canvas.view.z)
        _draw_bicycle(body, _Pencil(bicycle, self.z, light), self.frame, self.ridden)
        canvas.paste_patch(bicycle, BICYCLE, self.z, soft=3)
        _draw_rider(body, _Pencil(rider, self.z, light), self.ridden)
        canvas.paste_patch(rider, RIDER, self.z, soft=4)


@dataclass(frozen=True)
class ParkedBicycle:
    """A bicycle that leans at (x, z)."""

    frame: tuple[int, int, int]
    x: float
    z: float
    heading: float
    kind: str = 'bicycle'

    @property
    def depth(self) -> float:
        """The place in the order of drawing."""
        return self.z

    def extent(self) -> np.ndarray:
        """Return points that bound the bicycle."""
        x, z = 0.29 + 0.9 * abs(math.sin(self.heading)), 0.9 * abs(math.cos(self.heading))
        return np.array([(self.x + sx * x, y, self.z + sz * z)
                         for sx in (-1, 1) for y in (0, 1.05) for sz in (-1, 1)])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        x, z = 0.9 * math.sin(self.heading), 0.9 * math.cos(self.heading)
        strip = np.array(((-x - 0.1, -z), (-x + 0.1, -z), (x + 0.1, z), (x - 0.1, z)))
        return [strip + np.array((self.x, self.z))]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the bicycle."""
        patch = canvas.patch(self.extent(), fine=4)
        if patch.empty:
            return
        body = _Body(None, self.x, self.z, self.heading, canvas.view.z)
        _draw_bicycle(body, _Pencil(patch, self.z, light), self.frame, 0.0)
        canvas.paste_patch(patch, BICYCLE, self.z, soft=3)


def _shadow(x: float, z: float, height: float, light: Light) -> list[np.ndarray]:
    """Return the sun's shadow of somebody upright: legs, trunk and head as one long shape."""
    if light.sunny <= 0.3:
        return []
    end = np.array(light.shadow_of(x, z, height)) - (x, z)
    across = np.array((-end[1], end[0])) / max(np.hypot(*end), 1e-6)
    outline = np.array(((0.0, 0.09), (0.45, 0.15), (0.55, 0.18), (0.8, 0.22), (0.86, 0.08),
                        (0.95, 0.1), (1.0, 0.03)))
    along, aside = outline[:, :1] * end, outline[:, 1:] * across
    return [np.concatenate((along + aside, (along - aside)[::-1])) + np.array((x, z))]


class _Body:
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


class _Pencil:
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


def _bend(hip: np.ndarray, ankle: np.ndarray, upper: float, lower: float, towards: np.ndarray):
    """Return the joint between two bones of the given lengths, bent to the side `towards`."""
    span = ankle - hip
    length = max(math.sqrt(float(span @ span)), 1e-6)
    distance = min(length, (upper + lower) * 0.999)
    along = span / length
    reach = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = math.sqrt(max(upper**2 - reach**2, 0.0))
    normal = towards - along * float(towards @ along)
    return hip + along * reach + normal * (aside / max(math.sqrt(float(normal @ normal)), 1e-6))


def _step(phase: float, stride: float) -> tuple[float, float, float]:
    """Return a foot's (forward, lift, pitch) at a phase 0 to 1; it stands while below 0.6.

    `stride` is what the body moves in one cycle, so the standing foot stays where it is.
    """
    span = 0.6 * stride
    if phase < 0.6:
        share = phase / 0.6
        heel = max(share - 0.6, 0) / 0.4  # the heel rises before the toes leave
        toe = max(0.16 - share, 0) / 0.16
        return span * (0.5 - share), 0.0, -0.7 * heel**1.3 + 0.32 * toe
    share = (phase - 0.6) / 0.4
    ease = share - math.sin(2 * math.pi * share) / (2 * math.pi)
    pitch = -0.7 * (1 - share) ** 2 + 0.32 * share**2
    return span * (ease - 0.5), 0.045 * math.sin(math.pi * share), pitch


def _foot(body: _Body, forward: float, left: float, lift: float, pitch: float):
    """Return ankle, heel and toe; the lowest of the sole is `lift` above the ground."""
    height = body.looks.height
    cosine, sine = math.cos(pitch), math.sin(pitch)
    turned = [(x * cosine - y * sine, x * sine + y * cosine)
              for x, y in ((0.0, 0.048), (-0.04, 0.0), (0.108, 0.0))]
    low = min(turned[1][1], turned[2][1])
    return [body.at((forward + x) * height, left * height, (y - low + lift) * height)
            for x, y in turned]


def _draw_walker(body: _Body, pencil: _Pencil, walked: float | None) -> None:
    looks = body.looks
    h, g = looks.height, looks.girth
    stride = 0.84  # of the height, for two steps
    phase = 0.0 if walked is None else walked / (stride * h) % 1.0
    bob = 0.0 if walked is None else 0.012 * math.cos(4 * math.pi * (phase - 0.3)) - 0.016
    hip_up, shoulder_up = 0.515 + bob, 0.81 + bob
    parts = []  # (depth, what draws it)
    up = np.array((0.0, h, 0.0))

    for side in (1, -1):
        if walked is None:
            forward, lift, pitch = 0.02 * side, 0.0, 0.0
        else:
            forward, lift, pitch = _step((phase + (0.5 if side < 0 else 0)) % 1.0, stride)
        ankle, heel, toe = _foot(body, forward, 0.05 * side, lift, pitch)
        hip = body.at(0, 0.054 * side * h, hip_up * h)
        knee = _bend(hip, ankle, 0.245 * h, 0.246 * h, body.forward)

        def leg(hip=hip, knee=knee, ankle=ankle, heel=heel, toe=toe):
            pencil.limb(heel + 0.019 * up, toe + 0.015 * up, 0.020 * h, 0.015 * h, looks.shoes)
            pencil.limb(ankle, (heel + toe) / 2 + 0.022 * up, 0.026 * h, 0.020 * h, looks.shoes)
            calf = knee + (ankle - knee) * 0.35
            pencil.limb(calf, ankle + 0.004 * up, 0.037 * h * g, 0.029 * h, looks.bottom)
            pencil.limb(knee, calf, 0.039 * h * g, 0.037 * h * g, looks.bottom)
            pencil.limb(hip, knee, 0.056 * h * g, 0.039 * h * g, looks.bottom)

        parts.append((float((knee + ankle)[2]) / 2, leg))

    swing = 0.0 if walked is None else math.sin(2 * math.pi * (phase + 0.2))
    lean = 0.012 if walked is not None else 0.0
    for side in (1, -1):
        angle = -0.42 * swing * side + 0.04
        bend = angle + 0.35 + 0.25 * max(math.sin(angle), 0)
        shoulder = body.at(lean * h, 0.104 * g * side * h, (shoulder_up - 0.016) * h)
        elbow = shoulder + body.forward * (math.sin(angle) * 0.172 * h)
        elbow = elbow - up * (math.cos(angle) * 0.172) + body.left * (0.014 * h * side)
        wrist = elbow + body.forward * (math.sin(bend) * 0.15 * h) - up * (math.cos(bend) * 0.15)
        hand = wrist + (wrist - elbow) * 0.32

        def arm(shoulder=shoulder, elbow=elbow, wrist=wrist, hand=hand):
            sleeve = looks.skin if looks.bare_arms else looks.top
            pencil.limb(wrist, hand, 0.018 * h, 0.016 * h, looks.skin)
            pencil.limb(elbow, wrist, 0.028 * h * g, 0.021 * h, sleeve)
            pencil.limb(shoulder, elbow, 0.037 * h * g, 0.029 * h * g, looks.top)

        parts.append((float((shoulder + elbow)[2]) / 2 - 0.02 * angle, arm))

    parts.append((float(body.origin[2]),
                  lambda: _draw_trunk(body, pencil, hip_up, shoulder_up, lean)))
    if looks.bag is not None:
        bag = body.at(-0.09 * h, 0.0, (0.69 + bob) * h)
        parts.append((float(bag[2]), lambda: pencil.limb(
            bag + 0.065 * up, bag - 0.075 * up, 0.075 * h, 0.085 * h, looks.bag)))
    for _, draw in sorted(parts, key=lambda item: -item[0]):
        draw()
    _draw_head(body, pencil, body.at(lean * h, 0, (shoulder_up + 0.015) * h))


def _draw_distant(body, pencil, walked):
    """Draw a person of a few pixels: trunk, head and two legs."""
    looks = body.looks
    h = looks.height
    swing = 0.0 if walked is None else 0.13 * math.sin(2 * math.pi * walked / (0.84 * h))
    hip = body.at(0, 0, 0.5 * h)
    for side in (1, -1):
        foot = body.at(swing * side * h, 0.05 * side * h, 0.03 * h)
        pencil.limb(hip, foot, 0.055 * h, 0.03 * h, looks.bottom)
    reach = (0.075 + 0.03 * (1 - body.side_on)) * h * looks.girth
    pencil.limb(body.at(0, 0, 0.74 * h), body.at(0, 0, 0.55 * h), reach, reach * 0.9, looks.top)
    head = body.at(0, 0, 0.93 * h)
    pencil.limb(head, head, 0.055 * h, 0.055 * h, looks.skin if body.towards > 0 else looks.hair)


# Half widths of the trunk, in shares of the height: (how far up, seen from the front, the side).
# How far up is 0 at the hips and 1 at the shoulders.
_TRUNK = ((-0.10, 0.090, 0.078), (0.10, 0.096, 0.084), (0.39, 0.086, 0.074), (0.63, 0.097, 0.078),
          (0.85, 0.110, 0.079), (0.98, 0.117, 0.064), (1.07, 0.070, 0.042))
_COAT = ((-0.46, 0.102, 0.092), (-0.2, 0.098, 0.088))


def _draw_trunk(body, pencil, hip_up, shoulder_up, lean):
    """Draw the trunk as an outline of half widths, which depend on how it is turned."""
    looks = body.looks
    h = looks.height
    front_on = math.sqrt(max(1 - body.side_on**2, 0))
    rows = []
    for share, wide, deep in (*_COAT, *_TRUNK[1:]) if looks.coat else _TRUNK:
        half = math.hypot(wide * front_on, deep * body.side_on) * h * looks.girth
        shift = body.forward[0] * lean * h * min(max(share, 0), 1)
        rows.append((shift, half, (share * (shoulder_up - hip_up)) * h))
    outline = np.array([(shift + half, y) for shift, half, y in rows]
                       + [(shift - half, y) for shift, half, y in rows[::-1]])
    centre = body.at(0, 0, hip_up * h)
    pencil.blob(centre, outline, looks.top)

    def flat(offsets, colour):
        pencil.patch.polygon([(centre[0] + dx, centre[1] + dy, centre[2]) for dx, dy in offsets],
                             colour)

    if not looks.coat:  # the trousers show below the top
        half, low, high = rows[0][1], rows[0][2], rows[0][2] + 0.035 * h
        flat(((-half, low), (half, low), (half, high), (-half, high)),
             pencil.tone(looks.bottom, 0.78))
    if body.towards > 0.3:  # an open collar
        half, top, waist = rows[-1][1], rows[-1][2], rows[2][2]
        lighter = [min(value * 0.5 + 70, 235) for value in looks.top]
        flat(((-half * 0.5, top), (half * 0.5, top), (0.0, waist)), pencil.tone(lighter, 0.85))


_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack((np.cos(_TURN), np.sin(_TURN)), axis=1)
_OVAL = _CIRCLE * np.stack((1 - 0.22 * np.clip(-_CIRCLE[:, 1], 0, 1), np.ones(24)), axis=1)


def _draw_head(body, pencil, neck):
    """Draw neck, head and hair over the point between the shoulders."""
    looks = body.looks
    h = looks.height
    towards, sideways = body.towards, body.sideways
    head = neck + body.forward * (0.014 * h) + 0.105 * h * _UP
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


# The geometry of a bicycle, in metres: (forward, up).
_REAR, _FRONT, _CRANK = (-0.52, 0.34), (0.55, 0.34), (-0.08, 0.29)
_SADDLE, _STEM, _GRIP = (-0.24, 0.92), (0.36, 0.84), (0.34, 1.02)
_DARK, _METAL, _TYRE = (29, 29, 31), (112, 114, 117), (24, 24, 25)


def _wheel(hub, share):
    circle = np.concatenate((_CIRCLE, _CIRCLE[:1])) * 0.325 * share
    return np.stack((hub[0] + circle[:, 0], np.zeros(len(circle)), hub[1] + circle[:, 1]), axis=1)


def _flat(*points):
    return np.array([(forward, 0.0, up) for forward, up in points])


def _spokes(hub):
    rim = _wheel(hub, 0.95)
    return [(rim[[spoke, spoke + 12]], 0.006, _METAL, 0.25) for spoke in range(0, 12, 3)]


# Tubes: (points (N, 3: forward, left, up), width in metres, colour or None for the frame's, least
# width in pixels). What is too fine to be seen from afar comes last.
_TUBES = [
    (_wheel(_REAR, 1.0), 0.05, _TYRE, 1.0),
    (_wheel(_FRONT, 1.0), 0.05, _TYRE, 1.0),
    (_flat(_REAR, _CRANK, _STEM), 0.04, None, 0.5),
    (_flat(_REAR, (-0.2, 0.8), (0.34, 0.78)), 0.032, None, 0.5),
    (_flat(_CRANK, _SADDLE), 0.036, None, 0.5),
    (_flat(_FRONT, (0.40, 0.70), _GRIP), 0.036, None, 0.5),
    (np.array(((0.34, -0.28, 1.02), (0.40, -0.1, 1.02), (0.40, 0.1, 1.02), (0.34, 0.28, 1.02))),
     0.035, _DARK, 0.5),
    (_flat((-0.36, 0.95), (-0.12, 0.95)), 0.07, _DARK, 0.5),
    (_flat((-0.62, 0.72), (-0.17, 0.74)), 0.03, _DARK, 0.5),
    (_wheel(_REAR, 0.9), 0.012, _METAL, 0.3),
    (_wheel(_FRONT, 0.9), 0.012, _METAL, 0.3),
    *_spokes(_REAR),
    *_spokes(_FRONT),
]
_TUBE_POINTS = np.concatenate([tube[0] for tube in _TUBES])
_COARSE_TUBES = 9


def _pedal(ridden: float, side: int) -> tuple[float, float]:
    angle = -(ridden / 1.6 + (0 if side > 0 else math.pi))
    return _CRANK[0] + 0.17 * math.cos(angle), _CRANK[1] + 0.17 * math.sin(angle)


def _draw_bicycle(body, pencil, frame, ridden):
    patch = pencil.patch
    world = body.origin + _TUBE_POINTS[:, :1] * body.forward + _TUBE_POINTS[:, 1:2] * body.left
    world[:, 1] += _TUBE_POINTS[:, 2]
    fixed = patch.fix_all(world)
    z, tone, start = float(body.origin[2]), pencil.tone(frame), 0
    for points, width, colour, least in _TUBES if patch.height > 40 else _TUBES[:_COARSE_TUBES]:
        end = start + len(points)
        patch.stroke(fixed[start:end], z, width, colour or tone, least)
        start = end
    for side in (1, -1):
        forward, up = _pedal(ridden, side)
        pedal = body.at(forward, 0.1 * side, up)
        patch.line((body.at(_CRANK[0], 0.06 * side, _CRANK[1]), pedal), 0.022, _METAL)
        patch.line((pedal, pedal + body.left * (0.08 * side)), 0.03, _DARK)
    if body.forward[2] > 0:
        patch.disc(body.at(-0.62, 0, 0.62), 0.04, (200, 40, 34))
    else:
        patch.disc(body.at(0.46, 0, 0.86), 0.04, (235, 235, 215))


def _draw_rider(body, pencil, ridden):
    looks = body.looks
    g = looks.girth
    back = body.at(_SADDLE[0], 0, _SADDLE[1] + 0.08)
    chest = body.at(_SADDLE[0] + 0.24, 0, _SADDLE[1] + 0.46)
    parts = []
    for side in (1, -1):
        forward, up = _pedal(ridden, side)
        ankle = body.at(forward - 0.05, 0.11 * side, up + 0.11)
        heel, toe = body.at(forward - 0.09, 0.115 * side, up + 0.05), body.at(
            forward + 0.14, 0.12 * side, up + 0.03)
        hip = back + body.left * (0.09 * side)
        knee = _bend(hip, ankle, 0.44, 0.43, body.forward + 0.4 * _UP)

        def leg(hip=hip, knee=knee, ankle=ankle, heel=heel, toe=toe):
            pencil.limb(heel, toe, 0.04, 0.032, looks.shoes)
            pencil.limb(knee, ankle, 0.066, 0.046, looks.bottom)
            pencil.limb(hip, knee, 0.095, 0.068, looks.bottom)

        parts.append((float((hip + knee)[2]) / 2, leg))
        shoulder = chest + body.left * (0.18 * side * g) + 0.06 * _UP
        grip = body.at(_GRIP[0] - 0.01, 0.26 * side, _GRIP[1] + 0.03)
        elbow = _bend(shoulder, grip, 0.31, 0.29,
                      body.left * (0.8 * side) - _UP - 0.3 * body.forward)

        def arm(shoulder=shoulder, elbow=elbow, grip=grip):
            sleeve = looks.skin if looks.bare_arms else looks.top
            pencil.limb(grip, grip, 0.036, 0.036, looks.skin)
            pencil.limb(elbow, grip, 0.046, 0.034, sleeve)
            pencil.limb(shoulder, elbow, 0.062, 0.048, looks.top)

        parts.append((float((shoulder + grip)[2]) / 2, arm))

    def trunk():
        across = body.left * 0.1
        pencil.limb(back - across * 0.6, back + across * 0.6, 0.125, 0.125, looks.bottom)
        low = back + 0.12 * _UP
        pencil.limb(low, chest, 0.165 * g, 0.17 * g, looks.top)
        for side in (-1, 1):
            pencil.limb(low + across * (side * 0.5), chest + across * (side * g), 0.12, 0.105,
                        looks.top)
        pencil.limb(low, chest, 0.15 * g, 0.155 * g, looks.top)
        if looks.bag is not None:
            behind = body.forward * -0.14
            pencil.limb(chest + behind, (back + chest) / 2 + behind, 0.12, 0.14, looks.bag)

    parts.append((float((back + chest)[2]) / 2, trunk))
    for _, draw in sorted(parts, key=lambda item: -item[0]):
        draw()
    _draw_head(body, pencil, chest + body.forward * 0.07 + 0.13 * _UP)
