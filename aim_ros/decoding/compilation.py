"""How the CPU's kernels are compiled: for threads, and kept on disk for later processes."""

from collections.abc import Callable

import numba


def compiled(function: Callable, **options) -> Callable:
    """
    Compile with Numba: the code holds no lock of Python, and divides as NumPy does.

    The result is kept on disk if there is a folder that allows it. Numba looks at the function's
    own file alone to see whether what it kept is old.

    :param options: further options of `numba.njit`.
    """
    options = {'nogil': True, 'error_model': 'numpy', **options}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # Numba found no folder that it may write to.
        return numba.njit(**options)(function)
