"""How modulation changes decisions: the paper's theorems, and exact values beside them.

The theorems are those of "AI Model Modulation with Logits Redistribution". Throughout, every
logit (or, for Theorem 3, the target's alone) receives noise of standard deviation `sigma`, and
all results are float64. `sigma` may be 0, which changes nothing, and infinite, where the limit is
returned.
"""

from collections.abc import Mapping
from functools import cache
import math

import torch
from torch import Tensor

from aim_ros.modulation._checks import check_logits
from aim_ros.modulation._checks import check_sigma
from aim_ros.modulation._checks import check_signs

METHODS = ('product', 'exact')
"""Ways to compute the probability that the order is kept."""

# Numerical integrals run over this many standard deviations to both sides: what is left out has
# a probability of 2e-19.
_REACH = 9.0

# Chebyshev nodes on that interval: with 96 the chain's error reaches 4e-13 for some logits, with
# 128 only rounding is left.
_NODES = 128

# Rows of logits that the chain takes through its steps together, to stay in a processor's cache.
_ROWS = 256


def order_preserved_probability(
    logits: Tensor, sigma: float, *, method: str = 'product'
) -> Tensor:
    """Probability that utility noise leaves the order of all classes as it was.

    'product' is Theorem 1: `prod_i Phi(gap_i / (sqrt(2) sigma))` over neighbours in the order. Its
    proof takes the neighbours' differences for independent, but two adjacent differences share a
    noise term with opposite signs, so the product is too large for three classes or more.

    'exact' integrates the noisy logits, which are independent, one after the other: with the
    means in ascending order and `F_0 = 1`, `F_k(y)` is the integral of `F_(k-1) phi_k` up to `y`,
    and the probability is `F_n(inf)`. Its absolute error is below 1e-12 for up to 1,000 classes;
    values smaller than that mean only "almost never".

    Args:
        logits: floating-point tensor `(..., C)`, finite.
        sigma: standard deviation, 0 or larger, in units of the logits.
        method: 'product' or 'exact'.

    Returns:
        float64 tensor `(...)` in [0, 1]. 1 at sigma 0, ties included, since nothing moves; for a
        sigma just above 0, `k` tied classes keep the order that they happened to be sorted in
        with 1/k! ('exact') or 1/2**(k - 1) ('product'). For sigma to infinity, 1/C! or
        1/2**(C - 1).

    Raises:
        TypeError: `logits` is not a floating-point tensor, or `sigma` is not a number.
        ValueError: `logits` is not finite or has no class, `sigma` is negative or NaN, or
            `method` is unknown.

    Example:
        >>> logits = torch.arange(6) / 2.0
        >>> round(order_preserved_probability(logits, 1.0).item(), 3)
        0.106
        >>> round(order_preserved_probability(logits, 1.0, method='exact').item(), 3)
        0.033

    """
    if method not in METHODS:
        choices = ', '.join(map(repr, METHODS))
        raise ValueError(f'unknown method {method!r}; choices: {choices}')
    sigma = check_sigma(sigma, infinite=True)
    gaps = _neighbour_gaps(logits)
    if sigma == 0:
        return gaps.new_ones(gaps.shape[:-1])
    if method == 'product':
        return torch.special.ndtr(gaps / (math.sqrt(2) * sigma)).prod(dim=-1)
    rows = (gaps[None] / sigma).flatten(end_dim=-2)
    chained = torch.cat([_chain(some) for some in rows.split(_ROWS)])
    return chained.reshape(gaps.shape[:-1])


