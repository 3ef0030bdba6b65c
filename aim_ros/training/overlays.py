"""Masks drawn over images, to be looked at."""

from pathlib import Path

import numpy as np
from PIL import Image

from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.segmentation.labels import LabelSet
from aim_ros.training.data import Frame
from aim_ros.training.labels import NAMES
from aim_ros.training.metrics import label_logits


def draw(model, processor, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the image (H, W, 3) with the model's mask over it, at the image's size."""
    frame = Frame('', image, np.zeros(image.shape[:2], np.uint8))
    mask = label_logits(model, processor, frame, size).argmax(0).cpu().numpy()
    return OverlayAnnotator(LabelSet(NAMES)).annotate(image, mask)


def draw_file(model, processor, path: str | Path, target: str | Path,
              size: tuple[int, int]) -> None:
    """Read an image, draw the model's mask over it and write the picture."""
    image = np.array(Image.open(path).convert('RGB'))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(model, processor, image, size)).save(target)
