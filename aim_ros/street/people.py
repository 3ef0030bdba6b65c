"""People on foot, who walk or stand."""

from dataclasses import dataclass
import math

import numpy as np

from aim_ros.street.body import bend
from aim_ros.street.body import Body
from aim_ros.street.body import draw_head
from aim_ros.street.body import Looks
from aim_ros.street.body import Pencil
from aim_ros.street.body import upright_shadow
from aim_ros.street.canvas import Canvas
from aim_ros.street.light import Light

PERSON = 11


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
        return [feet, *upright_shadow(self.x, self.z, self.looks.height, light)]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the person, far parts first."""
        patch = canvas.patch(self.extent() * (1, 1.02, 1), fine=4)
        if patch.empty:
            return
        body = Body(self.looks, self.x, self.z, self.heading, canvas.view.z)
        pencil = Pencil(patch, self.z, light)
        if patch.height < 24:
            _draw_distant(body, pencil, self.walked)
        else:
            _draw_walker(body, pencil, self.walked)
        canvas.paste_patch(patch, PERSON, self.z, soft=4)


def foot_at(phase: float, stride: float) -> tuple[float, float, float]:
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


def _foot(body: Body, forward: float, left: float, lift: float, pitch: float):
    """Return ankle, heel and toe; the lowest of the sole is `lift` above the ground."""
    height = body.looks.height
    cosine, sine = math.cos(pitch), math.sin(pitch)
    turned = [(x * cosine - y * sine, x * sine + y * cosine)
              for x, y in ((0.0, 0.048), (-0.04, 0.0), (0.108, 0.0))]
    low = min(turned[1][1], turned[2][1])
    return [body.at((forward + x) * height, left * height, (y - low + lift) * height)
            for x, y in turned]


def _draw_walker(body: Body, pencil: Pencil, walked: float | None) -> None:
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
            forward, lift, pitch = foot_at((phase + (0.5 if side < 0 else 0)) % 1.0, stride)
        ankle, heel, toe = _foot(body, forward, 0.05 * side, lift, pitch)
        hip = body.at(0, 0.054 * side * h, hip_up * h)
        knee = bend(hip, ankle, 0.245 * h, 0.246 * h, body.forward)

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
        fore = angle + 0.35 + 0.25 * max(math.sin(angle), 0)
        shoulder = body.at(lean * h, 0.104 * g * side * h, (shoulder_up - 0.016) * h)
        elbow = shoulder + body.forward * (math.sin(angle) * 0.172 * h)
        elbow = elbow - up * (math.cos(angle) * 0.172) + body.left * (0.014 * h * side)
        wrist = elbow + body.forward * (math.sin(fore) * 0.15 * h) - up * (math.cos(fore) * 0.15)
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
    draw_head(body, pencil, body.at(lean * h, 0, (shoulder_up + 0.015) * h))


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
