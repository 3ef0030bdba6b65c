"""A flat picture of one face of a large vehicle, painted in metres."""

import cv2
import numpy as np

from aim_ros.street.canvas import Texture
from aim_ros.street.textures import fractal
from aim_ros.street.textures import to_bytes

PIXELS = 56
"""Pixels of a sheet per metre."""

Colour = tuple[int, int, int]
GLASS: Colour = (30, 35, 40)
RUBBER: Colour = (26, 26, 27)
CHASSIS: Colour = (30, 31, 33)


class Sheet:
    """
    A face of a vehicle: x is the distance from its nose, or from the left of an end; y is up.

    :param length: of the face, metres.
    :param height: of the face, metres from the ground.
    :param colour: what it is painted with at first; none of it is seen before `cover`.
    :param nose_right: whether x counts from the right edge.
    """

    def __init__(self, length: float, height: float, colour: Colour, nose_right: bool = False):
        self.length, self.height = length, height
        self._nose_right = nose_right
        shape = max(int(height * PIXELS), 2), max(int(length * PIXELS), 2)
        self._rgb = np.empty((*shape, 3), np.uint8)
        self._rgb[:] = colour
        self._alpha = np.zeros(shape, np.uint8)

    def _fix(self, points):
        points = np.asarray(points, float)
        x = self.length - points[:, 0] if self._nose_right else points[:, 0]
        pixels = np.stack((x, self.height - points[:, 1]), axis=1) * PIXELS - 0.5
        return np.round(pixels * 16).astype(np.int32)

    def cover(self, points, full: bool = True) -> None:
        """Make a polygon (N, 2) opaque, or clear where not `full`."""
        cv2.fillPoly(self._alpha, [self._fix(points)], 255 if full else 0, cv2.LINE_AA, 4)

    def polygon(self, points, colour: Colour, share: float = 1.0) -> None:
        """Paint a polygon (N, 2); `share` below 1 lets what is below it through."""
        layer = self._rgb if share >= 1 else self._rgb.copy()
        cv2.fillPoly(layer, [self._fix(points)], colour, cv2.LINE_AA, 4)
        if share < 1:
            cv2.addWeighted(layer, share, self._rgb, 1 - share, 0, self._rgb)

    def box(self, x0: float, x1: float, y0: float, y1: float, colour: Colour,
            share: float = 1.0) -> None:
        """Paint a rectangle."""
        self.polygon(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), colour, share)

    def solid(self, x0: float, x1: float, y0: float, y1: float, colour: Colour) -> None:
        """Paint a rectangle and make it opaque."""
        self.box(x0, x1, y0, y1, colour)
        self.cover(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))

    def disc(self, x: float, y: float, radius: float, colour: Colour, cover: bool = False) -> None:
        """Paint a disc, and make it opaque if asked for."""
        turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        points = np.stack((x + radius * np.cos(turn),
                           np.maximum(y + radius * np.sin(turn), 0)), axis=1)
        self.polygon(points, colour)
        if cover:
            self.cover(points)

    def shade(self, x0: float, x1: float, y0: float, y1: float, low: float, high: float) -> None:
        """Multiply a rectangle with factors that go from `low` at y0 to `high` at y1."""
        (a, _), (b, _) = (self._fix(((x, 0.0),))[0] // 16 for x in (x0, x1))
        left, right = max(min(a, b), 0), max(a, b) + 1
        top, bottom = (max(int((self.height - y) * PIXELS), 0) for y in (y1, y0))
        area = self._rgb[top:bottom, left:right]
        factor = np.linspace(high, low, area.shape[0], dtype=np.float32)[:, None, None]
        area[:] = to_bytes(area * factor)

    def text(self, words: str, x0: float, x1: float, y0: float, y1: float, colour: Colour,
             bold: float = 0.16) -> None:
        """Write into a rectangle, as large as fits; it reads from left to right on either side."""
        height = (y1 - y0) * PIXELS
        (wide, high), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
        scale = min(height / high, abs(x1 - x0) * PIXELS / wide)
        left = min(x[0] for x in self._fix(((x0, 0.0), (x1, 0.0)))) / 16
        left += (abs(x1 - x0) * PIXELS - wide * scale) / 2
        down = (self.height - (y0 + y1) / 2) * PIXELS + high * scale / 2
        cv2.putText(self._rgb, words, (int(left), int(down)), cv2.FONT_HERSHEY_SIMPLEX, scale,
                    colour, max(1, round(bold * high * scale)), cv2.LINE_AA)

    def finish(self, rng: np.random.Generator, dirt: float) -> Texture:
        """Soil the sheet, more so near the ground, and return it as a texture."""
        rows = np.linspace(self.height, 0, self._rgb.shape[0], dtype=np.float32)[:, None]
        mottle = fractal(rng, self._alpha.shape, 70, 3)
        share = np.clip(dirt * (0.12 + 0.75 * np.exp(-rows / 0.55)) * (1 + mottle), 0, 0.8)
        picture = self._rgb * (1 + 0.03 * mottle[..., None])
        picture += (np.float32((92, 86, 76)) * 0.75 - picture) * share[..., None]
        alpha = self._alpha.astype(np.float32)[..., None]
        return Texture(to_bytes(np.dstack((np.clip(picture, 0, 255) * alpha / 255, alpha))))


def wheel(sheet: Sheet, x: float, radius: float, rim: Colour = (112, 114, 118)) -> None:
    """Paint a wheel below its dark arch."""
    sheet.disc(x, radius, radius * 1.18, (15, 15, 16))
    sheet.disc(x, radius, radius, RUBBER, cover=True)
    sheet.disc(x, radius, radius * 0.62, rim)
    sheet.disc(x, radius, radius * 0.52, tuple(int(value * 0.72) for value in rim))
    sheet.disc(x, radius, radius * 0.30, tuple(int(value * 0.5) for value in rim))
    sheet.disc(x, radius, radius * 0.17, rim)
    for angle in np.arange(8) * np.pi / 4:
        sheet.disc(x + np.cos(angle) * radius * 0.42, radius + np.sin(angle) * radius * 0.42,
                   radius * 0.055, (48, 49, 51))


def pane(sheet: Sheet, rng: np.random.Generator, x0: float, x1: float, y0: float, y1: float,
         seats: bool = True) -> None:
    """Paint a window: what is seen through it, those who sit behind it, and what it mirrors."""
    sheet.box(x0, x1, y0, y1, GLASS)
    high, wide = y1 - y0, x1 - x0
    through = tuple(int(value * rng.uniform(0.75, 1.2)) for value in (84, 94, 102))
    if rng.random() < 0.7:  # the window of the other side
        shift = rng.uniform(-0.12, 0.12) * wide
        sheet.box(max(x0, x0 + 0.12 * wide + shift), min(x1, x1 - 0.12 * wide + shift),
                  y0 + 0.3 * high, y1 - 0.16 * high, through, 0.6)
    if seats:
        for x in np.arange(x0 + 0.15, x1 - 0.3, 0.78):
            tone = tuple((np.array((38, 42, 58)) * rng.uniform(0.6, 1.3)).astype(int).tolist())
            sheet.box(x, x + 0.4, y0, y0 + 0.36 * high, tone)
            if rng.random() < 0.45:
                sheet.disc(x + 0.2, y0 + 0.47 * high, 0.115, (96, 76, 66))
                sheet.box(x + 0.02, x + 0.38, y0, y0 + 0.3 * high, (52, 48, 50))
    if rng.random() < 0.75:  # a slanting glare
        left = x0 + rng.uniform(0, 0.6) * wide
        right = min(left + rng.uniform(0.2, 0.5) * wide, x1)
        lean = min(0.3 * wide, x1 - right)
        sheet.polygon(((left, y0), (right, y0), (right + lean, y1), (left + lean, y1)),
                      (170, 184, 196), rng.uniform(0.08, 0.24))
    sheet.box(x0, x1, y1 - 0.14 * high, y1, (120, 132, 142), 0.28)


def soften(colour: Colour, factor: float) -> Colour:
    """Return a colour that is brighter or darker by a factor."""
    return tuple(min(int(value * factor), 255) for value in colour)