def order_preserved_derivative(logits: Tensor, sigma: float) -> Tensor:
    """Theorem 2: derivative of Theorem 1's product in the variance `sigma**2`.

    With `x_i = gap_i / (sqrt(2) sigma)` it is
    `-prod_i Phi(x_i) * sum_i x_i phi(x_i) / Phi(x_i) / (2 sigma**2)`: never positive.

    Args:
        logits: floating-point tensor `(..., C)`, finite.
        sigma: standard deviation, 0 or larger, in units of the logits.

    Returns:
        float64 tensor `(...)`, per squared unit of the logits. 0, the limit, at sigma 0 and at
        infinity.

    Raises:
        TypeError: `logits` is not a floating-point tensor, or `sigma` is not a number.
        ValueError: `logits` is not finite or has no class, or `sigma` is negative or NaN.

    Example:
        >>> derivative = order_preserved_derivative(torch.tensor([0.0, 1.0]), 1.0)
        >>> round(derivative.item(), 4)  # -(1 / sqrt(2)) phi(1 / sqrt(2)) / 2
        -0.1098

    """
    sigma = check_sigma(sigma, infinite=True)
    gaps = _neighbour_gaps(logits)
    variance = sigma * sigma
    if variance == 0:
        return gaps.new_zeros(gaps.shape[:-1])
    # phi(40) is 0 in float64, and 0 is also the limit of x phi(x), which at infinity would be NaN.
    x = (gaps / (math.sqrt(2) * sigma)).clamp(max=40)
    below = torch.special.ndtr(x)
    return -below.prod(dim=-1) * (x * _density(x) / below).sum(dim=-1) / (2 * variance)


def top1_preserved_probability(logits: Tensor, sigma: float) -> Tensor:
    """Probability that utility noise leaves the arg max, all that a mask shows, as it was.

    The exact value: the integral of `phi(z) prod_j Phi(z + gap_j / sigma)` over `z`, with `gap_j`
    the distance of each other class to the top one.

    Args:
        logits: floating-point tensor `(..., C)`, finite.
        sigma: standard deviation, 0 or larger, in units of the logits.

    Returns:
        float64 tensor `(...)` in [0, 1]; relative error below 1e-12 for up to 1,000 classes and
        1e-10 for up to 50,000. 1 at sigma 0, ties included, since nothing moves; for a sigma just
        above 0, one of `k` classes that tie at the top stays there with 1/k. For sigma to
        infinity, 1/C.

    Raises:
        TypeError: `logits` is not a floating-point tensor, or `sigma` is not a number.
        ValueError: `logits` is not finite or has no class, or `sigma` is negative or NaN.

    Example:
        >>> top1_preserved_probability(torch.zeros(2, 4), 1.0)
        tensor([0.2500, 0.2500], dtype=torch.float64)

    """
    sigma = check_sigma(sigma, infinite=True)
    descending = _finite(logits).sort(dim=-1, descending=True).values
    if sigma == 0:
        return descending.new_ones(descending.shape[:-1])
    return on_top_probability((descending[..., :1] - descending[..., 1:]) / sigma)


def on_top_probability(gaps: Tensor) -> Tensor:
    """Probability that one noisy logit is above all others.

    The integral of `phi(z) prod_j Phi(z + gap_j)` over `z`.

    Args:
        gaps: float64 tensor `(..., N)`, by how much it is above each other without noise, in
            units of sigma; negative where it is below, infinite where there is no rival.

    Returns:
        float64 tensor `(...)` in [0, 1].

    Example:
        >>> on_top_probability(torch.zeros(3, dtype=torch.float64))
        tensor(0.2500, dtype=torch.float64)

    """
    kept = gaps.new_zeros(gaps.shape[:-1])
    # The trapezoid rule converges faster than any power of the step on such an integrand, and
    # node by node it needs no memory beyond that of the logits.
    step = 0.1
    nodes = torch.arange(-_REACH, _REACH + step / 2, step, dtype=torch.float64)
    for node, density in zip(nodes.tolist(), _density(nodes).tolist(), strict=True):
        all_below = torch.special.log_ndtr(gaps + node).sum(dim=-1).exp()
        kept += step * density * all_below
    return kept.clamp(max=1)


