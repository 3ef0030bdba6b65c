"""Buses, trucks and trams: boxes with painted faces."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import numpy as np

from aim_ros.street.canvas import box_corners
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import hull
from aim_ros.street.canvas import Texture
from aim_ros.street.large_faces import PAINTERS
from aim_ros.street.large_models import LargeModel
from aim_ros.street.large_models import Section
from aim_ros.street.light import Light

_EDGE = 1.05
"""Of a side nothing is seen that is nearer than this share of how far aside it is."""
_OVERLAP = 0.03  # metres by which a side goes on behind an end, so that no gap is seen


@dataclass(frozen=True)
class SectionedVehicle:
    """
    A vehicle with its middle at (x, z), along the road or across it.

    :param facing: +1 if its nose points ahead, or to the right, else -1.
    :cvar across: whether it stands across the road.
    """

    model: LargeModel
    x: float
    z: float
    facing: int

    across: ClassVar[bool]

    @property
    def kind(self) -> str:
        """Bus, truck or train."""
        return self.model.kind

    @property
    def half_length(self) -> float:
        """Metres from its middle to its nose."""
        return self.model.length / 2

    def extent(self) -> np.ndarray:
        """Return corners (N, 3) of the boxes around its sections, with what stands out of them."""
        boxes = []
        for section in self.model.sections:
            x, z = self._turned(self.behind_nose((section.nose + section.tail) / 2), self._aside)
            half_x, half_z = self._turned(section.length / 2, section.width / 2 + section.mirrors)
            boxes.append(box_corners(x, z, half_x, section.height + section.rise, half_z))
        return np.concatenate(boxes)

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground: below the sections, and the sun's."""
        polygons = []
        for section in self.model.sections:
            half = section.width / 2 - 0.05
            x0, z0 = self._turned(self.behind_nose(section.nose), self._aside - half)
            x1, z1 = self._turned(self.behind_nose(section.tail), self._aside + half)
            x0, x1 = sorted((x0, x1))
            base = np.array(((x0, z0), (x1, z0), (x1, z1), (x0, z1)))
            polygons.append(base)
            if light.sunny > 0.3:
                top = base - light.sun[[0, 2]] * (section.height / light.sun[1])
                polygons.append(hull(np.concatenate((base, top))))
        return polygons

    def behind_nose(self, metres: float) -> float:
        """Return the z, or across the road the x, of what is so far behind its nose."""
        along = self.x if self.across else self.z
        return along + self.facing * (self.half_length - metres)

    @property
    def _aside(self):
        """Where its middle is in the direction in which it does not point."""
        return self.z if self.across else self.x

    def _turned(self, along, aside):
        """Return (x, z) of what is given along the vehicle and aside."""
        return (along, aside) if self.across else (aside, along)


class LargeVehicle(SectionedVehicle):
    """A vehicle on the road, or parked beside it."""

    across = False

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the sections from the far one to the near one."""
        for section in self.model.sections[::self.facing]:
            strips = end_strips(self.model, section, self.facing < 0)
            self._draw_end(canvas, light, section, strips[:1])
            self._draw_side(canvas, light, section)
            self._draw_end(canvas, light, section, strips[1:])

    def _draw_side(self, canvas, light, section):
        inner = abs(self.x) - section.width / 2
        if inner <= 0:
            return  # only the end is seen
        out = -np.sign(self.x)  # the side that faces the camera
        x = self.x + out * section.width / 2
        low, high = sorted((self.behind_nose(section.nose), self.behind_nose(section.tail)))
        near = max(low - _OVERLAP, canvas.view.z + _EDGE * inner)
        if high <= near:
            return
        on_right = out * self.facing > 0
        texture = face(self.model, section, 'right' if on_right else 'left')
        tall = texture.height / texture.width * section.length
        # Who looks to the left has the far end on the right.
        ends = (near, high) if out > 0 else (high, near)
        span = tuple((end - low) / (high - low) for end in ends)
        if out < 0:
            span = tuple(1 - share for share in span)
        span = tuple(min(max(share, 0.0), 1.0) for share in span)
        corners = np.array(((x, tall, ends[0]), (x, tall, ends[1]),
                            (x, 0, ends[1]), (x, 0, ends[0])))
        gain = float(light.shade(np.array(((out, 0.0, 0.0),))).mean())
        canvas.texture(corners, texture, self.model.label, span=span, gain=gain)

    def _draw_end(self, canvas, light, section, strips):
        front = self.facing < 0
        z = self.behind_nose(section.nose if front else section.tail)
        if z <= canvas.view.z + 1.0:
            return
        # Mirrors stand out on both sides, so a face may be wider than its section.
        half = section.width / 2 + (section.mirrors if front else 0.0)
        left, right = self.x - half, self.x + half
        for strip in strips:
            normal = np.array(((0.0, strip.back[1] - strip.back[0], strip.up[0] - strip.up[1]),))
            gain = float(light.shade(normal / np.linalg.norm(normal)).mean())
            (low, high), (near, far) = strip.up, z + np.array(strip.back)
            corners = np.array(((left, high, far), (right, high, far),
                                (right, low, near), (left, low, near)))
            canvas.texture(corners, strip.texture, self.model.label, gain=gain * 1.1)


@dataclass(frozen=True, eq=False)
class Strip:
    """A flat part of an end: how far up its edges are, and how far back, in metres."""

    texture: Texture
    up: tuple[float, float]
    back: tuple[float, float]


@lru_cache(maxsize=256)
def end_strips(model: LargeModel, section: Section, front: bool) -> tuple[Strip, ...]:
    """Return the flat parts of an end, far ones first: wheels, then from above downwards."""
    texture = face(model, section, 'front' if front else 'rear')
    outline, back = section.outline(front), section.wheels_back(front)
    top, clear, strips = outline[-1][0], outline[0][0], []
    for (low, near), (high, far) in pairwise(outline):
        # Each goes on a little behind the one below it, so that no gap is seen.
        overlap = _OVERLAP if low > clear else 0.0
        first, last = (round((top - up) / top * texture.height) for up in (high, low - overlap))
        near -= (far - near) * overlap / (high - low)
        strips.append(Strip(texture.rows(first, last), (low - overlap, high), (near, far)))
    first = round((top - clear - _OVERLAP) / top * texture.height)
    wheels = Strip(texture.rows(first, texture.height), (0.0, clear + _OVERLAP), (back, back))
    return (wheels, *strips[::-1])


@lru_cache(maxsize=256)
def face(model: LargeModel, section: Section, which: str) -> Texture:
    """
    Paint a face of a section, once.

    :param which: left, right, front or rear.
    """
    number = ('left', 'right', 'front', 'rear').index(which)
    rng = np.random.default_rng((model.seed, model.sections.index(section), number))
    return PAINTERS[section.shape](model, section, which, rng)
