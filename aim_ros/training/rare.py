"""Where rare classes are, so that crops can be centred on them."""

from collections.abc import Sequence

import cv2
import numpy as np

from aim_ros.training.config import AugmentConfig
from aim_ros.training.sources import Source

_LEAST = 40  # pixels of a class that a frame must show
_KEPT = 32  # pixels of it that are remembered of a frame

Places = list[tuple[int, np.ndarray]]
"""Frames of a source by their index in it, and some rows and columns (n, 2) of pixels there."""


def rare_places(sources: Sequence[Source], settings: AugmentConfig, seed: int
                ) -> list[list[Places]]:
    """
    Return for each source the places of each of its rare classes that it shows.

    They depend on the seed and the number of the source alone.
    """
    return [
        _places(source, settings.rare_classes if source.settings.rare_classes is None
                else source.settings.rare_classes, np.random.default_rng((seed, number, 7)))
        for number, source in enumerate(sources)]


def _places(source: Source, classes: Sequence[int], rng: np.random.Generator) -> list[Places]:
    found: dict[int, Places] = {}
    for index, frame in enumerate(source.frames):
        counts = cv2.calcHist([frame.labels], [0], None, [256], [0, 256])
        for wanted in classes:
            if counts[wanted] >= _LEAST:
                pixels = np.flatnonzero(frame.labels == wanted)
                chosen = pixels[rng.integers(len(pixels), size=_KEPT)]
                found.setdefault(wanted, []).append(
                    (index, np.stack(np.unravel_index(chosen, frame.labels.shape), 1)))
    return list(found.values())
