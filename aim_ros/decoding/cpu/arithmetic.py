"""What all kernels share: how they are compiled, the types of their numbers, and their slack."""

from collections.abc import Callable

import numpy as np

from aim_ros.decoding.compilation import compiled

u32, u64, i32, f32, f64 = np.uint32, np.uint64, np.int32, np.float32, np.float64

SLACK = np.float32(2.0**-19)
"""Rounding adds less than 12 units of 2**-24 to an interpolated value, relative to its corners."""

# A product and a sum may be fused into one rounding. All memory is Python's, which holds it during
# a call: without counting references, records of many arrays are passed on for nothing. Numba's
# own run time is off with that, so that a kernel that would allocate does not compile.
_OPTIONS = {'fastmath': {'contract'}, '_nrt': False}


def kernel(function: Callable) -> Callable:
    """Compile a function that allocates no array."""
    return compiled(function, **_OPTIONS)


def inlined(function: Callable) -> Callable:
    """Compile what loops should hold as their own, so that they become vector code."""
    return compiled(function, **_OPTIONS, inline='always')
