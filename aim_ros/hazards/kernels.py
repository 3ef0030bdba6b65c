"""Loops over the numbers of a frame's road users, compiled where Numba is installed."""

from collections.abc import Callable
from functools import cache
from functools import wraps
import logging
from typing import Any

_logger = logging.getLogger(__name__)


def compiled_at_first_call(function: Callable) -> Callable:
    """
    Have Numba compile a function when it is called first; where it cannot, Python runs it.

    So whoever imports a module does not wait for its kernels, and Numba need not be there. The
    result's `kernel` returns what is run.
    """
    @cache
    def kernel() -> Callable:
        compiled = compiler()
        return compiled(function) if compiled else function

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return kernel()(*arguments)
    call.kernel = kernel
    return call


@cache
def compiler() -> Callable | None:
    """Return `aim_ros.decoding.compilation.compiled`; None, and a warning, without Numba."""
    try:
        from aim_ros.decoding.compilation import compiled
    except ImportError as error:
        _logger.warning(
            'alerts take several times longer: numba cannot be used (%s); install it, or a '
            'version that fits', error)
        return None
    return compiled
