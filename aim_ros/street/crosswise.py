"""Buses and trucks that stand across the driver's way, so that he sees their sides."""

import numpy as np

from aim_ros.street.canvas import Canvas
from aim_ros.street.large_vehicles import end_strips
from aim_ros.street.large_vehicles import face
from aim_ros.street.large_vehicles import SectionedVehicle
from aim_ros.street.light import Light

_OVERLAP = 0.03  # metres by which an end goes on behind the side, so that no gap is seen


class CrosswiseVehicle(SectionedVehicle):
    """A vehicle beside the road."""

    across = True

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the sections from the outer one to the inner one."""
        nose_inside = self.facing * self.x < 0
        for section in self.model.sections[::-1 if nose_inside else 1]:
            if self.z - section.width / 2 < canvas.view.z + 1.0:
                continue
            self._draw_end(canvas, light, section, nose_inside)
            self._draw_side(canvas, light, section)

    def _draw_side(self, canvas, light, section):
        texture = face(self.model, section, 'right' if self.facing > 0 else 'left')
        tall = texture.height / texture.width * section.length
        x0, x1 = sorted((self.behind_nose(section.nose), self.behind_nose(section.tail)))
        z = self.z - section.width / 2
        corners = np.array(((x0, tall, z), (x1, tall, z), (x1, 0, z), (x0, 0, z)))
        gain = float(light.shade(np.array(((0.0, 0.0, -1.0),))).mean())
        canvas.texture(corners, texture, self.model.label, gain=gain)

    def _draw_end(self, canvas, light, section, front):
        x = self.behind_nose(section.nose if front else section.tail)
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
