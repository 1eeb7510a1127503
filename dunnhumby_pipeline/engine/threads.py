"""One thread for the numerical libraries: on matrices of a few thousand rows more threads cost more than they save."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

# Each brings a thread pool of its own into the process.
_POOLS = ("numpy", "scipy.linalg", "sklearn.utils._openmp_helpers", "xgboost")


def one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS and OpenMP use one thread, of every library loaded when it is entered.

    `threadpoolctl.threadpool_limits` looks through all libraries of the process at each call (4.6 ms); this looks
    once, and again when another library has been loaded since (0.04 ms otherwise).
    """
    return _controller(tuple(name in sys.modules for name in _POOLS)).limit(limits=1)


@cache
def _controller(loaded: tuple[bool, ...]) -> ThreadpoolController:
    return ThreadpoolController()
