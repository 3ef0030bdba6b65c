"""Fronts of houses, and the walls beside them, painted once per seed."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from aim_ros.street.canvas import Texture
from aim_ros.street.textures import fractal
from aim_ros.street.textures import opaque
from aim_ros.street.textures import to_bytes

TEXELS = 28  # of a facade, per metre

PLASTER = (
    (222, 212, 190), (205, 186, 150), (228, 224, 214), (198, 178, 160), (214, 190, 140),
    (186, 188, 186), (216, 200, 176), (196, 160, 132), (232, 226, 204), (176, 170, 158),
)
BRICK = ((150, 92, 72), (136, 100, 80), (168, 120, 88), (120, 84, 72))
ROOF = ((112, 66, 52), (92, 60, 52), (74, 70, 70), (96, 84, 78), (126, 80, 60))


@dataclass(frozen=True, eq=False)
class Facade:
    """A house's front, and the wall beside it; `width` and `height` of the front in metres."""

    front: Texture
    side: Texture
    wall: tuple[int, int, int]
    width: float
    height: float


def facade(rng: np.random.Generator) -> Facade:
    """Paint the front of a house."""
    floors = int(rng.integers(2, 6))
    storey = rng.uniform(2.8, 3.3)
    bays = int(rng.integers(3, 7))
    bay = rng.uniform(2.2, 3.2)
    width, height = bays * bay + 0.8, floors * storey + rng.uniform(0.5, 1.0)
    shape = (int(height * TEXELS), int(width * TEXELS))
    brick = rng.random() < 0.25
    base = np.array(BRICK[rng.integers(len(BRICK))] if brick else PLASTER[rng.integers(10)], float)
    base *= rng.uniform(0.85, 1.05)
    wall = _bare_wall(rng, shape, base, brick)

    def block(x0, y0, x1, y1, colour, grain=0.0):
        """Paint a rectangle in metres, y from the ground up."""
        left, right = (int(np.clip(round(x * TEXELS), 0, shape[1])) for x in (x0, x1))
        top, bottom = (int(np.clip(round((height - y) * TEXELS), 0, shape[0])) for y in (y1, y0))
        area = wall[top:bottom, left:right]
        area[:] = colour
        if grain and area.size:
            area *= 1 + grain * rng.standard_normal(area.shape[:2], np.float32)[..., None]
        return area

    plinth = base * rng.uniform(0.5, 0.75)
    block(0, 0, width, rng.uniform(0.4, 0.9), plinth, 0.06)
    trim = np.minimum(base * rng.uniform(1.05, 1.2), 245)
    frame = np.array(rng.choice(((236, 234, 228), (120, 92, 70), (70, 72, 74))), float)
    shutter = np.array(rng.choice(((70, 90, 74), (110, 70, 56), (96, 100, 110))), float)
    has_shutters = rng.random() < 0.35
    shop = rng.random() < 0.3
    tall, wide = rng.uniform(1.35, 1.75), rng.uniform(0.95, 1.35)
    windows = _Windows(wide, tall, frame, trim, shutter if has_shutters else None)
    door = int(rng.integers(bays))
    for floor in range(floors):
        bottom = floor * storey + rng.uniform(0.88, 0.92) + 0.1
        for place in range(bays):
            middle = 0.4 + (place + 0.5) * bay
            if floor == 0 and place == door:
                _door(block, rng, middle, trim)
            elif floor == 0 and shop:
                block(middle - bay * 0.46, 0.3, middle + bay * 0.46, 2.7, frame * 0.7)
                glass = block(middle - bay * 0.43, 0.45, middle + bay * 0.43, 2.35, (52, 56, 60))
                _reflect(glass, rng, 0.5)
                block(middle - bay * 0.46, 2.4, middle + bay * 0.46, 2.9,
                      rng.uniform(40, 210, 3), 0.04)
            else:
                _window(block, rng, middle, bottom, windows)
        if floor and rng.random() < 0.5:
            block(0, floor * storey - 0.06, width, floor * storey + 0.06, trim, 0.03)
    block(0, height - 0.35, width, height, trim * 0.9, 0.03)
    block(0, height - 0.42, width, height - 0.35, base * 0.55)
    for edge in (0.12, width - 0.22):  # the rain pipes at the joints
        block(edge, 0, edge + 0.1, height - 0.3, base * 0.62)
    soft = cv2.GaussianBlur(wall, (3, 3), 0.6)
    tone = base * rng.uniform(0.85, 1.0)
    return Facade(Texture(opaque(to_bytes(soft))), _gable(rng, tone, height),
                  tuple(tone.astype(int).tolist()), width, height)


class _Windows(NamedTuple):
    """What the windows of a front have in common: width and height in metres, and colours."""

    wide: float
    tall: float
    frame: np.ndarray
    trim: np.ndarray
    shutter: np.ndarray | None


