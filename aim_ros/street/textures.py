"""Surfaces of the street, painted once per seed: noise, facades, leaves, sky."""

from dataclasses import dataclass

import cv2
import numpy as np

from aim_ros.street.canvas import Texture

TEXELS = 28  # of a facade, per metre


def fractal(rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 4):
    """Return smooth noise, float32 in about -1..1, with details from `cell` pixels downwards."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        grid = (max(2, int(height / step) + 2), max(2, int(width / step) + 2))
        coarse = rng.uniform(-1, 1, grid).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / 1.6


def to_bytes(colour: np.ndarray) -> np.ndarray:
    """Round and clip to uint8."""
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8)


def opaque(rgb: np.ndarray) -> np.ndarray:
    """Add a full alpha channel to a uint8 picture."""
    return np.dstack((rgb, np.full(rgb.shape[:2], 255, np.uint8)))


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
                _window(block, rng, middle, bottom, wide, tall, frame, trim,
                        shutter if has_shutters else None)
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


def _window(block, rng, middle, bottom, wide, tall, frame, trim, shutter):
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


def leaf_clump(rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """Return the cover (size, size) float32, 0 to 1, of one bunch of leaves."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    cover = 0.5 - np.hypot(x, y) + 0.22 * fractal(rng, (size, size), size / 3, 4)
    return np.clip((cover - 0.12) * 9, 0, 1)


GREENS = ((74, 92, 46), (86, 98, 50), (60, 82, 46), (98, 102, 54), (70, 84, 58))


def foliage(rng: np.random.Generator, shape: tuple[int, int], centres: np.ndarray, green,
            sun_x: float) -> np.ndarray:
    """Paint bunches of leaves at `centres` (N, 3: x, y in pixels, size in pixels), far ones first.

    Returns premultiplied RGBA. Bunches at the top and on the sun's side (`sun_x` -1 left to 1
    right) are lighter.
    """
    height, width = shape
    picture = np.zeros((height, width, 4), np.float32)
    clumps = [leaf_clump(rng) for _ in range(6)]
    stamps = {}  # (size, which clump) -> how much of what lies below it hides, and its light
    low, high = centres[:, 1].min(), centres[:, 1].max()
    middle, reach = centres[:, 0].mean(), max(np.ptp(centres[:, 0]) / 2, 1)
    light = 0.5 + 0.42 * (high - centres[:, 1]) / max(high - low, 1)
    light += 0.2 * sun_x * (centres[:, 0] - middle) / reach
    light *= rng.uniform(0.75, 1.25, len(centres))
    tint = np.ones((len(centres), 4), np.float32)
    tint[:, :3] = np.array(green) / 255 * light[:, None] * rng.uniform(0.9, 1.1, (len(centres), 3))
    which = rng.integers(6, size=len(centres))
    for (x, y, size), colour, clump in zip(centres, tint, which, strict=True):
        size = max(int(size / 4) * 4, 8)
        if (size, clump) not in stamps:
            cover = cv2.resize(clumps[clump], (size, size), interpolation=cv2.INTER_AREA)
            rows = np.linspace(1.28, 0.6, size, dtype=np.float32)[:, None]
            stamps[size, clump] = (1 - cover[..., None],
                                   np.dstack((*[cover * rows * 255] * 3, cover * 255)))
        clear, stamp = stamps[size, clump]
        left, top = int(x - size / 2), int(y - size / 2)
        x0, x1 = max(left, 0), min(left + size, width)
        y0, y1 = max(top, 0), min(top + size, height)
        if x1 > x0 and y1 > y0:
            part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            area = picture[y0:y1, x0:x1]
            area *= clear[part]
            area += stamp[part] * colour
    speckle = rng.uniform(0.55, 1.45, shape).astype(np.float32)
    picture[..., :3] *= cv2.GaussianBlur(speckle, (0, 0), 0.7)[..., None]
    picture[..., :3] = np.minimum(picture[..., :3], picture[..., 3:])
    return to_bytes(picture)


