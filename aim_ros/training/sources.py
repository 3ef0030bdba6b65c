"""Frames with their labels, and sources of such frames, as all of training takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aim_ros.training.config import SourceConfig


@dataclass(frozen=True)
class LabelledFrame:
    """
    One image, (H, W, 3) uint8 rgb, and its labels, (H, W) uint8 train ids.

    `wanted` are the teacher's probabilities, (h, w, 19) float16 on a grid over the whole image.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    wanted: np.ndarray | None = None


@dataclass(frozen=True)
class Source:
    """Frames that share one origin and so one weight, scale range and horizon."""

    settings: SourceConfig
    frames: tuple[LabelledFrame, ...]


def shares_of(sources: Sequence[Source]) -> np.ndarray:
    """Return each source's share of the crops, which sum to 1."""
    shares = np.array([source.settings.share for source in sources], float)
    return shares / shares.sum()
