"""Checks that several modules of this room make at their door."""

from collections.abc import Mapping
import math
from numbers import Real
import operator

import torch
from torch import Tensor


def check_sigma(sigma: float, *, infinite: bool = False) -> float:
    """
    Return `sigma` as a float in [0, inf), or in [0, inf] where `infinite` is true.

    :raises TypeError: `sigma` is not a number.
    :raises ValueError: `sigma` is negative, NaN, or infinite where that has no meaning.
    """
    allowed = '0 or larger' if infinite else 'finite and 0 or larger'
    if not isinstance(sigma, Real):
        raise TypeError(f'sigma must be a number, {allowed}; got {type(sigma).__name__}')
    sigma = float(sigma)
    if not sigma >= 0 or (math.isinf(sigma) and not infinite):
        raise ValueError(f'sigma must be {allowed}; got {sigma}')
    return sigma


def check_key(key: int) -> int:
    """
    Return `key` as an int in [0, 2**64 - 1].

    :raises TypeError: `key` is not an integer.
    :raises ValueError: `key` does not fit in 64 bits.
    """
    return check_word('key', key, bits=64)


def check_word(name: str, value: int, *, bits: int) -> int:
    """
    Return `value` as an int in [0, 2**bits - 1]; an error calls it `name`.

    :raises TypeError: `value` is not an integer.
    :raises ValueError: `value` is out of range.
    """
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f'{name} must be an integer; got {type(value).__name__}') from None
    if not 0 <= value < 2**bits:
        raise ValueError(f'{name} must be in 0 .. 2**{bits} - 1; got {value}')
    return value


def check_logits(logits: Tensor) -> None:
    """
    Accept a floating-point tensor with at least one dimension.

    :raises TypeError: `logits` is not a tensor, or not a floating-point one.
    :raises ValueError: `logits` is a scalar.
    """
    if not isinstance(logits, Tensor):
        raise TypeError(f'logits must be a torch.Tensor; got {type(logits).__name__}')
    if not torch.is_floating_point(logits):
        raise TypeError(f'logits must be of a floating-point dtype; got {logits.dtype}')
    if logits.dim() == 0:
        raise ValueError('logits must have a class dimension; got a scalar')


def check_finite_logits(logits: Tensor) -> Tensor:
    """Check logits of shape `(..., C)` and return them in float64."""
    check_logits(logits)
    if logits.shape[-1] == 0:
        raise ValueError(f'logits need at least one class; got shape {tuple(logits.shape)}')
    if not torch.isfinite(logits).all():
        raise ValueError('logits must be finite; got NaN or infinity')
    return logits.to(torch.float64)


def check_signs(signs: Mapping[int, int], classes: int) -> dict[int, int]:
    """
    Return `signs` as a dict of class indices in [0, classes - 1] to +1 or -1.

    :raises TypeError: `signs` is no mapping, or an index is not an integer.
    :raises ValueError: an index is out of range, or a sign is neither +1 nor -1.
    """
    if not isinstance(signs, Mapping):
        raise TypeError(f'signs must map class indices to +1 or -1; got {type(signs).__name__}')
    checked = {}
    for index, sign in signs.items():
        try:
            index = operator.index(index)
        except TypeError:
            raise TypeError(f'a class index must be an integer; got {index!r}') from None
        if not 0 <= index < classes:
            raise ValueError(
                f'class index {index} is out of range; logits have classes 0 .. {classes - 1}'
            )
        if sign not in (1, -1):
            raise ValueError(f'the sign of class {index} must be +1 or -1; got {sign!r}')
        checked[index] = sign
    return checked
