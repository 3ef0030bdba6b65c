"""The numerical integrals behind the theory's exact values."""

from collections.abc import Callable
from functools import cache
import math

import numpy as np
import torch
from torch import Tensor

REACH = 9.0
"""Integrals run over so many standard deviations to both sides; 2e-19 of the mass is beyond."""

# Chebyshev nodes on that interval: with 96 the chain's error reaches 4e-13 for some logits, with
# 128 only rounding is left.
_NODES = 128

# Rows of logits that are worked on together, to stay in a processor's cache.
_ROWS = 256


def in_parts(function: Callable[[Tensor], Tensor], rows: Tensor, *, dim: int) -> Tensor:
    """Apply a function that gives one value a row, `_ROWS` rows of the dimension `dim` at once."""
    return torch.cat([function(some) for some in rows.split(_ROWS, dim=dim)])


def normal_density(x: Tensor) -> Tensor:
    """Return the standard normal density."""
    return torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)


def on_top_probability(gaps: Tensor) -> Tensor:
    """
    Probability that one noisy logit is above all others.

    The integral of `phi(z) prod_j Phi(z + gap_j)` over `z`.

    :param gaps: float64 tensor `(..., N)`, by how much it is above each other without noise, in
        units of sigma; negative where it is below, infinite where there is no rival.
    :return: float64 tensor `(...)` in [0, 1].

    Example:
        >>> on_top_probability(torch.zeros(3, dtype=torch.float64))
        tensor(0.2500, dtype=torch.float64)
    """
    kept = gaps.new_zeros(gaps.shape[:-1])
    # The trapezoid rule converges faster than any power of the step on such an integrand, and
    # node by node it needs no memory beyond that of the logits.
    step = 0.1
    nodes = torch.arange(-REACH, REACH + step / 2, step, dtype=torch.float64)
    for node, density in zip(nodes.tolist(), normal_density(nodes).tolist(), strict=True):
        all_below = torch.special.log_ndtr(gaps + node).sum(dim=-1).exp()
        kept += step * density * all_below
    return kept.clamp(max=1)


def ascending_probability(gaps: Tensor) -> Tensor:
    """
    Return P(Y_1 < ... < Y_n) for unit normals whose means are `gaps` `(B, n - 1)` apart.

    Each step knows `F_(k-1)` as a Chebyshev series around its own mean, reads it off at the nodes
    around the next mean, and integrates. A node beyond the series' interval lies above it, since
    gaps are not negative, and `F` is flat there.
    """
    nodes, integrate = _integrator(gaps.device)
    density = normal_density(nodes)
    series = (density @ integrate.T).expand(len(gaps), -1)
    for gap in gaps.unbind(dim=-1):
        points = ((nodes + gap[:, None]) / REACH).clamp(max=1)
        series = (_evaluate(series, points) * density) @ integrate.T
    # Every Chebyshev polynomial is 1 at the upper end.
    return series.sum(dim=-1).clamp(0, 1)


def _integrator(device: torch.device) -> tuple[Tensor, Tensor]:
    """
    Return nodes `(N,)` on [-reach, reach] and a matrix `(N + 1, N)`.

    The matrix takes a function's values at the nodes to the Chebyshev coefficients of its
    integral from -reach.
    """
    degrees = torch.arange(_NODES + 2, dtype=torch.float64, device=device)[:, None]
    angles = math.pi * (degrees[:_NODES, 0] + 0.5) / _NODES
    # Degree 0 counts twice in the integral, so that it needs no halving; N and above are absent.
    coefficients = 2 / _NODES * torch.cos(degrees * angles) * (degrees < _NODES)
    integral = REACH * (coefficients[:-2] - coefficients[2:]) / (2 * degrees[1:-1])
    # The constant makes the integral 0 at the lower end, where T_k is (-1)**k.
    constant = -((-1) ** degrees[1:-1] * integral).sum(dim=0, keepdim=True)
    return REACH * torch.cos(angles), torch.cat([constant, integral])


def _evaluate(series: Tensor, points: Tensor) -> Tensor:
    """Return Chebyshev series `(B, K)` at points `(B, N)` in [-1, 1], by Clenshaw's recurrence."""
    twice = 2 * points
    b1 = b2 = torch.zeros_like(points)
    for coefficient in series[:, 1:].flip(dims=[-1]).unbind(dim=-1):
        b1, b2 = torch.addcmul(coefficient[:, None] - b2, twice, b1), b1
    return series[:, :1] + points * b1 - b2


@cache
def gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Return the nodes and weights `(count,)` of Gauss's rule on [0, 1], float64."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
