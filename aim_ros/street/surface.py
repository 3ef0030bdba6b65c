"""The surface of the ground, painted from above: road, pavements and grass."""

from dataclasses import dataclass

import cv2
import numpy as np

from aim_ros.street.textures import fractal
from aim_ros.street.textures import to_bytes

ROAD, SIDEWALK, TERRAIN = 0, 1, 9

ROWS = 2048  # texels along the stretch; a power of two, so that it can be halved often
COLUMNS = 1280  # texels across
STEP_X = 1 / 32  # metres a texel across
YARD_END = 24.0  # metres beyond the crossing at which a yard ends
GAUGE = 1.435  # metres between the rails of a track
HALF_WIDTH = COLUMNS * STEP_X / 2  # metres to either side; beyond it the last column goes on


@dataclass(frozen=True)
class CrossSection:
    """Where the strips of the road lie, in metres from the middle of the driver's own lane."""

    lane: float
    cycle: float  # width of the strip for cyclists
    parking: tuple[float, float]  # width left, right; 0 for none
    verge: tuple[float, float]  # width of the grass between kerb and pavement
    pavement: tuple[float, float]
    rails: bool = False  # a track in each lane
    yard: int = 0  # the side, -1 left or 1 right, of a paved yard before the crossing

    @property
    def edges(self) -> tuple[float, float]:
        """The outer edges of the cycle strips, left and right."""
        return -1.5 * self.lane - self.cycle, 0.5 * self.lane + self.cycle

    @property
    def kerbs(self) -> tuple[float, float]:
        """The kerbs, left and right."""
        left, right = self.edges
        return left - self.parking[0], right + self.parking[1]

    @property
    def fronts(self) -> tuple[float, float]:
        """The far edges of the pavements, left and right: where gardens or houses begin."""
        left, right = self.kerbs
        return (left - self.verge[0] - self.pavement[0], right + self.verge[1] + self.pavement[1])

    @property
    def yard_tracks(self) -> tuple[float, ...]:
        """The middles of the tracks in a yard."""
        front = self.fronts[1 if self.yard > 0 else 0]
        return tuple(front + self.yard * aside for aside in (2.2, 5.4))


def draw_section(rng: np.random.Generator) -> CrossSection:
    """Draw the widths of a street's strips."""
    parks = ((2.1, 2.1), (2.1, 0.0), (0.0, 2.1))[rng.choice(3, p=(0.6, 0.2, 0.2))]
    verge = tuple(rng.choice((0.0, rng.uniform(0.8, 1.8)), p=(0.65, 0.35)) for _ in range(2))
    return CrossSection(
        lane=rng.uniform(3.1, 3.5),
        cycle=float(rng.choice((0.0, 1.4), p=(0.3, 0.7))),
        parking=parks,
        verge=verge,
        pavement=(rng.uniform(2.4, 3.6), rng.uniform(2.4, 3.6)),
    )