def stays_below_probability(gap: Tensor | float, sigma: float) -> Tensor:
    """Theorem 3: probability that a focus target stays below its reference class.

    `P(|e| < gap) = 2 Phi(gap / sigma) - 1`, for one target of sign +1 and a reference class that
    is not modulated.

    Args:
        gap: reference logit less target logit, finite; a number or a tensor of any shape.
        sigma: standard deviation, 0 or larger, in units of the logits.

    Returns:
        float64 tensor of the shape of `gap`, in [0, 1]: 0 for a gap of 0 or less at any sigma,
        since the target is not below to begin with; 1 for a positive gap at sigma 0; 0 for sigma
        to infinity.

    Raises:
        TypeError: `sigma` is not a number.
        ValueError: `gap` is not finite, or `sigma` is negative or NaN.

    Example:
        >>> round(stays_below_probability(1.96, 1.0).item(), 3)
        0.95

    """
    sigma = check_sigma(sigma, infinite=True)
    gap = torch.as_tensor(gap, dtype=torch.float64)
    if not torch.isfinite(gap).all():
        raise ValueError('gap must be finite; got NaN or infinity')
    if sigma == 0:
        return (gap > 0).to(torch.float64)
    return torch.erf(gap.clamp(min=0) / sigma / math.sqrt(2))


def focus_preserved_probability(
    logits: Tensor, signs: Mapping[int, int], sigma: float
) -> Tensor:
    """Probability that focus modulation's draws leave the arg max, all that a mask shows.

    The exact value for any number of targets of both signs. With the gaps `g_j` from the top
    class to the others in units of `sigma`, and `P(|e| < x) = 2 Phi(x) - 1` for `x > 0`, else 0:

    - The top class is no target: the product of `P(|e| < g_t)` over the targets of sign +1, which
      is Theorem 3 for each; those of sign -1 can not take it.
    - It is a target of sign +1, and moves up by `z = |e|`: the integral of `2 phi(z)` times the
      product of `P(|e| < g_t + z)` over the other targets of sign +1.
    - It is a target of sign -1, and moves down by `z`: the integral of `2 phi(z)` times the
      products of `P(|e| < g_t - z)` over the targets of sign +1 and of `P(|e| > z - g_t)` over the
      other ones of sign -1, as far as `z` reaches no class that is not modulated.

    Args:
        logits: floating-point tensor `(..., C)`, finite. Where several classes are largest, the
            one of the lowest index is the top class.
        signs: target class index to +1 (more attention) or -1 (less).
        sigma: standard deviation, 0 or larger, in units of the logits.

    Returns:
        float64 tensor `(...)` in [0, 1], with an absolute error below 1e-9. It never rises with
        `sigma`: a draw keeps the top class exactly if `sigma` times a number stays below each of
        the gaps. 1 at sigma 0, ties included, since nothing moves.

    Raises:
        TypeError: `logits` is not a floating-point tensor, or another argument is of a wrong type.
        ValueError: `logits` is not finite or has no class, or a class index, a sign or `sigma` is
            out of range.

    Example:
        >>> logits = torch.tensor([0.7, 0.0, -9.0])
        >>> round(1 - focus_preserved_probability(logits, {1: +1}, 1.0).item(), 3)
        0.484
        >>> round(1 - focus_preserved_probability(logits, {0: +1, 1: +1}, 1.0).item(), 3)
        0.193

    """
    sigma = check_sigma(sigma, infinite=True)
    logits = _finite(logits)
    signs = check_signs(signs, logits.shape[-1])
    if sigma == 0:
        return logits.new_ones(logits.shape[:-1])
    side = torch.zeros(logits.shape[-1], dtype=torch.int8, device=logits.device)
    for index, sign in signs.items():
        side[index] = sign
    rows = (logits / sigma).reshape(-1, logits.shape[-1]).T
    kept = torch.cat([_top1_kept(some, side) for some in rows.split(_ROWS, dim=1)])
    return kept.reshape(logits.shape[:-1])


