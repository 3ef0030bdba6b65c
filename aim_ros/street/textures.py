"""Surfaces of the street, painted once per seed: noise, leaves, fences, sky."""

import cv2
import numpy as np

from aim_ros.street.canvas import Texture


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


def leaf_clump(rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """Return the cover (size, size) float32, 0 to 1, of one bunch of leaves."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    cover = 0.5 - np.hypot(x, y) + 0.22 * fractal(rng, (size, size), size / 3, 4)
    return np.clip((cover - 0.12) * 9, 0, 1)


GREENS = ((74, 92, 46), (86, 98, 50), (60, 82, 46), (98, 102, 54), (70, 84, 58))


def foliage(rng: np.random.Generator, shape: tuple[int, int], centres: np.ndarray, green,
            sun_x: float) -> np.ndarray:
    """
    Paint bunches of leaves; those at the top and on the sun's side are lighter.

    :param shape: (height, width) of the picture.
    :param centres: (N, 3): x, y and size of each in pixels, far ones first.
    :param green: their colour.
    :param sun_x: -1 left to 1 right.
    :return: premultiplied RGBA.
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
