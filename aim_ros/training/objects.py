"""Which road users a network finds: by their size in the image and by their distance."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
import math

import cv2
import numpy as np
from rich.table import Table
import torch

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.training.labels import IDS
from aim_ros.training.labels import NAMES

# KITTI's left colour camera as published for most recording days, 1.65 m above the road.
KITTI = GroundCamera(fx=721.54, fy=721.54, cx=609.56, cy=172.85, height=1.65)
CLASSES = tuple(IDS[name] for name in ('person', 'rider', 'bicycle', 'car'))
HEIGHTS = (20, 40, 80)  # pixels of the image
DISTANCES = (10, 20, 40)  # metres


@dataclass
class Share:
    """Objects of one kind, those of which half was found, their pixels, and the found ones."""

    objects: int = 0
    found_objects: int = 0
    pixels: int = 0
    found_pixels: int = 0

    def add(self, pixels: int, found: int) -> None:
        """Count one object."""
        self.objects += 1
        self.found_objects += 2 * found >= pixels
        self.pixels += pixels
        self.found_pixels += found


class ObjectFigures:
    """
    How many of the labels' objects are found, by height in pixels and by distance.

    An object is a connected region of one class of at least `least_area` pixels: parts behind a
    pole count by themselves, people in a group as one. Its distance is that of flat ground at its
    lower edge, so where its feet are hidden it seems too far away.

    :param classes: ids of the classes looked at.
    :param camera: of the images.
    """

    def __init__(self, classes: Sequence[int] = CLASSES, camera: GroundCamera = KITTI, *,
                 least_area: int = 30):
        self.classes, self.camera, self.least_area = tuple(classes), camera, least_area
        self.by_height = {c: [Share() for _ in range(len(HEIGHTS) + 1)] for c in classes}
        self.by_distance = {c: [Share() for _ in range(len(DISTANCES) + 1)] for c in classes}

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add a frame: `logits` (C, H, W), `labels` (H, W), 255 for none."""
        decided, labels = logits.argmax(0).cpu().numpy(), labels.cpu().numpy()
        for wanted in self.classes:
            found = decided == wanted
            mask = (labels == wanted).astype(np.uint8)
            count, regions, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            for index in range(1, count):
                x, y, width, height, area = (int(v) for v in boxes[index])
                if area < self.least_area:
                    continue
                window = np.s_[y:y + height, x:x + width]
                hit = int((found[window] & (regions[window] == index)).sum())
                distance = self.camera.distance(y + height)
                self.by_height[wanted][np.digitize(height, HEIGHTS)].add(area, hit)
                self.by_distance[wanted][np.digitize(distance, DISTANCES)].add(area, hit)

    def as_dict(self) -> dict:
        """Return all counts as plain data: kind, class, bin."""
        return {
            kind: {NAMES[c]: {name: vars(share) for name, share in zip(names, shares, strict=True)}
                   for c, shares in groups.items()}
            for kind, names, groups in self._kinds()}

    def table(self, title: str) -> Table:
        """Return the counts as a table for the terminal."""
        result = Table(title=title, caption='objects found by half of their pixels / objects, '
                                            'and the share of the pixels found')
        result.add_column('class')
        for _, names, _ in self._kinds():
            for name in names:
                result.add_column(name, justify='right')
        for wanted in self.classes:
            cells = [_cell(share) for _, _, groups in self._kinds() for share in groups[wanted]]
            result.add_row(NAMES[wanted], *cells)
        return result

    def _kinds(self) -> Sequence[tuple[str, Sequence[str], Mapping[int, Sequence[Share]]]]:
        return (('height', _bins(HEIGHTS, 'px'), self.by_height),
                ('distance', _bins(DISTANCES, 'm'), self.by_distance))


def _bins(edges, unit):
    edges = (0, *edges, math.inf)
    return [f'{low}-{high} {unit}' if math.isfinite(high) else f'from {low} {unit}'
            for low, high in pairwise(edges)]


def _cell(share):
    if not share.objects:
        return '-'
    return (f'{share.found_objects}/{share.objects} '
            f'{share.found_pixels / share.pixels:.2f}')