def focus_target_preserved_probability(
    up: Tensor, down: Tensor, still: Tensor, sign: int, *, nodes: int = 24
) -> Tensor:
    """Probability that a top class that is itself a focus target stays on top.

    The one-dimensional integrals of `focus_preserved_probability`, from gaps: those from the top
    class to its rivals, in units of sigma, 0 or larger, infinite where there is none.

    Args:
        up: floating-point tensor `(P, B)`, the gaps to the other targets of sign +1.
        down: `(N, B)`, the gaps to the other targets of sign -1.
        still: `(B,)`, the gap to the largest class that is not modulated.
        sign: the top class's own, +1 or -1.
        nodes: of Gauss's rule, for each piece of the integral between two kinks; with 24 the
            error is below 1e-12, with 16 below 1e-7, with 12 below 1e-5, with 8 below 1e-3.

    Returns:
        Tensor `(B,)` in [0, 1] of the dtype and on the device of `still`.

    Example:
        >>> none, far = torch.empty(0, 1), torch.tensor([math.inf])
        >>> focus_target_preserved_probability(torch.tensor([[0.7]]), none, far, +1)
        tensor([0.8074])

    """
    end = torch.full_like(still, _REACH)
    pieces = [end]
    if sign < 0:
        # Beyond the first rival that does not fall with the top class, it is lost for sure.
        for gaps in (still[None], up):
            end = torch.minimum(end, gaps.amin(dim=0)) if len(gaps) else end
        # P(|e| > z - gap) has a kink at the gap; between kinks, Gauss's rule converges fast.
        pieces = [*torch.minimum(down, end).sort(dim=0).values, end]
    points, weights = _gauss_legendre(nodes)
    points, weights = (values.to(still)[:, None] for values in (points, weights))
    kept, start = torch.zeros_like(end), torch.zeros_like(end)
    for stop in pieces:
        z = start + points * (stop - start)
        density = (2 * weights) * (stop - start) * _density(z)
        for gaps in up:
            density *= torch.erf((gaps + sign * z).clamp_(min=0) * math.sqrt(0.5))
        for gaps in down if sign < 0 else ():
            density *= torch.erfc((z - gaps).clamp_(min=0) * math.sqrt(0.5))
        kept += density.sum(dim=0)
        start = stop
    return kept.clamp_(max=1)


def sigma_for_probability(gap: Tensor | float, probability: Tensor | float) -> Tensor:
    """Sigma at which Theorem 3 gives a wanted probability: inverse of `stays_below_probability`.

    Args:
        gap: reference logit less target logit, positive and finite; a number or a tensor.
        probability: that the target stays below, in [0, 1]; a number or a tensor whose shape
            broadcasts with that of `gap`.

    Returns:
        float64 tensor of the broadcast shape, in units of the logits: 0 for probability 1,
        infinite for probability 0.

    Raises:
        ValueError: `gap` or `probability` is out of range.

    Example:
        >>> sigma = sigma_for_probability(gap=2.0, probability=0.5).item()
        >>> round(sigma, 4)
        2.9652
        >>> round(stays_below_probability(2.0, sigma).item(), 4)
        0.5

    """
    gap = torch.as_tensor(gap, dtype=torch.float64)
    probability = torch.as_tensor(probability, dtype=torch.float64, device=gap.device)
    if not ((gap > 0) & torch.isfinite(gap)).all():
        raise ValueError(
            'gap must be positive and finite, since only a target that is below can stay below; '
            f'got {gap.min().item()} .. {gap.max().item()}'
        )
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError(
            'probability must be in 0 .. 1; '
            f'got {probability.min().item()} .. {probability.max().item()}'
        )
    return gap / (math.sqrt(2) * torch.erfinv(probability))


def _finite(logits: Tensor) -> Tensor:
    """Check logits of shape `(..., C)` and return them in float64."""
    check_logits(logits)
    if logits.shape[-1] == 0:
        raise ValueError(f'logits need at least one class; got shape {tuple(logits.shape)}')
    if not torch.isfinite(logits).all():
        raise ValueError('logits must be finite; got NaN or infinity')
    return logits.to(torch.float64)


