"""Checks that several modules of this room make at their door."""

import math
from numbers import Real
import operator

import torch
from torch import Tensor


def check_sigma(sigma: float, *, infinite: bool = False) -> float:
    """Return `sigma` as a float in [0, inf), or in [0, inf] where `infinite` is true.

    Raises:
        TypeError: `sigma` is not a number.
        ValueError: `sigma` is negative, NaN, or infinite where that has no meaning.

    """
    allowed = '0 or larger' if infinite else 'finite and 0 or larger'
    if not isinstance(sigma, Real):
        raise TypeError(f'sigma must be a number, {allowed}; got {type(sigma).__name__}')
    sigma = float(sigma)
    if not sigma >= 0 or (math.isinf(sigma) and not infinite):
        raise ValueError(f'sigma must be {allowed}; got {sigma}')
    return sigma


def check_key(key: int) -> int:
    """Return `key` as an int in [0, 2**64 - 1].

    Raises:
        TypeError: `key` is not an integer.
        ValueError: `key` does not fit in 64 bits.

    """
    return check_word('key', key, bits=64)


def check_word(name: str, value: int, *, bits: int) -> int:
    """Return `value` as an int in [0, 2**bits - 1]; an error calls it `name`.

    Raises:
        TypeError: `value` is not an integer.
        ValueError: `value` is out of range.

    """
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f'{name} must be an integer; got {type(value).__name__}') from None
    if not 0 <= value < 2**bits:
        raise ValueError(f'{name} must be in 0 .. 2**{bits} - 1; got {value}')
    return value


def check_logits(logits: Tensor) -> None:
    """Accept a floating-point tensor with at least one dimension.

    Raises:
        TypeError: `logits` is not a tensor, or not a floating-point one.
        ValueError: `logits` is a scalar.

    """
    if not isinstance(logits, Tensor):
        raise TypeError(f'logits must be a torch.Tensor; got {type(logits).__name__}')
    if not torch.is_floating_point(logits):
        raise TypeError(f'logits must be of a floating-point dtype; got {logits.dtype}')
    if logits.dim() == 0:
        raise ValueError('logits must have a class dimension; got a scalar')
