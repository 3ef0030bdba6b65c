"""
How the CPU's kernels are compiled: for threads, and kept on disk for later processes.

Numba takes what it kept for current as long as the function's own file is as it was. A kernel is
made of more: of the kernels that it calls, compiled into it, and of constants, whichever files
they stand in. So what is kept here is stamped with all of that.
"""

from collections.abc import Callable
from collections.abc import Iterator
from functools import cache
import hashlib
import inspect
import linecache
from numbers import Number

import numba
from numba.core.caching import FunctionCache
from numba.core.caching import IndexDataCacheFile
from numba.core.dispatcher import Dispatcher
import numpy as np


def compiled(function: Callable, **options) -> Callable:
    """
    Compile with Numba: the code holds no lock of Python, and divides as NumPy does.

    The result is kept on disk if there is a folder that allows it, until the function's file, an
    option, or a constant or compiled function that it uses changes. Those are to be imported by
    name, and from other files before this one defines the function.

    :param options: further options of `numba.njit`.
    """
    options = {'nogil': True, 'error_model': 'numpy', **options}
    try:
        kernel = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # Numba found no folder that it may write to.
        return numba.njit(**options)(function)
    kernel._cache = _KernelCache(function, source_stamp(kernel))
    return kernel


class _KernelCache(FunctionCache):
    """
    Numba's cache on disk with another notion of what is current.

    Numba has no public way to say so; these names are the same from its version 0.56 to 0.68.

    :param stamp: what was kept under another stamp is compiled anew.
    """

    def __init__(self, function: Callable, stamp: str):
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            self.cache_path, self._impl.filename_base, source_stamp=stamp)


def source_stamp(kernel: Dispatcher) -> str:
    """Return a sha256 over all that a kernel is made of."""
    parts = sorted(set(_parts(kernel, set())))
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


def _parts(kernel: Dispatcher, seen: set[Dispatcher]) -> Iterator[str]:
    """Yield options, sources and constants of a kernel and of all that it calls."""
    if kernel in seen:
        return
    seen.add(kernel)
    function = kernel.py_func
    name = f'{function.__module__}.{function.__qualname__}'
    yield f'{name} {sorted(kernel.targetoptions.items())}'
    yield f'{name} {_file_hash(function.__code__.co_filename)}'
    used = inspect.getclosurevars(function)
    for key, value in {**used.globals, **used.nonlocals}.items():
        if isinstance(value, Dispatcher):
            yield from _parts(value, seen)
        elif isinstance(value, np.ndarray):
            yield f'{name} {key} {value.dtype} {value.shape} {value.tobytes().hex()}'
        elif isinstance(value, Number | str | tuple):
            yield f'{name} {key} {value!r}'


@cache
def _file_hash(path: str) -> str:
    return hashlib.sha256(''.join(linecache.getlines(path)).encode()).hexdigest()