def _neighbour_gaps(logits: Tensor) -> Tensor:
    """Return the distances `(..., C - 1)` between neighbours in the order of the classes."""
    return _finite(logits).sort(dim=-1).values.diff(dim=-1)


def _density(x: Tensor) -> Tensor:
    """Return the standard normal density."""
    return torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)


def _chain(gaps: Tensor) -> Tensor:
    """Return P(Y_1 < ... < Y_n) for unit normals whose means are `gaps` `(B, n - 1)` apart.

    Each step knows `F_(k-1)` as a Chebyshev series around its own mean, reads it off at the nodes
    around the next mean, and integrates. A node beyond the series' interval lies above it, since
    gaps are not negative, and `F` is flat there.
    """
    nodes, integrate = _integrator(gaps.device)
    density = _density(nodes)
    series = (density @ integrate.T).expand(len(gaps), -1)
    for gap in gaps.unbind(dim=-1):
        points = ((nodes + gap[:, None]) / _REACH).clamp(max=1)
        series = (_evaluate(series, points) * density) @ integrate.T
    # Every Chebyshev polynomial is 1 at the upper end.
    return series.sum(dim=-1).clamp(0, 1)


def _integrator(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return nodes `(N,)` on [-reach, reach] and a matrix `(N + 1, N)`.

    The matrix takes a function's values at the nodes to the Chebyshev coefficients of its
    integral from -reach.
    """
    degrees = torch.arange(_NODES + 2, dtype=torch.float64, device=device)[:, None]
    angles = math.pi * (degrees[:_NODES, 0] + 0.5) / _NODES
    # Degree 0 counts twice in the integral, so that it needs no halving; N and above are absent.
    coefficients = 2 / _NODES * torch.cos(degrees * angles) * (degrees < _NODES)
    integral = _REACH * (coefficients[:-2] - coefficients[2:]) / (2 * degrees[1:-1])
    # The constant makes the integral 0 at the lower end, where T_k is (-1)**k.
    constant = -((-1) ** degrees[1:-1] * integral).sum(dim=0, keepdim=True)
    return _REACH * torch.cos(angles), torch.cat([constant, integral])


def _evaluate(series: Tensor, points: Tensor) -> Tensor:
    """Return Chebyshev series `(B, K)` at points `(B, N)` in [-1, 1], by Clenshaw's recurrence."""
    twice = 2 * points
    b1 = b2 = torch.zeros_like(points)
    for coefficient in series[:, 1:].flip(dims=[-1]).unbind(dim=-1):
        b1, b2 = torch.addcmul(coefficient[:, None] - b2, twice, b1), b1
    return series[:, :1] + points * b1 - b2


def _top1_kept(logits: Tensor, side: Tensor) -> Tensor:
    """Return P(kept) `(B,)` for logits `(C, B)` in units of sigma and each class's sign `(C,)`."""
    largest, top = logits.max(dim=0)
    # A class is no rival of itself.
    gaps = (largest - logits).scatter_(0, top[None], math.inf)
    up, down = gaps[side > 0], gaps[side < 0]
    still = gaps.masked_fill((side != 0)[:, None], math.inf).amin(dim=0)
    kept = torch.erf(up / math.sqrt(2)).prod(dim=0)
    for sign in (1, -1):
        some = (side[top] == sign).nonzero()[:, 0]
        kept[some] = focus_target_preserved_probability(
            up[:, some], down[:, some], still[some], sign)
    return kept


@cache
def _gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Return the nodes and weights `(count,)` of Gauss's rule on [0, 1].

    They are the eigenvalues, and the squares of the eigenvectors' first elements, of the matrix
    of the Legendre polynomials' recurrence (Golub and Welsch, 1969).
    """
    order = torch.arange(1, count, dtype=torch.float64)
    beside = torch.diag(order / torch.sqrt(4 * order.square() - 1), 1)
    values, vectors = torch.linalg.eigh(beside + beside.T)
    return (values + 1) / 2, vectors[0].square()
