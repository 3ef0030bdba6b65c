"""Means over repeated draws, and how far they can be trusted."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t


@dataclass(frozen=True)
class Interval:
    """
    A mean and its confidence interval, arrays of one shape.

    :param mean: the sample mean.
    :param low: lower end of the interval; NaN where it is unknown.
    :param high: upper end, likewise.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def half_width(self) -> np.ndarray:
        """Half the interval's width; NaN where it is unknown."""
        return (self.high - self.low) / 2


def mean_interval(samples: np.ndarray, *, axis: int = 0, confidence: float = 0.95) -> Interval:
    """
    Return the mean over `axis` and its confidence interval by Student's t.

    The interval is ``mean +- t * s / sqrt(n)``, ``s`` the sample standard deviation and ``t`` the
    quantile for ``n - 1`` degrees of freedom. One sample has a mean and an unknown interval.

    :param samples: any shape; `axis` runs over the repetitions.
    :param confidence: of the interval, between 0 and 1.
    :raises ValueError: there are no samples, or `confidence` is out of range.
    """
    samples = np.asarray(samples, float)
    count = samples.shape[axis]
    if count < 1:
        raise ValueError('a mean needs at least one sample; got none')
    if not 0 < confidence < 1:
        raise ValueError(f'confidence must be between 0 and 1; got {confidence}')
    mean = samples.mean(axis)
    if count == 1:
        unknown = np.full_like(mean, np.nan)
        return Interval(mean, unknown, unknown)
    quantile = student_t.ppf((1 + confidence) / 2, count - 1)
    margin = quantile * samples.std(axis, ddof=1) / np.sqrt(count)
    return Interval(mean, mean - margin, mean + margin)
