"""What is asked of a connected component: the types that its searches share."""

from typing import NamedTuple

import numpy as np

MAX_PARTS = 8
"""A component's pixels are counted by class, for this many classes of its group at most."""


class ClassGroups(NamedTuple):
    """
    Which classes belong together, as a search needs it.

    :param group_of_class: int16 (classes,), the group of each class id of the model, -1 for none.
    :param part_of_class: int16 (classes,), which part of its group a class is,
        0 .. `MAX_PARTS` - 1.
    :param count: the number of groups.
    """

    group_of_class: np.ndarray
    part_of_class: np.ndarray
    count: int


class Scores(NamedTuple):
    """
    How sure the unmodulated model is of each group, on the grid of its logits.

    :param probability: float32 (groups, h, w), 0..1, the sum over the group's classes; NaN where
        it is still to be computed from `logits`.
    :param margin: float32 (groups, h, w), the group's largest logit less the largest of all other
        classes, divided by the temperature; NaN where `probability` is.
    :param logits: float32 (C, h, w), or of no class where nothing is left to compute.
    :param temperature: of the softmax, > 0.
    """

    probability: np.ndarray
    margin: np.ndarray
    logits: np.ndarray
    temperature: float = 1.0

    @classmethod
    def lazy(cls, logits: np.ndarray, groups: int, temperature: float = 1.0) -> 'Scores':
        """Return scores that a search computes only where it finds a component."""
        empty = np.full((2, groups, *logits.shape[1:]), np.nan, np.float32)
        return cls(empty[0], empty[1], np.ascontiguousarray(logits, np.float32), temperature)

    def of(self, positions: tuple[int, ...]) -> 'Scores':
        """Return the scores of some of the groups; a view where those are all."""
        if positions == tuple(range(len(self.probability))):
            return self
        chosen = list(positions)
        return self._replace(probability=self.probability[chosen], margin=self.margin[chosen])

    def computed(self, groups: ClassGroups) -> 'Scores':
        """Return the same scores with nothing left to compute."""
        if not len(self.logits):
            return self
        scaled = self.logits / np.float32(self.temperature)
        weights = np.exp(scaled - scaled.max(0))
        weights /= weights.sum(0)
        probability, margin = np.empty_like(self.probability), np.empty_like(self.margin)
        for group in range(groups.count):
            inside = groups.group_of_class[:len(self.logits)] == group
            probability[group] = weights[inside].sum(0)
            rest = scaled[~inside].max(0) if not inside.all() else scaled.min(0)
            margin[group] = scaled[inside].max(0) - rest
        return Scores(probability, margin, self.logits[:0], self.temperature)


class Components(NamedTuple):
    """
    The components of one frame, by group and then as they lie in the image.

    :param group: int (n,).
    :param box: x, y, width and height, int (n, 4).
    :param area: pixels, int (n,).
    :param parts: pixels of each part of the group, int (n, `MAX_PARTS`).
    :param perimeter: edges of pixels that the component does not share with itself, int (n,).
    :param turned: pixels that only the second decision gives to the group, int (n,).
    :param probability: mean probability of the group, float (n,).
    :param margin: mean margin of the group, in logits, float (n,).
    """

    group: np.ndarray
    box: np.ndarray
    area: np.ndarray
    parts: np.ndarray
    perimeter: np.ndarray
    turned: np.ndarray
    probability: np.ndarray
    margin: np.ndarray

    def of(self, chosen: np.ndarray) -> 'Components':
        """Return some of them, chosen by an index or a mask."""
        return Components(*(values[chosen] for values in self))