class SurfacePainter:
    """Paints the stretch from above; row 0 is the middle of the crossing.

    Colour and brightness are kept apart until the end, for most of the work is on brightness.
    """

    def __init__(self, rng, section, length, zebra):
        self.rng, self.section, self.zebra = rng, section, zebra
        self.x = (np.arange(COLUMNS) + 0.5) * STEP_X - HALF_WIDTH
        z = (np.arange(ROWS) + 0.5) * length / ROWS
        self.z = np.where(z > length / 2, z - length, z)  # so that the crossing has both its sides
        self.step_z = length / ROWS
        self.colour = np.empty((ROWS, COLUMNS, 3), np.uint8)
        self.labels = np.full((ROWS, COLUMNS), TERRAIN, np.uint8)
        mottle = fractal(rng, (ROWS // 4, COLUMNS // 4), 60, 4)
        self.mottle = cv2.resize(mottle, (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR)
        fleck = rng.standard_normal((ROWS, COLUMNS), np.float32)
        self.fleck = cv2.GaussianBlur(fleck, (5, 5), 1.2)
        self.shade = 1 + 0.22 * self.mottle + 0.45 * self.fleck  # as of grass

    def paint(self) -> tuple[np.ndarray, np.ndarray]:
        """Return colour (ROWS, COLUMNS, 3) and labels (ROWS, COLUMNS), both uint8."""
        rng, section = self.rng, self.section
        self.colour[:] = to_bytes(np.array((92, 104, 56)) * rng.uniform(0.8, 1.1))
        self._lay_asphalt()
        self._repair()
        (left, right), (left_front, right_front) = section.kerbs, section.fronts
        verge_left, verge_right = left - section.verge[0], right + section.verge[1]
        self._pave(left_front, verge_left)
        self._pave(verge_right, right_front)
        at_zebra = np.abs(self.z) < self.zebra / 2 + 1.5
        self._pave(verge_left, left, at_zebra)
        self._pave(right, verge_right, at_zebra)
        self._mark()
        if section.rails:
            for middle in (0.0, -section.lane):
                self._lay_track(middle, np.full(ROWS, True))
        if section.yard:
            self._lay_yard()
        for kerb, side in ((left, -1), (right, 1)):
            self._lay_kerb(kerb, side)
        for channel in range(3):
            self.colour[..., channel] = cv2.multiply(
                self.colour[..., channel], self.shade, dtype=cv2.CV_8U
            )
        return self.colour, self.labels

    def _columns(self, low, high):
        first, last = np.searchsorted(self.x, (low, high))
        return slice(int(first), int(last))

    def _lay_asphalt(self):
        rng, section = self.rng, self.section
        left, right = section.kerbs
        road = self._columns(left, right)
        grey = rng.uniform(98, 132)
        self.colour[:, road] = to_bytes(
            grey * np.array((1.0, rng.uniform(0.98, 1.0), rng.uniform(0.95, 1.03)))
        )
        self.labels[:, road] = ROAD
        x = self.x[road]
        tracks = np.zeros_like(x)
        for middle in (0.0, -section.lane):  # where wheels pass, asphalt is darker
            for side in (-0.78, 0.78):
                tracks += np.exp(-(((x - middle - side) / 0.35) ** 2))
        across = 1 - 0.07 * tracks
        outer = (x < section.edges[0]) | (x > section.edges[1])
        across[outer] *= rng.uniform(0.86, 1.12)  # the strips for parking have another asphalt
        self.shade[:, road] = (1 + 0.07 * self.mottle[:, road] + 0.06 * self.fleck[:, road])
        self.shade[:, road] *= across.astype(np.float32)

    def _repair(self):
        """Add what years leave on asphalt: patches, cracks, manholes."""
        rng = self.rng
        left, right = self.section.kerbs

        def column(x):
            return int((x + HALF_WIDTH) / STEP_X)

        for _ in range(int(rng.integers(4, 10))):
            x0, row = rng.uniform(left, right - 1), int(rng.integers(0, ROWS - 200))
            wide, rows = rng.uniform(0.8, 3.0), int(rng.integers(20, 190))
            area = self.shade[row : row + rows, column(x0) : column(min(x0 + wide, right))]
            area *= rng.uniform(0.78, 1.12)
            for seam in (area[:2], area[-2:], area[:, :2], area[:, -2:]):
                seam *= 0.7
        for _ in range(int(rng.integers(6, 14))):
            count = int(rng.integers(20, 90))
            turns = rng.choice((0.0, 0.5 * np.pi)) + rng.normal(0, 0.2)
            turns = turns + np.cumsum(rng.normal(0, 0.25, count))
            path = np.stack((
                column(rng.uniform(left, right)) + np.cumsum(np.cos(turns)) * 5,
                rng.uniform(0, ROWS) + np.cumsum(np.sin(turns)) * 3,
            ), axis=1)
            cv2.polylines(self.shade, [path.astype(np.int32)], False, rng.uniform(0.45, 0.65),
                          int(rng.integers(1, 3)))
        for _ in range(int(rng.integers(2, 5))):
            centre = (column(rng.uniform(left + 1, right - 1)), int(rng.integers(20, ROWS - 20)))
            axes = (int(0.32 / STEP_X), int(0.32 / self.step_z))
            cv2.ellipse(self.shade, centre, axes, 0, 0, 360, 0.55, -1)
            cv2.ellipse(self.shade, centre, (axes[0] - 3, axes[1] - 2), 0, 0, 360, 0.85, -1)

    def _pave(self, low, high, rows=None):
        """Pave the strip between two x with slabs, in all rows or in those that are given."""
        rng = self.rng
        slab = rng.uniform(0.3, 0.6)
        tone = np.array(((166, 160, 150), (150, 146, 142), (160, 142, 128))[rng.integers(3)])
        tone = to_bytes(tone * rng.uniform(0.8, 1.0))
        columns = self._columns(low, high)
        if columns.stop <= columns.start:
            return
        rows = np.arange(ROWS) if rows is None else np.flatnonzero(rows)
        x, z = self.x[columns] + 30, self.z[rows] + 300
        each = rng.normal(1, 0.05, (64, 64)).astype(np.float32)
        shade = each[np.ix_((z / slab).astype(int) % 64, (x / slab).astype(int) % 64)]
        shade[np.mod(z, slab) < 0.05] *= 0.8
        shade[:, np.mod(x, slab) < 0.035] *= 0.8
        self.shade[rows, columns] = shade * (1 + 0.08 * self.fleck[rows, columns])
        self.colour[rows, columns] = tone
        self.labels[rows, columns] = SIDEWALK

    def _mark(self):
        """Paint lane lines, stop lines and the zebra, worn by traffic."""
        section, x, z = self.section, self.x, self.z
        fresh = self.rng.uniform(0.8, 1.0)
        paint = np.float32((224, 222, 214))

        def lay(columns, rows):
            index = np.ix_(np.flatnonzero(rows), np.flatnonzero(columns))
            share = np.clip(0.78 + 0.5 * self.fleck[index], 0.25, 0.95)[..., None] * fresh
            colour = self.colour[index]
            self.colour[index] = to_bytes(colour + (paint - colour) * share)

        clear = self.zebra / 2
        away = np.abs(z) > clear + 3.2
        lay(np.abs(x + section.lane / 2) < 0.07, away & (np.mod(z, 9.0) < 4.5))
        left, right = section.edges
        if section.cycle:
            for edge in (left + section.cycle, right - section.cycle):
                lay(np.abs(x - edge) < 0.06, away & (np.mod(z, 2.0) < 1.0))
        for edge, width in ((left, section.parking[0]), (right, section.parking[1])):
            if width:
                lay(np.abs(x - edge) < 0.05, away)
        own = (x > -section.lane / 2 + 0.1) & (x < right)
        other = (x < -section.lane / 2 - 0.1) & (x > left)
        lay(own, np.abs(z + clear + 2.2) < 0.25)
        lay(other, np.abs(z - clear - 2.2) < 0.25)
        left, right = section.kerbs
        lay((np.mod(x, 1.0) < 0.5) & (x > left + 0.3) & (x < right - 0.3), np.abs(z) < clear)

    def _lay_track(self, middle, rows):
        """Let a track into the ground: a bed of concrete, and rails with a groove beside."""
        self.shade[rows, self._columns(middle - 1.15, middle + 1.15)] *= 1.07
        for edge in (-1.15, 1.15):
            self.shade[rows, self._columns(middle + edge - 0.02, middle + edge + 0.02)] *= 0.75
        for side in (-1, 1):
            rail = middle + side * GAUGE / 2
            self.shade[rows, self._columns(*sorted((rail - side * 0.05, rail)))] *= 0.6
            head = self._columns(*sorted((rail, rail + side * 0.07)))
            self.colour[rows, head] = (150, 152, 156)
            self.shade[rows, head] = 1 + 0.1 * self.fleck[rows, head]

    def _lay_yard(self):
        """Lay asphalt from the pavement outwards, and join the yard to the road."""
        section = self.section
        left, right = section.fronts
        outside = self._columns(right, HALF_WIDTH) if section.yard > 0 else (
            self._columns(-HALF_WIDTH, left))
        rows = self.z < YARD_END
        self.colour[rows, outside] = (104, 104, 106)
        self.shade[rows, outside] = 1 + 0.1 * self.mottle[rows, outside] + (
            0.07 * self.fleck[rows, outside])
        self.labels[rows, outside] = ROAD
        for middle in section.yard_tracks if section.rails else ():
            self._lay_track(middle, rows)

    def _lay_kerb(self, kerb, side):
        stone = self._columns(*sorted((kerb, kerb + 0.16 * side)))
        self.colour[:, stone] = (158, 154, 146)
        self.shade[:, stone] = 1 + 0.12 * self.fleck[:, stone]
        self.shade[np.mod(self.z, 1.0) < 0.05, stone] *= 0.75
        self.labels[:, stone] = SIDEWALK
        self.shade[:, self._columns(*sorted((kerb, kerb - 0.1 * side)))] *= 0.72  # the gutter
