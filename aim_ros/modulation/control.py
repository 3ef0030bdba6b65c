"""
AIM's control functions: they redistribute a model's logits and change nothing before them.

Utility modulation is the model owner's, focus modulation the user's, as in the paper "AI Model
Modulation with Logits Redistribution". Draw at the resolution at which the arg max is taken:
noise that is upsampled afterwards is smoother and weaker than the paper's. Shifts, gated or not,
are linear, and may be added before upsampling as well; the gate is meant for the model's own grid.
"""

from collections.abc import Mapping
import math
import operator

import torch
from torch import nn
from torch import Tensor

from aim_ros.modulation._checks import check_key
from aim_ros.modulation._checks import check_logits
from aim_ros.modulation._checks import check_sigma
from aim_ros.modulation._checks import check_signs
from aim_ros.modulation.gating import gate
from aim_ros.modulation.modulation import SAMPLINGS
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import random_key
from aim_ros.modulation.noise import standard_normal_range
from aim_ros.modulation.noise import UTILITY_STREAM

# Utility noise is drawn for several classes together, up to this many values: a call for each
# class would be slow for many classes and few pixels, and one call for all of them would take
# several times the memory of the logits.
_DRAWS_AT_ONCE = 2**20


def expected_shift(sigma: float) -> float:
    """
    Mean of `|e|` for `e ~ N(0, sigma**2)`: `sigma * sqrt(2 / pi)`.

    :param sigma: standard deviation, finite and 0 or larger, in units of the logits.
    :return: the shift, in units of the logits.
    :raises TypeError: `sigma` is not a number.
    :raises ValueError: `sigma` is negative, NaN or infinite.

    Example:
        >>> round(expected_shift(1.0), 6)
        0.797885
    """
    return check_sigma(sigma) * math.sqrt(2 / math.pi)


