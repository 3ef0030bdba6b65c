"""How the process treats the memory that one frame frees and the next one asks for again."""

import ctypes
import sys

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> bool:
    """
    Keep freed memory in the process instead of handing it back to the system; for glibc.

    By default the large tensors of a frame are handed back as soon as they are freed, and the
    next frame's have to be mapped again page by page, which takes longer than many of the
    operations that fill them. The process so stays as large as it was at its largest.

    It changes the whole process, hence it is for a process's owner to call, best before other
    threads run: those that have a heap of their own keep it.

    :return: whether it could be set; False where the C library is another one.
    """
    if not sys.platform.startswith('linux'):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    # From one heap, since those of further threads are unmapped when they are empty.
    options = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_ARENA_MAX, 1))
    # Not `all`: each of them helps by itself.
    return min([mallopt(option, value) for option, value in options]) == 1
