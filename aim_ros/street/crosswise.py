"""Buses and trucks that stand across the driver's way, so that he sees their sides."""

from dataclasses import dataclass

import numpy as np

from aim_ros.street.canvas import box_corners
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import hull
from aim_ros.street.large_models import LargeModel
from aim_ros.street.large_vehicles import end_strips
from aim_ros.street.large_vehicles import face
from aim_ros.street.light import Light

_OVERLAP = 0.03  # metres by which an end goes on behind the side, so that no gap is seen


@dataclass(frozen=True)
class CrosswiseVehicle:
    """A vehicle beside the road; `facing` is +1 if its nose points to the right, else -1."""

    model: LargeModel
    x: float
    z: float
    facing: int

    @property
    def kind(self) -> str:
        """Bus or truck."""
        return self.model.kind

    def extent(self) -> np.ndarray:
        """Return corners (N, 3) of the boxes around its sections, with what stands out of them."""
        return np.concatenate([
            box_corners(self._x((section.nose + section.tail) / 2), self.z, section.length / 2,
                        section.height + section.rise, section.width / 2 + section.mirrors)
            for section in self.model.sections])

    def shadows(self, light: Light) -> list[np.ndarray]:
        """Return polygons (N, 2: x, z) on the ground: below the sections, and the sun's."""
        polygons = []
        for section in self.model.sections:
            half = section.width / 2 - 0.05
            x0, x1 = sorted((self._x(section.nose), self._x(section.tail)))
            base = np.array([(x0, self.z - half), (x1, self.z - half), (x1, self.z + half),
                             (x0, self.z + half)])
            polygons.append(base)
            if light.sunny > 0.3:
                top = base - light.sun[[0, 2]] * (section.height / light.sun[1])
                polygons.append(hull(np.concatenate((base, top))))
        return polygons

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the sections from the outer one to the inner one."""
        nose_inside = self.facing * self.x < 0
        for section in self.model.sections[::-1 if nose_inside else 1]:
            if self.z - section.width / 2 < canvas.view.z + 1.0:
                continue
            self._draw_end(canvas, light, section, nose_inside)
            self._draw_side(canvas, light, section)

    def _x(self, along: float) -> float:
        """Where what is `along` metres behind the nose stands in the world."""
        return self.x + self.facing * (self.model.length / 2 - along)

    def _draw_side(self, canvas, light, section):
        texture = face(self.model, section, 'right' if self.facing > 0 else 'left')
        tall = texture.height / texture.width * section.length
        x0, x1 = sorted((self._x(section.nose), self._x(section.tail)))
        z = self.z - section.width / 2
        corners = np.array(((x0, tall, z), (x1, tall, z), (x1, 0, z), (x0, 0, z)))
        gain = float(light.shade(np.array(((0.0, 0.0, -1.0),))).mean())
        canvas.texture(corners, texture, self.model.label, gain=gain)

    def _draw_end(self, canvas, light, section, front):
        x = self._x(section.nose if front else section.tail)
        out = float(np.sign(self.x))
        half = section.width / 2 + (section.mirrors if front else 0.0) + _OVERLAP
        # Who looks to the right has the far end on the left.
        left, right = self.z + out * half, self.z - out * half
        gain = float(light.shade(np.array(((-out, 0.0, 0.0),))).mean())
        for strip in end_strips(self.model, section, front):
            (low, high), (near, far) = strip.up, x + out * np.array(strip.back)
            corners = np.array(((far, high, left), (far, high, right),
                                (near, low, right), (near, low, left)))
            canvas.texture(corners, strip.texture, self.model.label, gain=gain)