def tree(rng: np.random.Generator, sun_x: float) -> tuple[Texture, float]:
    """Paint a tree; return it with its width as a share of its height."""
    shape = (420, 320)
    height, width = shape
    green = GREENS[rng.integers(len(GREENS))]
    narrow = rng.uniform(0.6, 1.0)
    crown_y, crown_h = 0.36 * height, rng.uniform(0.30, 0.34) * height
    trunk = np.zeros((*shape, 4), np.uint8)
    bark = np.array((84, 72, 60)) * rng.uniform(0.7, 1.2)
    lean, girth = rng.uniform(-8, 8), rng.uniform(11, 17)
    fork = (width / 2 + lean, height * 0.56)

    def wood(x0, y0, x1, y1, tone, thick):
        colour = (*to_bytes(tone).tolist(), 255)
        cv2.line(trunk, (int(x0), int(y0)), (int(x1), int(y1)), colour, thick)

    for share in np.linspace(-1, 1, 9):  # strips from the shaded to the sunny side of the trunk
        tone = bark * (0.75 + 0.35 * share * sun_x) * rng.uniform(0.9, 1.1)
        wood(width / 2 + share * girth / 2, height, fork[0] + share * girth / 3, fork[1], tone, 3)
    for _ in range(7):
        wood(*fork, width * rng.uniform(0.2, 0.8), crown_y + rng.uniform(-0.2, 0.1) * height,
             bark * 0.7, int(rng.integers(2, 6)))
    count = 150
    angle, radius = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    centres = np.stack((
        width / 2 + np.cos(angle) * radius * width * 0.36 * narrow,
        crown_y + np.sin(angle) * radius * crown_h,
        rng.uniform(42, 92, count),
    ), axis=1)
    # The outer bunches first and the lower ones last would hide the light: go from below upwards.
    crown = foliage(rng, shape, centres[np.argsort(-centres[:, 1] + rng.normal(0, 40, count))],
                    green, sun_x)
    cover = crown[..., 3:] / 255.0
    picture = trunk * (1 - cover) + crown
    return Texture(to_bytes(picture)), width / height


def hedge(rng: np.random.Generator, sun_x: float) -> Texture:
    """Paint the side of a hedge, cut straight at the bottom and ragged at the top."""
    shape = (110, 640)
    count = 420
    centres = np.stack((
        rng.uniform(0, shape[1], count), rng.uniform(24, 112, count), rng.uniform(26, 52, count)
    ), axis=1)
    green = np.array(GREENS[rng.integers(len(GREENS))]) * rng.uniform(0.7, 0.95)
    leaves = foliage(rng, shape, centres[np.argsort(-centres[:, 1])], green, 0.2 * sun_x)
    # Nobody sees through a hedge: what the leaves leave open is dark, but for the ragged top.
    clear = 255 - leaves[26:, :, 3:]
    leaves[26:, :, :3] += to_bytes(clear / 255 * (green * 0.35))
    leaves[26:, :, 3:] += clear
    return Texture(leaves)


def fence(rng: np.random.Generator) -> Texture:
    """Paint the side of a fence of boards."""
    shape = (48, 384)
    tone = np.float32(((128, 104, 78), (96, 92, 88), (84, 96, 80))[rng.integers(3)])
    boards = rng.normal(1, 0.08, 48).astype(np.float32)
    columns = np.arange(shape[1])
    shade = boards[columns // 8] * np.where(columns % 8 < 1, 0.55, 1.0)
    picture = tone * shade[None, :, None] * rng.normal(1, 0.05, (*shape, 1)).astype(np.float32)
    picture[8:12] *= 0.85
    picture[36:40] *= 0.85
    return Texture(opaque(to_bytes(picture)))


def wall(rng: np.random.Generator) -> Texture:
    """Paint the side of a garden wall with its coping."""
    shape = (56, 480)
    tone = np.float32(((168, 160, 146), (150, 120, 100), (186, 182, 174))[rng.integers(3)])
    noise = fractal(rng, shape, 24, 4)[..., None]
    picture = tone * (1 + 0.12 * noise) * rng.normal(1, 0.04, (*shape, 1)).astype(np.float32)
    picture[:5] *= 1.12
    picture[5:7] *= 0.7
    picture[-8:] *= 0.8
    return Texture(opaque(to_bytes(picture)))


def bush(rng: np.random.Generator, sun_x: float) -> Texture:
    """Paint a bush that is as wide as it is high."""
    count = 60
    angle, radius = rng.uniform(0, np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    centres = np.stack((
        80 + np.cos(angle) * radius * 52, 140 - np.sin(angle) * radius * 95,
        rng.uniform(34, 60, count),
    ), axis=1)
    green = GREENS[rng.integers(len(GREENS))]
    return Texture(foliage(rng, (160, 160), centres[np.argsort(-centres[:, 1])], green, sun_x))


def sky(rng: np.random.Generator, shape: tuple[int, int], horizon: float, top, low) -> np.ndarray:
    """Paint the sky (H, W, 3) from the colour `top` down to `low` at the row `horizon`."""
    height, width = shape
    rows = np.clip(np.arange(height, dtype=np.float32) / max(horizon, 1), 0, 1) ** 1.3
    picture = np.float32(top) + (np.float32(low) - np.float32(top)) * rows[:, None, None]
    picture = np.repeat(picture, width, axis=1)
    field = cv2.resize(fractal(rng, (max(height // 2, 4), max(width // 6, 4)), 60, 5),
                       (width, height), interpolation=cv2.INTER_CUBIC)
    share = np.clip((field - rng.uniform(-0.3, 0.6)) * 1.1, 0, 1) * rng.uniform(0.3, 0.9)
    white = np.float32((246, 247, 250))
    picture += (white - picture) * share[..., None]
    return to_bytes(picture)
