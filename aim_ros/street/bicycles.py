"""Bicycles, ridden and parked."""

from dataclasses import dataclass
import math

import numpy as np

from aim_ros.street.body import bend
from aim_ros.street.body import Body
from aim_ros.street.body import CIRCLE
from aim_ros.street.body import draw_head
from aim_ros.street.body import Looks
from aim_ros.street.body import Pencil
from aim_ros.street.body import UP
from aim_ros.street.body import upright_shadow
from aim_ros.street.canvas import box_corners
from aim_ros.street.canvas import Canvas
from aim_ros.street.light import Light

RIDER, BICYCLE = 12, 18
FRAMES = ((30, 30, 34), (150, 30, 34), (40, 80, 130), (190, 190, 192), (60, 96, 70))


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

    def extent(self) -> np.ndarray:
        """Return points that bound bicycle and rider."""
        return box_corners(self.x, self.z, 0.32, 1.78, 0.85)

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground."""
        strip = np.array(((-0.14, -0.85), (0.14, -0.85), (0.14, 0.85), (-0.14, 0.85)))
        return [strip + np.array((self.x, self.z)), *upright_shadow(self.x, self.z, 1.7, light)]

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the bicycle, and the rider over it."""
        around = np.concatenate((self.extent(), self.extent() + 0.15 * UP))
        bicycle, rider = canvas.patch(around, fine=4), canvas.patch(around, fine=4)
        if rider.empty:
            return
        heading = 0.0 if self.facing > 0 else math.pi
        body = Body(self.looks, self.x, self.z, heading, canvas.view.z)
        _draw_bicycle(body, Pencil(bicycle, self.z, light), self.frame, self.ridden)
        canvas.paste_patch(bicycle, BICYCLE, self.z, soft=3)
        _draw_rider(body, Pencil(rider, self.z, light), self.ridden)
        canvas.paste_patch(rider, RIDER, self.z, soft=4)


@dataclass(frozen=True)
class ParkedBicycle:
    """A bicycle that leans at (x, z)."""

    frame: tuple[int, int, int]
    x: float
    z: float
    heading: float
    kind: str = 'bicycle'

    def extent(self) -> np.ndarray:
        """Return points that bound the bicycle."""
        x, z = 0.29 + 0.9 * abs(math.sin(self.heading)), 0.9 * abs(math.cos(self.heading))
        return box_corners(self.x, self.z, x, 1.05, z)

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
        body = Body(None, self.x, self.z, self.heading, canvas.view.z)
        _draw_bicycle(body, Pencil(patch, self.z, light), self.frame, 0.0)
        canvas.paste_patch(patch, BICYCLE, self.z, soft=3)


# The geometry of a bicycle, in metres: (forward, up).
_REAR, _FRONT, _CRANK = (-0.52, 0.34), (0.55, 0.34), (-0.08, 0.29)
_SADDLE, _STEM, _GRIP = (-0.24, 0.92), (0.36, 0.84), (0.34, 1.02)
_DARK, _METAL, _TYRE = (29, 29, 31), (112, 114, 117), (24, 24, 25)


def _wheel(hub, share):
    circle = np.concatenate((CIRCLE, CIRCLE[:1])) * 0.325 * share
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
        heel = body.at(forward - 0.09, 0.115 * side, up + 0.05)
        toe = body.at(forward + 0.14, 0.12 * side, up + 0.03)
        hip = back + body.left * (0.09 * side)
        knee = bend(hip, ankle, 0.44, 0.43, body.forward + 0.4 * UP)

        def leg(hip=hip, knee=knee, ankle=ankle, heel=heel, toe=toe):
            pencil.limb(heel, toe, 0.04, 0.032, looks.shoes)
            pencil.limb(knee, ankle, 0.066, 0.046, looks.bottom)
            pencil.limb(hip, knee, 0.095, 0.068, looks.bottom)

        parts.append((float((hip + knee)[2]) / 2, leg))
        shoulder = chest + body.left * (0.18 * side * g) + 0.06 * UP
        grip = body.at(_GRIP[0] - 0.01, 0.26 * side, _GRIP[1] + 0.03)
        elbow = bend(shoulder, grip, 0.31, 0.29,
                      body.left * (0.8 * side) - UP - 0.3 * body.forward)

        def arm(shoulder=shoulder, elbow=elbow, grip=grip):
            sleeve = looks.skin if looks.bare_arms else looks.top
            pencil.limb(grip, grip, 0.036, 0.036, looks.skin)
            pencil.limb(elbow, grip, 0.046, 0.034, sleeve)
            pencil.limb(shoulder, elbow, 0.062, 0.048, looks.top)

        parts.append((float((shoulder + grip)[2]) / 2, arm))

    def trunk():
        across = body.left * 0.1
        pencil.limb(back - across * 0.6, back + across * 0.6, 0.125, 0.125, looks.bottom)
        low = back + 0.12 * UP
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
    draw_head(body, pencil, chest + body.forward * 0.07 + 0.13 * UP)
