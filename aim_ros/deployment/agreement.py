"""How far an engine decides as the reference does, class by class."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.segmenter import Segmenter

REQUIRED = 0.999
"""The share of a class's pixels on which an engine must agree with the reference."""


@dataclass(frozen=True)
class Agreement:
    """
    What two networks decided for the same frames, at the frames' resolution.

    :param reference: the engine that is compared with, in words.
    :param there: by class name, pixels that the reference gives to the class.
    :param both: by class name, pixels that both of them give to it.
    :param pixels: of all frames.
    :param same: pixels of one class in both.
    :param largest: largest difference of two logits.
    """

    reference: str
    there: dict[str, int]
    both: dict[str, int]
    pixels: int
    same: int
    largest: float

    def share(self, name: str) -> float:
        """Return what share of the reference's pixels of a class are of it in both, 0..1."""
        return self.both[name] / self.there[name] if self.there[name] else 1.0

    def failing(self, names: Iterable[str] | None = None) -> list[str]:
        """
        Return the classes of `names`, or of all, on which both agree too rarely.

        One pixel may always differ: of a class of few pixels it says nothing.
        """
        return [name for name in (self.there if names is None else names)
                if self.share(name) < REQUIRED and self.there[name] - self.both[name] > 1]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data that `Agreement` takes as keywords."""
        return dict(vars(self))

    def table(self) -> str:
        """Return a line for each class that was seen, the least agreement first."""
        seen = sorted((name for name, count in self.there.items() if count), key=self.share)
        width = max(len(name) for name in seen)
        return '\n'.join(
            f'{name:{width}}  {self.share(name):9.4%}  of {self.there[name]} pixels'
            for name in seen)


@torch.inference_mode()
def compare(ours: Segmenter, reference: Segmenter, frames: Iterable[Frame]) -> Agreement:
    """
    Compare the decisions of two segmenters of the same classes, frame by frame.

    :raises ModelError: one of them does not take the frames.
    """
    count = len(ours.labels)
    there, both = np.zeros(count, np.int64), np.zeros(count, np.int64)
    pixels, largest = 0, 0.0
    for frame in frames:
        pair = [segmenter.forward(segmenter.preprocess([frame])).cpu()
                for segmenter in (ours, reference)]
        largest = max(largest, float((pair[0] - pair[1]).abs().max()))
        mine, theirs = (
            interpolate(logits, size=frame.size, mode='bilinear', align_corners=False
                        )[0].argmax(0).numpy().ravel() for logits in pair)
        both += np.bincount(mine[mine == theirs], minlength=count)
        there += np.bincount(theirs, minlength=count)
        pixels += mine.size
    names = unique_names(ours)
    return Agreement(
        f'{reference.engine} {reference.precision}',
        dict(zip(names, there.tolist(), strict=True)),
        dict(zip(names, both.tolist(), strict=True)), pixels, int(both.sum()), largest)


def unique_names(segmenter: Segmenter) -> list[str]:
    """Return the classes' names, with the id behind those that another class has too."""
    names = segmenter.labels.names
    return [name if names.count(name) == 1 else f'{name} ({index})'
            for index, name in enumerate(names)]
