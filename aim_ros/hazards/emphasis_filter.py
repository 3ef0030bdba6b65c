"""Which regions that only the modulation finds are road users: a logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass
import math

from aim_ros.hazards.boxes import Box
from aim_ros.hazards.regions import Region

MEASURES = (
    'probability', 'margin', 'log_area', 'log_aspect', 'boundary', 'fullness', 'row', 'log_height',
    'modulated_share', 'neutral_distance', 'people_share', 'wheels_share')
"""
The measures of a region that its filter weighs, after Rottmann et al. (MetaSeg, 1811.00648).

Mean probability and margin (logits) of its group; logarithm of its area (of the image's) and of
its width over its height; its perimeter, that of a square of its area being 1; the share of its
box that it fills; the row of its foot and the logarithm of its height (of the image's); the share
of its pixels that only the modulation turned; the distance to the nearest neutral road user in
its own heights, at most `_FAR`; the shares of people and of wheels.
"""

_FAR = 5.0


def measures(region: Region, size: tuple[int, int], neutral: Sequence[Box]) -> list[float]:
    """
    Return the `MEASURES` of a region.

    :param size: (height, width) of the image.
    :param neutral: the boxes of all neutral road users in it.
    """
    _, y, width, height = region.box
    total = max(sum(region.parts), 1)
    return [
        region.confidence, region.margin, math.log(region.area / (size[0] * size[1])),
        math.log(width / height), region.perimeter / (4 * math.sqrt(region.area)),
        region.area / (width * height), (y + height) / size[0], math.log(height / size[0]),
        region.modulated_share,
        min((_gap(region.box, box) / height for box in neutral), default=_FAR),
        region.parts[0] / total, sum(region.parts[2:4]) / total]


def _gap(one: Box, other: Box) -> float:
    across = max(one[0], other[0]) - min(one[0] + one[2], other[0] + other[2])
    down = max(one[1], other[1]) - min(one[1] + one[3], other[1] + other[3])
    return min(math.hypot(max(across, 0), max(down, 0)), _FAR * one[3])


@dataclass(frozen=True)
class EmphasisFilter:
    """
    A fitted filter; it belongs to one model.

    :param weights: one for each of `MEASURES`, on values as they are.
    :param bias: added to the weighted sum.
    :param threshold: probability of a road user, 0..1, below which a region counts for nothing.
    :param model: sha256 of the model that it was fitted for, in hexadecimal digits.
    """

    weights: tuple[float, ...]
    bias: float
    threshold: float
    model: str

    def __post_init__(self):
        if len(self.weights) != len(MEASURES):
            raise ValueError(
                f'a filter has {len(MEASURES)} weights ({", ".join(MEASURES)}), '
                f'got {len(self.weights)}')
        if not all(map(math.isfinite, (*self.weights, self.bias))):
            raise ValueError('the weights and the bias of a filter must be finite')
        if not 0 < self.threshold < 1:
            raise ValueError(f'threshold must be between 0 and 1, got {self.threshold}')

    def probability(self, values: Sequence[float]) -> float:
        """Return how probable it is that measures are those of a road user, 0..1."""
        score = self.bias + sum(w * v for w, v in zip(self.weights, values, strict=True))
        return 1 / (1 + math.exp(-min(max(score, -50.0), 50.0)))

    def weight(self, values: Sequence[float]) -> float:
        """Return the share of its time for which a region with these measures counts, 0..1."""
        return 1.0 if self.probability(values) >= self.threshold else 0.0