def _bare_wall(rng, shape, base, brick):
    """Return a wall (H, W, 3) of plaster, or of bricks, as the years have left it."""
    wall = np.empty((*shape, 3), np.float32)
    wall[:] = base
    if brick:
        _lay_bricks(wall, rng)
    # Rain stains from above, patches of old paint, and the grain of the plaster.
    wall *= 1 + 0.05 * fractal(rng, shape, 90, 3)[..., None]
    streaks = cv2.resize(fractal(rng, (12, shape[1]), 24, 4), (shape[1], shape[0]))
    wall *= 1 + 0.04 * streaks[..., None]
    wall *= 1 + 0.05 * rng.standard_normal(shape, np.float32)[..., None]
    rows = np.linspace(0, 1, shape[0], dtype=np.float32)
    wall *= (1.03 - 0.08 * rows)[:, None, None]
    return wall


def _gable(rng, tone, height):
    """Paint the wall at a house's side: plaster, stains and a few small windows."""
    texels = TEXELS // 2
    shape = (int(height * texels), 10 * texels)
    wall = tone * (1 + 0.07 * fractal(rng, shape, 70, 4)[..., None])
    wall = wall * (1 + 0.04 * rng.standard_normal(shape, np.float32)[..., None])
    wall[-int(0.6 * texels) :] *= 0.7
    columns = rng.choice((0.25, 0.5, 0.75), int(rng.integers(0, 3)), replace=False)
    for column in columns:
        for bottom in np.arange(1.2, height - 1.5, 3.0):
            left, top = int((column * 10 - 0.4) * texels), int((height - bottom - 1.2) * texels)
            window = wall[top : top + int(1.2 * texels), left : left + int(0.8 * texels)]
            window[:] = tone * 1.12
            window[2:-2, 2:-2] = np.array((44, 48, 54)) * rng.uniform(0.7, 1.6)
    return Texture(opaque(to_bytes(wall)))


def _lay_bricks(wall, rng):
    rows, columns = wall.shape[0] // 3, wall.shape[1] // 6
    tone = rng.normal(1, 0.09, (rows + 1, columns + 1)).astype(np.float32)
    y, x = np.mgrid[: wall.shape[0], : wall.shape[1]]
    shifted = x + (y // 3 % 2) * 3
    wall *= tone[y // 3, np.minimum(shifted // 6, columns)][..., None]
    joint = (y % 3 == 0) | (shifted % 6 == 0)
    wall[joint] = wall[joint] * 0.6 + 66


def _reflect(glass, rng, strength):
    """Let a pane mirror the sky at its top and the dark of the room below."""
    if not glass.size:
        return
    ramp = np.linspace(1, 0, glass.shape[0], dtype=np.float32)[:, None, None]
    slant = np.linspace(-0.3, 0.3, glass.shape[1], dtype=np.float32)[None, :, None]
    share = np.clip(ramp + slant * rng.uniform(-1, 1), 0, 1) * strength
    glass += (np.float32((150, 168, 186)) - glass) * share * rng.uniform(0.3, 1.0)


def _window(block, rng, middle, bottom, windows):
    wide, tall, frame, trim, shutter = windows
    half = wide / 2
    block(middle - half - 0.14, bottom - 0.1, middle + half + 0.14, bottom + tall + 0.14, trim)
    if shutter is not None:
        for side in (-1, 1):
            x = middle + side * (half + 0.3)
            block(x - 0.22, bottom, x + 0.22, bottom + tall, shutter * rng.uniform(0.9, 1.1), 0.05)
    block(middle - half, bottom, middle + half, bottom + tall, frame)
    dark = np.array((38, 42, 48)) * rng.uniform(0.7, 1.5)
    for side in (-1, 1):
        inner, outer = middle + side * 0.035, middle + side * (half - 0.07)
        pane = block(min(inner, outer), bottom + 0.07, max(inner, outer), bottom + tall - 0.07,
                     dark)
        if rng.random() < 0.5:  # a curtain
            low = int(pane.shape[0] * rng.uniform(0.3, 1.0))
            pane[:low] = pane[:low] * 0.45 + np.float32((150, 146, 138)) * rng.uniform(0.4, 0.55)
        _reflect(pane, rng, 0.75)
    if rng.random() < 0.2:  # a blind that is half down
        drop = tall * rng.uniform(0.2, 0.7)
        block(middle - half, bottom + tall - drop, middle + half, bottom + tall, trim * 0.85, 0.03)
    # The lintel's shadow on the pane, and the sill with its own below.
    block(middle - half, bottom + tall - 0.05, middle + half, bottom + tall, (30, 30, 32))
    block(middle - half - 0.18, bottom - 0.16, middle + half + 0.18, bottom - 0.04, trim)
    block(middle - half - 0.18, bottom - 0.21, middle + half + 0.18, bottom - 0.16, trim * 0.5)


def _door(block, rng, middle, trim):
    colour = np.array(rng.choice(((84, 58, 40), (50, 62, 56), (60, 64, 72), (110, 40, 34))), float)
    block(middle - 0.68, 0, middle + 0.68, 2.5, trim)
    block(middle - 0.52, 0.12, middle + 0.52, 2.38, colour, 0.04)
    glass = block(middle - 0.3, 1.35, middle + 0.3, 2.15, (48, 50, 54))
    _reflect(glass, rng, 0.7)
    block(middle - 0.75, 0, middle + 0.75, 0.14, (130, 126, 120), 0.05)
