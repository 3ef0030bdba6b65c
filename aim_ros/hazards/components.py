"""
Connected components of the pixels of several classes, and what alerts ask of each.

`components_cpu` (Numba) finds them in one pass over the frame; where its compiler is not
installed, OpenCV does so class by class.
"""

from functools import cache
import logging
from operator import itemgetter
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np

_logger = logging.getLogger(__name__)


class Softmax(NamedTuple):
    """
    Probabilities that are computed only where a component is.

    :param logits: float32 (C, h, w), of every class of the model.
    :param temperature: of the softmax, > 0.
    """

    logits: np.ndarray
    temperature: float

    def of(self, class_ids: tuple[int, ...]) -> np.ndarray:
        """Return the probabilities of some classes everywhere, float32 (n, h, w)."""
        weights = np.exp((self.logits - self.logits.max(0)) / np.float32(self.temperature))
        return weights[list(class_ids)] / weights.sum(0)


class Components(NamedTuple):
    """
    The components of one frame, by class and then as they lie in the image.

    :param class_index: index into the classes that were asked for, int (n,).
    :param box: x, y, width and height, int (n, 4).
    :param area: pixels, int (n,).
    :param confidence: mean probability, float (n,).
    :param modulated_share: share of pixels that `base` gives to another class, float (n,).
    """

    class_index: np.ndarray
    box: np.ndarray
    area: np.ndarray
    confidence: np.ndarray
    modulated_share: np.ndarray


def alerted_pixels(base: np.ndarray, focused: np.ndarray, class_id: int) -> np.ndarray:
    """
    Return where a class counts: where either deterministic decision says so.

    :param base: (H, W) unmodulated class ids.
    :param focused: (H, W) class ids under the expected modulation.
    :return: bool (H, W).
    """
    there = base == class_id
    return there if focused is base else there | (focused == class_id)


def find_components(
    base: np.ndarray,
    focused: np.ndarray,
    class_ids: tuple[int, ...],
    probability: np.ndarray | Softmax,
    min_area: int,
) -> Components:
    """
    Find the 8-connected components of the pixels to which either decision gives a class.

    :param base: class ids (H, W), uint8 or uint16.
    :param focused: class ids (H, W), of the same type.
    :param class_ids: the classes, each of them once.
    :param probability: (len(class_ids), h, w), of the classes on a grid over the image, or the
        logits that they follow from.
    :param min_area: smallest component in pixels that is returned.
    """
    find = _compiled().find_components if _compiled() else _find_by_opencv
    return find(base, focused, class_ids, probability, min_area)


@cache
def _compiled() -> ModuleType | None:
    try:
        from aim_ros.hazards import components_cpu
    except ImportError as error:
        _logger.warning(
            'alerts take several times longer: numba can not be used (%s); install it, or a '
            'version that fits', error)
        return None
    return components_cpu


def _find_by_opencv(
    base: np.ndarray,
    focused: np.ndarray,
    class_ids: tuple[int, ...],
    probability: np.ndarray | Softmax,
    min_area: int,
) -> Components:
    if isinstance(probability, Softmax):
        probability = probability.of(class_ids)
    grid_rows = np.arange(base.shape[0]) * probability.shape[1] // base.shape[0]
    grid_columns = np.arange(base.shape[1]) * probability.shape[2] // base.shape[1]
    found = []
    for k, class_id in enumerate(class_ids):
        pixels = alerted_pixels(base, focused, class_id)
        _, component, stats, _ = cv2.connectedComponentsWithStats(
            pixels.view(np.uint8), connectivity=8)
        for label in range(1, len(stats)):
            x, y, width, height, area = stats[label].tolist()
            if area < min_area:
                continue
            rows, columns = np.nonzero(component[y:y + height, x:x + width] == label)
            rows, columns = rows + y, columns + x
            confidence = probability[k, grid_rows[rows], grid_columns[columns]].mean()
            turned = (base[rows, columns] != class_id).mean()
            first = y, columns[rows == y].min()
            found.append((k, first, (x, y, width, height), area, confidence, turned))
    # As the compiled search finds them: new tracks are numbered in this order.
    found.sort(key=itemgetter(0, 1))
    index, _, box, area, confidence, turned = zip(*found, strict=True) if found else ((),) * 6
    return Components(
        np.array(index, int), np.array(box, int).reshape(-1, 4), np.array(area, int),
        np.array(confidence, float), np.array(turned, float))
