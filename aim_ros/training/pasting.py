"""People, two-wheelers and large vehicles, cut out of some frames and pasted into others."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from aim_ros.training.config import AugmentConfig
from aim_ros.training.labels import among
from aim_ros.training.labels import IDS
from aim_ros.training.labels import IGNORE
from aim_ros.training.sources import Source

GROUND = (IDS['road'], IDS['sidewalk'], IDS['terrain'])

PERSON_FEET = (0.75, 1.1)
"""How far below the horizon people's feet are, in shares of their height.

A camera at the height of a person's head sees every head on flat ground at the horizon.
"""

VEHICLE_FEET = (0.4, 0.66)
"""The same of trucks, buses and trams, which are 2.5 to 4 m high."""

_TWO_WHEELERS = (IDS['rider'], IDS['motorcycle'], IDS['bicycle'])


@dataclass(frozen=True)
class Instance:
    """A person, a rider with its two-wheeler or a vehicle, cut out of a frame; 255 around it."""

    image: np.ndarray
    labels: np.ndarray


def cut_instances(source: Source, classes: tuple[int, ...], *, least_height: int = 28,
                  least_area: int = 250, least_fill: float = 0.0) -> list[Instance]:
    """
    Cut connected regions of `classes` out of a source's frames.

    A rider and its two-wheeler are one instance; any other class is one by itself. Left are
    regions that touch the image's border, are smaller than `least_height` rows or `least_area`
    pixels, fill less than `least_fill` of their box, or are wider than 2.5 times their height.
    """
    groups = [tuple(c for c in classes if c in _TWO_WHEELERS)]
    groups += [(c,) for c in classes if c not in _TWO_WHEELERS]
    groups = tuple(filter(None, groups))

    def cut(frame):
        return list(_cut(frame, groups, least_height, least_area, least_fill))

    with ThreadPoolExecutor() as pool:
        return [instance for found in pool.map(cut, source.frames) for instance in found]


def cut_people(sources: Iterable[Source], settings: AugmentConfig) -> list[Instance]:
    """Cut people and two-wheelers out of all frames but the rendered street's."""
    return [instance for source in sources if source.settings.name != 'street'
            for instance in cut_instances(source, settings.paste_classes)]


def cut_vehicles(sources: Iterable[Source], settings: AugmentConfig) -> list[Instance]:
    """Cut large vehicles out of the frames that a human labelled."""
    return [instance for source in sources
            if source.settings.name != 'street' and source.settings.labels
            for instance in cut_instances(source, settings.vehicle_classes, least_fill=0.5)]


def _cut(frame, groups, least_height, least_area, least_fill):
    """Yield the instances of one frame, class after class."""
    for group in groups:
        mask = among(frame.labels, group)
        if not mask.any():
            continue
        _, regions, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        for index, (x, y, width, height, area) in enumerate(boxes):
            inside = x > 0 and y > 0
            inside &= x + width < mask.shape[1] and y + height < mask.shape[0]
            tall = least_height <= height and width < 2.5 * height
            small = area < max(least_area, least_fill * width * height)
            if index == 0 or not inside or not tall or small:
                continue
            window = np.s_[y - 1:y + height + 1, x - 1:x + width + 1]
            labels = np.where(regions[window] == index, frame.labels[window], IGNORE)
            yield Instance(frame.image[window].copy(), labels.astype(np.uint8))


def paste(image: np.ndarray, labels: np.ndarray, instance: Instance, *, height: float,
          foot: int, column: int, gain: float, flip: bool) -> None:
    """
    Paste an instance in place, scaled to `height` rows, its foot at (`foot`, `column`).

    `gain` multiplies its brightness. Parts outside the image are cut off.
    """
    scale = height / instance.labels.shape[0]
    size = tuple(max(2, round(scale * s)) for s in instance.labels.shape[::-1])
    solid = (instance.labels != IGNORE).astype(np.float32)
    filtering = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    patch = cv2.resize(instance.image, size, interpolation=filtering).astype(np.float32)
    alpha = cv2.resize(solid, size, interpolation=filtering)
    ids = cv2.resize(instance.labels, size, interpolation=cv2.INTER_NEAREST)
    if flip:
        patch, alpha, ids = patch[:, ::-1], alpha[:, ::-1], ids[:, ::-1]
    top, left = foot - size[1], column - size[0] // 2
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + size[1], labels.shape[0]), min(left + size[0], labels.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    inner = np.s_[y0 - top:y1 - top, x0 - left:x1 - left]
    alpha, ids = alpha[inner][..., None], ids[inner]
    region = image[y0:y1, x0:x1]
    mixed = alpha * np.clip(gain * patch[inner], 0, 255) + (1 - alpha) * region
    region[...] = np.rint(mixed).astype(np.uint8)
    target = labels[y0:y1, x0:x1]
    shown = (ids != IGNORE) & (alpha[..., 0] >= 0.5)
    target[shown] = ids[shown]
