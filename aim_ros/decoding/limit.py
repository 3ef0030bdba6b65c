"""
How much of a frame focus modulation is expected to change, and the sigma that keeps it bounded.

Everything here follows from one frame's logits, before it is decoded: there is no memory of
earlier frames and no draw, so the same logits give the same sigma in every replay. The classes
are reduced on the logits' device, and one copy brings what is left to the host.

The logits' grid stands for the camera's pixels. Every cell counts the same, border cells
included: as many pixels are nearest to it as to any other. In between cells the logits are
interpolated, so the share of a real mask is close to the expected one, not equal to it:
`docs/profiles.md` has figures.

Utility noise is the owner's, degrades on purpose and is no part of the bound: the shares are
those of focus modulation on the network's own logits.
"""

from collections.abc import Callable
from itertools import pairwise
import math

import torch
from torch import Tensor

from aim_ros.modulation import gate
from aim_ros.modulation import Modulation
from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.focus_theory import focus_target_preserved_probability

STEPS = 1000
"""A limited sigma is a whole number of steps, so many a logit: as fine as it is published."""

_REACH = 7.0
"""A gap of so many sigma is lost with a probability below 2e-6."""

_NODES = 12
"""Nodes of the integrals where the top class is a target, of an error below 1e-5."""

_NEAR_ENOUGH = 0.98
"""Part of the bound that is to be used up: to find the rest would take as long again."""

_GUESSES = 8
"""Interpolated guesses at a limit, of which two to five are needed as a rule."""


def changed_share(logits: Tensor, modulation: Modulation) -> float:
    """
    Return the share of cells, 0..1, whose class focus modulation is expected to change.

    It never falls as sigma rises. A tie counts as lost at once, so the share errs upward.

    :param logits: one frame's, (C, h, w), floating point and finite, on any device.
    :param modulation: its signs, sigma and sampling count, its utility noise does not.
    :raises ValueError: the shape does not fit, or a target is no class of the model.
    """
    _check(logits, modulation)
    if not modulation.focuses:
        return 0.0
    if modulation.sampling != 'pixel':
        shifts = _critical_shifts(logits, modulation)
        changed = shifts <= expected_shift(modulation.sigma)
        return changed.sum().item() / len(shifts)
    return _share_of_draws(logits, modulation)(modulation.sigma)


def limit_sigma(logits: Tensor, modulation: Modulation, max_changed: float) -> float:
    """
    Return the largest sigma in logits, at most that of `modulation`, within a bound.

    The `changed_share` at that sigma is `max_changed` or less. Where the bound bites, sigma is
    rounded down to a whole number of `STEPS`, which may be 0; with ``pixel`` sampling the largest
    is taken for found as soon as 98 % of the bound are used up, so that a bound of 0 gives 0.

    :param logits: one frame's, (C, h, w), floating point and finite, on any device.
    :param modulation: what is asked for; its utility noise does not count.
    :param max_changed: the largest share of changed pixels, 0..1; 1 is no limit.
    :raises ValueError: `max_changed` is not in 0..1, the shape does not fit, or a target is no
        class of the model.
    """
    if not 0 <= max_changed <= 1:
        raise ValueError(f'max_changed must be in 0..1, got {max_changed}')
    _check(logits, modulation)
    if max_changed == 1 or not modulation.focuses:
        return modulation.sigma
    if modulation.sampling != 'pixel':
        return _limit_expected(logits, modulation, max_changed)
    return _limit_pixel(logits, modulation, max_changed)


def _check(logits: Tensor, modulation: Modulation) -> None:
    if logits.ndim != 3 or min(logits.shape) < 1:
        raise ValueError(f'logits must be (C, h, w) and not empty, got {tuple(logits.shape)}')
    for target, _ in modulation.signs:
        if not 0 <= target < len(logits):
            raise ValueError(f'target class {target} is not in 0..{len(logits) - 1}')


def _sides(logits: Tensor, modulation: Modulation) -> tuple[Tensor, Tensor, Tensor]:
    """
    Return the logits (classes, cells) of suppressed, untargeted and focused classes, in float32.

    Of the untargeted classes only the largest can matter, so theirs is one row at most.
    """
    flat = logits.flatten(1)
    down = [target for target, sign in modulation.signs if sign < 0]
    up = [target for target, sign in modulation.signs if sign > 0]
    # Largest over each run of untargeted classes: to gather them first would copy all logits.
    edges = [-1, *sorted(down + up), len(flat)]
    runs = [flat[left + 1:right].amax(0)
            for left, right in pairwise(edges) if right - left > 1]
    still = torch.stack(runs).amax(0, keepdim=True) if runs else flat[:0]
    return flat[down].float(), still.float(), flat[up].float()


