"""Pictures of what a modulation does to an image."""

from collections.abc import Mapping

import cv2
import numpy as np
import torch

from aim_ros.decoding.decode import decode
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import Modulation
from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.perception.overlay import write
from aim_ros.segmentation.labels import LabelSet


def draw_modulations(
    frame: Frame, logits: np.ndarray, labels: LabelSet, modulations: Mapping[str, Modulation],
    key: int,
) -> np.ndarray:
    """
    Return the masks of several modulations over an image, below each other, the neutral one first.

    What differs from the unmodulated mask has a white edge.

    :param logits: float32 (C, h, w).
    :param modulations: by what is written into each picture.
    :param key: of the noise.
    :return: RGB uint8 ((1 + modulations) * H, W, 3).
    """
    annotator, pictures = OverlayAnnotator(labels), []
    for name, modulation in {'unmodulated': Modulation(), **modulations}.items():
        decoded = decode(torch.from_numpy(logits), frame.size, modulation, key=key)
        picture = annotator.annotate(frame.rgb(), decoded.mask.numpy())
        changed = (decoded.mask != decoded.base).numpy().view(np.uint8)
        picture[changed > cv2.erode(changed, np.ones((3, 3)))] = 255
        write(picture, f'{name}: {decoded.changed_share:.1%} of the pixels changed', (6, 18))
        pictures.append(picture)
    return np.concatenate(pictures)
