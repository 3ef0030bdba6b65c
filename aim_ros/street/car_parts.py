"""What is fixed to the body of a car: wheels, doors, lamps, plates and mirrors."""

import numpy as np

from aim_ros.street.car_models import ESTATE
from aim_ros.street.car_models import VAN

HALF_RING = 6
"""Points of half a cross-section of the body, from sill to roof."""


class CarParts:
    """Adds polygons to the points of a body."""

    def __init__(self, model, paint, points, facing, light):
        self.model, self.facing = model, facing
        self.points = [points]
        self._count = len(points)
        self._dark = tuple(int(value * 0.4) for value in paint)
        self._paint = tuple(int(value * 0.72) for value in paint)
        self._level = light.shade(np.array(((0.0, 0.0, -1.0),)))[0]
        self._belts = [model.profile[i][1] * model.height for i in (1, -2)]

    def _add(self, x, y, z, colour):
        corners = np.stack(np.broadcast_arrays(*(np.asarray(v, float) for v in (x, y, z))), axis=1)
        self.points.append(corners)
        index = np.arange(self._count, self._count + len(corners))
        self._count += len(corners)
        return index, colour

    def treads(self):
        """The wheels' treads, seen below the bumpers."""
        result = []
        for along in (0.19, 0.81):
            z = self.facing * (0.5 - along) * self.model.length
            for side in (-1, 1):
                x0, x1 = side * self.model.width * 0.47, side * self.model.width * 0.35
                for end in (-0.12, 0.12):
                    result.append(self._add((x0, x1, x1, x0), (0, 0, 0.4, 0.4), z + end,
                                            (17, 17, 18)))
        return result

    def side(self, side):
        """Wheels, door seams and handles on one side."""
        m = self.model
        radius = 0.31 if m.height < 1.6 else 0.34
        turn = np.linspace(0, 2 * np.pi, 22, endpoint=False)
        level = 0.75 + 0.35 * float(self._level.mean())
        result = self._pillars(side)
        belt = 0.6 * m.height
        for along in (0.38, 0.57, 0.72):
            z = self.facing * (0.5 - along) * m.length
            result.append(self._add(side * m.width * 0.5, (0.28, 0.28, belt, belt),
                                    (z - 0.008, z + 0.008, z + 0.008, z - 0.008), self._dark))
        for along in (0.53, 0.69):
            z = self.facing * (0.5 - along) * m.length
            result.append(self._add(side * m.width * 0.5, (belt - 0.12, belt - 0.12, belt - 0.09,
                                    belt - 0.09), (z, z + 0.16, z + 0.16, z), self._dark))
        for along in (0.19, 0.81):
            z = self.facing * (0.5 - along) * m.length
            x = side * m.width * 0.5

            def ring(size, push, colour, x=x, z=z):
                y = np.maximum(radius + np.sin(turn) * radius * size, 0)
                return self._add(x + side * push, y, z + np.cos(turn) * radius * size, colour)

            rim, hub = (int(132 * level),) * 3, (int(84 * level),) * 3
            result += [ring(1.2, -0.004, (19, 19, 20)), ring(1.0, 0.012, (29, 29, 30)),
                       ring(0.68, 0.014, rim), ring(0.61, 0.015, hub)]
            for spoke in range(5):
                angle = spoke * 2 * np.pi / 5 + along
                wide = np.array((-0.035, 0.035, 0.025, -0.025))
                far = np.array((0.02, 0.02, radius * 0.6, radius * 0.6))
                result.append(self._add(
                    x + side * 0.017, radius + np.sin(angle) * far + np.cos(angle) * wide,
                    z + np.cos(angle) * far - np.sin(angle) * wide, rim))
            result.append(ring(0.14, 0.018, rim))
        return result

    def _pillars(self, side):
        """The edge of the roof, down along windscreen and rear window."""
        rings = self.points[0].reshape(-1, 2 * HALF_RING, 3)
        # Index 4 of a ring is its roof edge on one side; the other side mirrors it.
        edge = rings[:, 4 if side * self.facing > 0 else -5]
        cabin = [roof > 0.75 for _, _, roof in self.model.profile]
        result = []
        for i in range(len(cabin) - 1):
            if cabin[i] or cabin[i + 1]:
                a, b = edge[i], edge[i + 1]
                thick = np.array((0.0, 0.035, 0.0))
                quad = np.array((a - thick, b - thick, b + thick, a + thick))
                result.append(self._add(*quad.T, self._paint))
        return result

    def _plate(self, x0, x1, y0, y1, colour, lit=True):
        """Add a rectangle on the end that is nearer to the camera, whichever that is."""
        if lit:
            level = self._level * 1.15
            colour = tuple(np.clip(np.array(colour) * level, 0, 255).astype(int).tolist())
        z = -self.model.length * 0.504
        return self._add((x0, x1, x1, x0), (y0, y0, y1, y1), z, colour)

    def _pair(self, x0, x1, y0, y1, colour, lit=True):
        return [self._plate(*ends, y0, y1, colour, lit) for ends in ((x0, x1), (-x1, -x0))]

    def front(self):
        """Bumper, grille, lamps and number plate."""
        half, belt = self.model.width / 2, self._belts[0]
        return [
            self._plate(-half * 0.84, half * 0.84, 0.18, 0.24, (40, 41, 43)),
            self._plate(-half * 0.46, half * 0.46, 0.5 * belt + 0.12, belt * 0.9, (24, 25, 27)),
            self._plate(-half * 0.44, half * 0.44, belt * 0.76, belt * 0.79, (150, 152, 154)),
            self._plate(-half * 0.52, half * 0.52, 0.25, 0.36, (26, 26, 28)),
            *self._pair(half * 0.60, half * 0.78, 0.27, 0.35, (52, 54, 56)),
            *self._pair(half * 0.52, half * 0.90, belt * 0.72, belt * 0.95, (60, 64, 68)),
            *self._pair(half * 0.55, half * 0.86, belt * 0.75, belt * 0.92, (222, 226, 226)),
            *self._pair(half * 0.60, half * 0.72, belt * 0.77, belt * 0.90, (150, 156, 160)),
            self._plate(-0.26, 0.26, 0.38, 0.48, (218, 218, 212)),
            self._plate(-0.22, 0.22, 0.41, 0.45, (70, 70, 72)),
        ]

    def rear(self):
        """Bumper, lamps and number plate."""
        half, belt = self.model.width / 2, self._belts[1]
        inner = 0.76 if self.model.profile in (ESTATE, VAN) else 0.58
        x0, x1, y0, y1 = half * inner, half * 0.92, belt * 0.72, belt * 0.97
        return [
            self._plate(-half * 0.86, half * 0.86, 0.18, 0.28, (38, 39, 41)),
            self._plate(-half * 0.9, half * 0.9, belt * 0.50, belt * 0.515, self._dark, lit=False),
            *self._pair(x0, x1, y0, y1, (130, 24, 22)),
            *self._pair(x0 + 0.02, x1 - 0.03, y0 + 0.02, y0 + 0.07, (200, 180, 170)),
            self._plate(-0.26, 0.26, belt * 0.62, belt * 0.62 + 0.11, (222, 222, 216)),
            self._plate(-0.22, 0.22, belt * 0.62 + 0.035, belt * 0.62 + 0.08, (70, 70, 72)),
        ]

    def mirror(self, side):
        """The mirror that stands out at one side."""
        m = self.model
        x, y = side * (m.width / 2 + 0.08), m.height * 0.65
        return [self._add((x - 0.08, x + 0.08, x + 0.07, x - 0.07), (y, y, y + 0.13, y + 0.13),
                          self.facing * 0.2 * m.length, self._dark)]