def _critical_shifts(logits: Tensor, modulation: Modulation) -> Tensor:
    """
    Return for each cell the shift from which on its class differs from the unmodulated one.

    All focused classes rise together and all suppressed ones fall together, so the order within
    either side stays. What an untargeted top class loses to a focused one, a suppressed one to an
    untargeted one, it loses at their gap; a suppressed one meets a focused one half way; a
    focused one loses to nobody. None of them ever wins its cell back: a count of the cells
    whose shift is passed is the share, exactly and monotonously.
    """
    nobody = torch.full((logits[0].numel(),), -torch.inf, device=logits.device)
    down, still, up = (side.amax(0) if len(side) else nobody
                       for side in _sides(logits, modulation))
    if modulation.sampling == 'gated':
        # Where the gate is shut, the focused classes stand still.
        shut = ~gate(logits, modulation.raised).flatten()
        still = torch.where(shut, torch.maximum(still, up), still)
        up = up.masked_fill(shut, -torch.inf)
    suppressed = torch.minimum(down - still, (down - up) / 2)
    untargeted = (still - up).masked_fill(still < up, torch.inf)
    return torch.where(down >= torch.maximum(still, up), suppressed, untargeted)


def _limit_expected(logits: Tensor, modulation: Modulation, max_changed: float) -> float:
    shifts = _critical_shifts(logits, modulation)
    allowed = int(max_changed * len(shifts))
    first_too_many = shifts.kthvalue(allowed + 1).values.item()
    if expected_shift(modulation.sigma) < first_too_many:
        return modulation.sigma
    steps = first_too_many / expected_shift(1.0) * STEPS
    return max(0, math.ceil(steps) - 1) / STEPS


class _Contests:
    """
    Cells of one frame whose top class has one sign, and their gaps to the classes that rival it.

    :param sign: +1 or -1 where the top class is a target, else 0.
    :param up: gaps (targets, cells) in logits to the focused classes.
    :param down: likewise to the suppressed classes, where these are rivals.
    :param still: (cells,) to the largest untargeted class, where that is a rival, else infinite.
    """

    def __init__(self, sign: int, up: Tensor, down: Tensor, still: Tensor):
        self._sign, self._gaps = sign, (up, down, still)
        self._nearest = torch.cat([up, down, still[None]]).amin(0)

    def lost(self, sigma: float) -> float:
        """Return how many of the cells are expected to change their class."""
        near = (self._nearest < _REACH * sigma).nonzero()[:, 0]
        up, down, still = (gaps.index_select(-1, near) / sigma for gaps in self._gaps)
        if self._sign == 0:
            kept = torch.erf(up * math.sqrt(0.5)).prod(0)
        else:
            kept = focus_target_preserved_probability(
                up, down, still, self._sign, nodes=_NODES)
        return (1 - kept).sum(dtype=torch.float64).item()


def _share_of_draws(logits: Tensor, modulation: Modulation) -> Callable[[float], float]:
    """
    Return the expected share of changed cells as a function of sigma, under one draw a pixel.

    A draw changes a cell exactly if one of its gaps is smaller than sigma times a number, the
    rival's move less the top's at sigma 1: so the share never falls as sigma rises.
    """
    sides = _sides(logits, modulation)
    down, still, up = torch.cat(sides).cpu().split([len(side) for side in sides])
    cells = up.shape[1]
    nobody = torch.full((cells,), -torch.inf)
    lowered, level, raised = (side.amax(0) if len(side) else nobody for side in (down, still, up))
    # As in `_critical_shifts`, a tie is lost at once.
    falls = lowered >= torch.maximum(level, raised)
    rises = ~falls & (raised > level)
    stays = ~(falls | rises)
    groups = []
    for sign, top, some in ((0, level, stays), (1, raised, rises), (-1, lowered, falls)):
        some = some.nonzero()[:, 0]
        top = top[some]
        to_up, to_down, to_still = (
            top - side.index_select(-1, some) for side in (up, down, level))
        # The smallest gap of a target to its own side is the one to itself.
        if sign > 0:
            to_up = to_up.sort(0).values[1:]
        to_down = to_down.sort(0).values[1:] if sign < 0 else to_down[:0]
        to_still = to_still if sign < 0 else torch.full_like(to_still, torch.inf)
        groups.append(_Contests(sign, to_up, to_down, to_still))
    return lambda sigma: sum(group.lost(sigma) for group in groups) / cells


def _limit_pixel(logits: Tensor, modulation: Modulation, max_changed: float) -> float:
    share = _share_of_draws(logits, modulation)
    high, high_share = math.ceil(modulation.sigma * STEPS), share(modulation.sigma)
    if high_share <= max_changed:
        return modulation.sigma
    low, low_share, tried = 0, 0.0, 0
    # Regula falsi towards the middle of what is near enough; in the end, halving makes sure.
    while high - low > 1 and low_share < _NEAR_ENOUGH * max_changed:
        goal = (1 + _NEAR_ENOUGH) / 2 * max_changed
        part = (goal - low_share) / (high_share - low_share) if tried < _GUESSES else 0.5
        middle = min(max(low + round(part * (high - low)), low + 1), high - 1)
        middle_share = share(middle / STEPS)
        if middle_share <= max_changed:
            low, low_share = middle, middle_share
        else:
            high, high_share = middle, middle_share
        tried += 1
    return low / STEPS
