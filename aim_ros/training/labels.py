"""Cityscapes train ids, and what CamVid's eleven classes say about them."""

from collections.abc import Sequence

import cv2
import numpy as np

from aim_ros.segmentation.labels import CITYSCAPES

IGNORE = 255

NAMES = CITYSCAPES.names
IDS = {name: index for index, name in enumerate(NAMES)}

# CamVid class id: (what a disagreeing pixel becomes, the computed classes that refine it).
# A human label holds where it is unambiguous; where CamVid's class covers several of
# Cityscapes' (a bicyclist is a rider and a bicycle), the computed label chooses between them.
_CAMVID = {
    0: ('sky', ('sky', 'vegetation')),  # CamVid paints bare branches as sky
    1: ('building', ('building', 'wall')),
    2: ('pole', ('pole',)),
    3: ('road', ('road',)),
    4: ('sidewalk', ('sidewalk', 'terrain')),
    5: ('vegetation', ('vegetation', 'terrain')),
    6: (None, ('traffic light', 'traffic sign')),  # shop signs are in this class too
    7: (None, ('fence', 'wall')),
    8: ('car', ('car', 'truck', 'bus', 'train')),
    9: ('person', ('person', 'rider')),
    10: (None, ('rider', 'bicycle', 'motorcycle')),
}
_CAMVID_UNLABELLED = 11


def _camvid_table():
    table = np.empty((12, 256), np.uint8)
    for camvid, (default, refined) in _CAMVID.items():
        table[camvid] = IGNORE if default is None else IDS[default]
        for name in refined:
            table[camvid, IDS[name]] = IDS[name]
    table[10, IDS['person']] = IDS['rider']
    table[_CAMVID_UNLABELLED] = np.arange(256)
    return table


CAMVID_TABLE = _camvid_table()


def combine_camvid(human: np.ndarray, computed: np.ndarray) -> np.ndarray:
    """
    Return Cityscapes train ids from CamVid's human labels, refined by computed ones.

    `human` holds CamVid's 11 classes and 11 for unlabelled, `computed` Cityscapes train ids and
    255; both are (H, W) uint8. Where CamVid has no label the computed one stands.
    """
    if human.shape != computed.shape:
        raise ValueError(f'labels of one image differ in shape: {human.shape}, {computed.shape}')
    if human.max(initial=0) > _CAMVID_UNLABELLED:
        raise ValueError(f'CamVid class {human.max()}: the classes are 0..{_CAMVID_UNLABELLED}')
    return CAMVID_TABLE[human, computed]


def among(labels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Return a mask, uint8: 1 where `labels` (H, W) uint8 are one of `classes`."""
    # `np.isin` of a whole image takes ten times as long as of the 256 labels and a table.
    return cv2.LUT(labels, np.isin(np.arange(256), classes).astype(np.uint8))
