"""The colours of a road user's pixels, by which the clothes of one are told from another's."""

from functools import cache
from typing import NamedTuple

import numpy as np

from aim_ros.hazards.kernels import compiled_at_first_call

_BANDS = ((0.16, 0.5), (0.5, 1.0))
"""Trunk and legs, in shares of the height from above: heads tell little, and are small."""

_LIGHTNESS = (8, 22, 36, 50, 66, 84)
_CHROMA = (-24, -8, 8, 24)
"""The middles of the cells that colours are sorted into, in CIELAB."""

_CELLS = len(_LIGHTNESS) * len(_CHROMA) ** 2

_SPREAD = 9.0
"""By how much colours are smeared, in CIELAB: light, noise and the edges of cells change them."""

_MAX_SAMPLES = 400
"""Of more pixels, only every second, third ... row and column is looked at."""

_MIN_SAMPLES = 12
"""A band of which fewer pixels are seen shows no colours."""

SHAPE = (len(_BANDS), _CELLS)
"""The shape of a histogram."""


class Picture(NamedTuple):
    """
    The image that a decision was made of.

    :param image: uint8 (H, W, C), a view.
    :param channels: where red, green and blue lie in a pixel.
    """

    image: np.ndarray
    channels: tuple[int, int, int] = (0, 1, 2)


def prepare() -> None:
    """Compile, and compute the table of colours, so that the first road user finds it in place."""
    nothing = Picture(np.zeros((1, 1, 3), np.uint8))
    found = histogram(nothing, np.ones((1, 1), bool), (0, 0), (0.0, 1.0))
    mixed(found, found, 1.0)


def histogram(picture: Picture, pixels: np.ndarray, corner: tuple[int, int],
              body: tuple[float, float]) -> np.ndarray:
    """
    Return the colours of some pixels, by the part of the body that they lie in.

    :param pixels: which pixels of a crop count, bool (h, w).
    :param corner: column and row at which the crop begins.
    :param body: the row at which the body begins, and its height.
    :return: the share of each colour, float32 `SHAPE`; 0 for a band that is not seen.
    """
    (x, y), (top, tall) = corner, body
    height, width = pixels.shape
    step = max(1, int((height * width / _MAX_SAMPLES) ** 0.5))
    # Copies, of one type, so that only one kernel is compiled.
    samples = picture.image[y:y + height:step, x:x + width:step].copy()
    places = (y + step * np.arange(len(samples)) - top) / tall
    return _mean_of_bands(
        samples, pixels[::step, ::step].copy(), picture.channels, places, _cells())


@compiled_at_first_call
def _mean_of_bands(samples: np.ndarray, which: np.ndarray, channels: tuple[int, int, int],
                   places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """
    Return the mean over the cells of some pixels, by band.

    :param samples: pixels, uint8 (h, w, C).
    :param which: those that count, bool (h, w).
    :param places: where on the body each row is, (h,), in shares of the height from above.
    :param cells: see `_cells`.
    :return: float32 `SHAPE`; 0 for a band that is not seen.
    """
    found, red, green, blue = np.zeros(SHAPE, np.float32), channels[0], channels[1], channels[2]
    for band in range(len(_BANDS)):
        first, last = _BANDS[band]
        seen = 0
        for row in range(len(samples)):
            if not first <= places[row] < last:
                continue
            for column in range(samples.shape[1]):
                if which[row, column]:
                    pixel = samples[row, column]
                    r, g, b = int(pixel[red]), int(pixel[green]), int(pixel[blue])
                    found[band] += cells[256 * (r // 16) + 16 * (g // 16) + b // 16]
                    seen += 1
        if seen >= _MIN_SAMPLES:
            found[band] /= seen
        else:
            found[band] = 0
    return found


@compiled_at_first_call
def mixed(before: np.ndarray, now: np.ndarray, share: float) -> np.ndarray:
    """
    Return what is known of a road user's colours, of which some are seen now, float32 `SHAPE`.

    A band that was never seen before is taken as it is, one that is not seen now stays.

    :param share: for how much what is seen now counts, 0..1.
    """
    known = before.copy()
    for band in range(len(before)):
        if now[band].any():
            fresh = np.float32(share if before[band].any() else 1.0)
            known[band] += fresh * (now[band] - before[band])
    return known


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """
    Return how different histograms (n, *`SHAPE`) are from others beside them (n, *`SHAPE`).

    That is 1 less their intersection (Swain and Ballard, "Color indexing", 1991), in the mean of
    the bands that both show.

    :return: (n,), 0..1; NaN where they have no band in common.
    """
    both = a.any(2) & b.any(2)
    bands = both.sum(1)
    total = ((1 - np.minimum(a, b).sum(2)) * both).sum(1)
    return np.where(bands > 0, total / np.maximum(bands, 1), np.nan)


@cache
def _cells() -> np.ndarray:
    """
    Return over which cells each colour is smeared, by its sixteenths of red, green and blue.

    :return: with the sum 1, float32 (4096, cells).
    """
    levels = (np.arange(16) * 16 + 8) / 255
    colours = _lab(np.stack(np.meshgrid(levels, levels, levels, indexing='ij'), -1).reshape(-1, 3))
    far = np.square(colours[:, None] - _middles()).sum(2)
    # Less the least, as what lies far from all cells would have a sum of 0.
    shares = np.exp((far - far.min(1, keepdims=True)) / (-2 * _SPREAD**2))
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32)


def _middles() -> np.ndarray:
    """Return the middles of the cells in CIELAB, (cells, 3)."""
    return np.stack(
        np.meshgrid(_LIGHTNESS, _CHROMA, _CHROMA, indexing='ij'), -1).reshape(-1, 3)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """
    Return sRGB colours (n, 3), 0..1, in CIELAB under D65.

    IEC 61966-2-1 and CIE 15:2004.
    """
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ np.array(((0.4124, 0.2126, 0.0193), (0.3576, 0.7152, 0.1192),
                             (0.1805, 0.0722, 0.9505))) / (0.9505, 1.0, 1.089)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)
