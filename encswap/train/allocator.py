"""Memory that is asked for again at every step stays with the process."""

from __future__ import annotations

import ctypes
import sys

# glibc's names in malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc not to give large blocks back to the system; False where it is not glibc.

    By default each tensor above 32 MiB is mapped anew and its pages are cleared at first touch:
    on a CPU a tenth of a training step.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGE)) and bool(mallopt(M_TRIM_THRESHOLD, LARGE))