def utility_modulation(
    logits: Tensor, sigma: float, *, dim: int = 1, key: int | None = None
) -> Tensor:
    """
    Degrade a model smoothly: `y'_i = y_i + e_i`, `e_i ~ N(0, sigma**2)` for all classes.

    The draws are independent between classes and pixels. With a given key they depend only on the
    class and on the pixel's number: its flat index, in C order, over all dimensions but `dim`. In
    a batch one image's numbers follow another's; an image with a key of its own needs a call of
    its own.

    :param logits: floating-point tensor, `(B, C, H, W)` or any other shape with a class dimension.
        It is not changed.
    :param sigma: standard deviation, finite and 0 or larger, in units of the logits.
    :param dim: the class dimension; may be negative.
    :param key: 0 .. 2**64 - 1, the key of the noise (see `aim_ros.modulation.noise`); None takes a
        fresh one from torch's default generator.
    :return: a new tensor of the shape, dtype and device of `logits`. At sigma 0 it equals `logits`
        bit for bit. Noise and sum are computed in float32 (float64 for float64 logits).
    :raises TypeError: `logits` is not a floating-point tensor, or another argument is of a wrong
        type.
    :raises ValueError: `sigma`, `dim` or `key` is out of range.

    Example:
        >>> logits = torch.zeros(1, 19, 4, 6)
        >>> noisy = utility_modulation(logits, 0.5, key=7)
        >>> noisy.shape, torch.equal(noisy, utility_modulation(logits, 0.5, key=7))
        (torch.Size([1, 19, 4, 6]), True)
    """
    sigma = _check_common(logits, sigma, dim, key)
    modulated = logits.clone()
    if sigma == 0:
        return modulated
    key = random_key() if key is None else key
    classes = modulated.movedim(dim, 0)  # a view (C, ...): writing to it modulates
    pixels = math.prod(classes.shape[1:])
    step = max(1, _DRAWS_AT_ONCE // max(1, pixels))
    for first in range(0, len(classes), step):
        some = classes[first : first + step]
        indices = range(first, first + len(some))
        noise = standard_normal_range(0, pixels, indices, key, UTILITY_STREAM, logits.device)
        _add(some, sigma * noise.view(some.shape))
    return modulated


def focus_modulation(
    logits: Tensor,
    signs: Mapping[int, int],
    sigma: float,
    *,
    dim: int = 1,
    sampling: str = 'pixel',
    key: int | None = None,
) -> Tensor:
    """
    Shift attention to or from target classes: `y'_t = y_t + s_t |e_t|`, `e_t ~ N(0, sigma**2)`.

    Classes that are not targets keep their logits. `sampling='pixel'` is the paper's: one draw
    for each pixel and target, numbered as in `utility_modulation`. `sampling='expected'` draws
    nothing and shifts by the mean, `expected_shift(sigma)`. `sampling='gated'` applies the mean to
    targets of sign +1 only where the logits have evidence of one of them nearby, see
    `aim_ros.modulation.gating`. The paper allows deterministic adjustments without defining one;
    mean and gate are this package's choice.

    :param logits: floating-point tensor, `(B, C, H, W)` or any other shape with a class dimension.
        It is not changed.
    :param signs: target class index to +1 (more attention) or -1 (less).
    :param sigma: standard deviation, finite and 0 or larger, in units of the logits.
    :param dim: the class dimension; may be negative.
    :param sampling: one of `SAMPLINGS`; 'gated' takes the last two dimensions beside `dim` for
        those of an image.
    :param key: 0 .. 2**64 - 1, the key of the noise (see `aim_ros.modulation.noise`); None takes a
        fresh one from torch's default generator. Only 'pixel' has use for it.
    :return: a new tensor of the shape, dtype and device of `logits`. At sigma 0, or without
        targets, it equals `logits` bit for bit. Noise and sum are computed in float32 (float64 for
        float64 logits).
    :raises TypeError: `logits` is not a floating-point tensor, or another argument is of a wrong
        type.
    :raises ValueError: a class index, a sign, `sigma`, `dim`, `sampling` or `key` is out of range.

    Example:
        >>> logits = torch.zeros(1, 3, 2, 2)
        >>> shifted = focus_modulation(logits, {2: +1, 0: -1}, 1.0, sampling='expected')
        >>> [round(shift, 3) for shift in shifted[0, :, 0, 0].tolist()]
        [-0.798, 0.0, 0.798]
    """
    _check_sampling(sampling)
    sigma = _check_common(logits, sigma, dim, key)
    signs = check_signs(signs, logits.shape[dim])
    modulated = logits.clone()
    if sigma == 0:
        return modulated
    if sampling == 'pixel' and key is None:
        key = random_key()
    mean = lift = expected_shift(sigma)
    if sampling == 'gated':
        lift = mean * _evidence(logits, signs, dim)
    classes = modulated.movedim(dim, 0)  # a view (C, ...): writing to it modulates
    for index, sign in signs.items():
        target, shift = classes[index], lift if sign > 0 else mean
        if sampling == 'pixel':
            shift = _drawn_shift(target, sigma, index, key)
        _add(target, sign * shift)
    return modulated


def _evidence(logits: Tensor, signs: Mapping[int, int], dim: int) -> Tensor:
    """Return the gate of the targets of sign +1, in float32 at least."""
    raised = [index for index, sign in signs.items() if sign > 0]
    return gate(logits, raised, dim=dim).to(torch.promote_types(logits.dtype, torch.float32))


def _drawn_shift(target: Tensor, sigma: float, index: int, key: int) -> Tensor:
    """Return `|e|`, `e ~ N(0, sigma**2)`, for the logits of class `index`; see `noise`."""
    draws = standard_normal_range(0, target.numel(), index, key, FOCUS_STREAM, target.device)
    return sigma * draws.abs().view(target.shape)


def _check_sampling(sampling: str) -> None:
    if sampling not in SAMPLINGS:
        choices = ', '.join(map(repr, SAMPLINGS))
        raise ValueError(f'unknown sampling {sampling!r}; choices: {choices}')


def _check_common(logits: Tensor, sigma: float, dim: int, key: int | None) -> float:
    """Check the arguments that both control functions take; return sigma as a float."""
    check_logits(logits)
    if key is not None:
        check_key(key)
    rank = logits.dim()
    if not -rank <= operator.index(dim) < rank:
        raise ValueError(
            f'dim must be in {-rank} .. {rank - 1} for logits of shape {tuple(logits.shape)}; '
            f'got {dim}'
        )
    return check_sigma(sigma)


def _add(target: Tensor, shift: Tensor | float) -> None:
    """Add in place, in float32 at least, and round once to the target's dtype."""
    target.copy_(target.to(torch.promote_types(target.dtype, torch.float32)) + shift)


class UtilityModulation(nn.Module):
    """
    `utility_modulation` as a module that remembers its arguments.

    With a key every call adds the same noise; with None every call draws afresh. Input
    and output are floating-point tensors with the class dimension `dim`, such as `(B, C, H, W)`.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 19, 1), UtilityModulation(0.5))
        >>> model(torch.rand(2, 3, 4, 6)).shape
        torch.Size([2, 19, 4, 6])
    """

    def __init__(self, sigma: float, *, dim: int = 1, key: int | None = None) -> None:
        super().__init__()
        self.sigma = sigma
        self.dim = dim
        self.key = key

    def extra_repr(self) -> str:
        """Return the arguments, for `repr`."""
        return f'sigma={self.sigma}, dim={self.dim}, key={self.key}'

    def forward(self, logits: Tensor) -> Tensor:
        """Return the modulated logits; see `utility_modulation`."""
        return utility_modulation(logits, self.sigma, dim=self.dim, key=self.key)


class FocusModulation(nn.Module):
    """
    `focus_modulation` as a module that remembers its arguments.

    With a key every call adds the same noise; with None every call draws afresh. Input
    and output are floating-point tensors with the class dimension `dim`, such as `(B, C, H, W)`.

    Example:
        >>> focus = FocusModulation({11: +1}, 1.0, sampling='expected')
        >>> focus(torch.zeros(2, 19, 4, 6)).argmax(dim=1).unique().tolist()
        [11]
    """

    def __init__(
        self,
        signs: Mapping[int, int],
        sigma: float,
        *,
        dim: int = 1,
        sampling: str = 'pixel',
        key: int | None = None,
    ) -> None:
        super().__init__()
        self.signs = signs
        self.sigma = sigma
        self.dim = dim
        self.sampling = sampling
        self.key = key

    def extra_repr(self) -> str:
        """Return the arguments, for `repr`."""
        return (
            f'signs={self.signs}, sigma={self.sigma}, dim={self.dim}, '
            f'sampling={self.sampling!r}, key={self.key}'
        )

    def forward(self, logits: Tensor) -> Tensor:
        """Return the modulated logits; see `focus_modulation`."""
        return focus_modulation(
            logits,
            self.signs,
            self.sigma,
            dim=self.dim,
            sampling=self.sampling,
            key=self.key,
        )
