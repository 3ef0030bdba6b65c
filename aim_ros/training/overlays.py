"""Masks drawn over images, to be looked at."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
import torch

from aim_ros.perception.overlay import OverlayAnnotator
from aim_ros.segmentation.labels import LabelSet
from aim_ros.training.labels import NAMES
from aim_ros.training.sources import LabelledFrame


def draw(predict: Callable[[LabelledFrame], torch.Tensor], image: np.ndarray) -> np.ndarray:
    """Return the image (H, W, 3) with a model's mask over it; see `metrics.predictor`."""
    frame = LabelledFrame('', image, np.zeros(image.shape[:2], np.uint8))
    with torch.inference_mode():
        mask = predict(frame).argmax(0).cpu().numpy()
    return OverlayAnnotator(LabelSet(NAMES)).annotate(image, mask)


def draw_file(predict: Callable[[LabelledFrame], torch.Tensor], path: str | Path,
              target: str | Path) -> None:
    """Read an image, draw a model's mask over it and write the picture."""
    image = np.array(Image.open(path).convert('RGB'))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(predict, image)).save(target)
