"""
How focus modulation with any number of targets, of both signs, changes decisions.

The exact values that Theorem 3, for one target, is the simplest case of; see `theory`.
"""

from collections.abc import Mapping
import math

import torch
from torch import Tensor

from aim_ros.modulation._checks import check_finite_logits
from aim_ros.modulation._checks import check_sigma
from aim_ros.modulation._checks import check_signs
from aim_ros.modulation.integration import gauss_legendre
from aim_ros.modulation.integration import in_parts
from aim_ros.modulation.integration import normal_density
from aim_ros.modulation.integration import REACH


def focus_preserved_probability(
    logits: Tensor, signs: Mapping[int, int], sigma: float
) -> Tensor:
    """
    Probability that focus modulation's draws leave the arg max, all that a mask shows.

    The exact value for any number of targets of both signs. With the gaps `g_j` from the top
    class to the others in units of `sigma`, and `P(|e| < x) = 2 Phi(x) - 1` for `x > 0`, else 0:

    - The top class is no target: the product of `P(|e| < g_t)` over the targets of sign +1, which
      is Theorem 3 for each; those of sign -1 cannot take it.
    - It is a target of sign +1, and moves up by `z = |e|`: the integral of `2 phi(z)` times the
      product of `P(|e| < g_t + z)` over the other targets of sign +1.
    - It is a target of sign -1, and moves down by `z`: the integral of `2 phi(z)` times the
      products of `P(|e| < g_t - z)` over the targets of sign +1 and of `P(|e| > z - g_t)` over the
      other ones of sign -1, as far as `z` reaches no class that is not modulated.

    :param logits: floating-point tensor `(..., C)`, finite. Where several classes are largest, the
        one of the lowest index is the top class.
    :param signs: target class index to +1 (more attention) or -1 (less).
    :param sigma: standard deviation, 0 or larger, in units of the logits.
    :return: float64 tensor `(...)` in [0, 1], with an absolute error below 1e-9. It never rises
        with `sigma`: a draw keeps the top class exactly if `sigma` times a number stays below each
        of the gaps. 1 at sigma 0, ties included, since nothing moves.
    :raises TypeError: `logits` is not a floating-point tensor, or another argument is of a wrong
        type.
    :raises ValueError: `logits` is not finite or has no class, or a class index, a sign or `sigma`
        is out of range.

    Example:
        >>> logits = torch.tensor([0.7, 0.0, -9.0])
        >>> round(1 - focus_preserved_probability(logits, {1: +1}, 1.0).item(), 3)
        0.484
        >>> round(1 - focus_preserved_probability(logits, {0: +1, 1: +1}, 1.0).item(), 3)
        0.193
    """
    sigma = check_sigma(sigma, infinite=True)
    logits = check_finite_logits(logits)
    signs = check_signs(signs, logits.shape[-1])
    if sigma == 0:
        return logits.new_ones(logits.shape[:-1])
    side = torch.zeros(logits.shape[-1], dtype=torch.int8, device=logits.device)
    for index, sign in signs.items():
        side[index] = sign
    rows = (logits / sigma).reshape(-1, logits.shape[-1]).T
    kept = in_parts(lambda some: _top1_kept(some, side), rows, dim=1)
    return kept.reshape(logits.shape[:-1])


def focus_target_preserved_probability(
    up: Tensor, down: Tensor, still: Tensor, sign: int, *, nodes: int = 24
) -> Tensor:
    """
    Probability that a top class that is itself a focus target stays on top.

    The one-dimensional integrals of `focus_preserved_probability`, from gaps: those from the top
    class to its rivals, in units of sigma, 0 or larger, infinite where there is none.

    :param up: floating-point tensor `(P, B)`, the gaps to the other targets of sign +1.
    :param down: `(N, B)`, the gaps to the other targets of sign -1.
    :param still: `(B,)`, the gap to the largest class that is not modulated.
    :param sign: the top class's own, +1 or -1.
    :param nodes: of Gauss's rule, for each piece of the integral between two kinks; with 24 the
        error is below 1e-12, with 16 below 1e-7, with 12 below 1e-5, with 8 below 1e-3.
    :return: tensor `(B,)` in [0, 1] of the dtype and on the device of `still`.

    Example:
        >>> none, far = torch.empty(0, 1), torch.tensor([math.inf])
        >>> focus_target_preserved_probability(torch.tensor([[0.7]]), none, far, +1)
        tensor([0.8074])
    """
    end = torch.full_like(still, REACH)
    pieces = [end]
    if sign < 0:
        # Beyond the first rival that does not fall with the top class, it is lost for sure.
        for gaps in (still[None], up):
            end = torch.minimum(end, gaps.amin(dim=0)) if len(gaps) else end
        # P(|e| > z - gap) has a kink at the gap; between kinks, Gauss's rule converges fast.
        pieces = [*torch.minimum(down, end).sort(dim=0).values, end]
    points, weights = gauss_legendre(nodes)
    points, weights = (values.to(still)[:, None] for values in (points, weights))
    kept, start = torch.zeros_like(end), torch.zeros_like(end)
    for stop in pieces:
        z = start + points * (stop - start)
        density = (2 * weights) * (stop - start) * normal_density(z)
        for gaps in up:
            density *= torch.erf((gaps + sign * z).clamp_(min=0) * math.sqrt(0.5))
        for gaps in down if sign < 0 else ():
            density *= torch.erfc((z - gaps).clamp_(min=0) * math.sqrt(0.5))
        kept += density.sum(dim=0)
        start = stop
    return kept.clamp_(max=1)


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
