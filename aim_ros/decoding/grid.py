"""Where an image's pixels lie on the grid of its logits."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=32)
def place_on_grid(points: int, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Place the pixels of one axis, their centres aligned as in ``interpolate(align_corners=False)``.

    :param points: size of the grid.
    :param pixels: size of the image.
    :return: uint32 (pixels,) the grid point before each pixel, and float32 (pixels,) the distance
        from it to the pixel, 0 to below 1. Beyond the outer points the distance changes nothing,
        since the point behind the last one is the last one.
    """
    source = np.arange(pixels, dtype=np.float32) + np.float32(0.5)
    source = np.maximum(source * np.float32(points / pixels) - np.float32(0.5), np.float32(0))
    before = np.minimum(source.astype(np.uint32), np.uint32(points - 1))
    return before, source - before.astype(np.float32)
