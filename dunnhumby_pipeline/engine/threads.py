"""One thread for the numerical libraries: on matrices of a few thousand rows more threads cost more than they save.

Sums over several threads also differ from those over one in their last digits, so that results hang on the machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock, local
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Found = TypeVar("Found")
# More would be in each other's way between what is compiled.
_MOST_SIDE_BY_SIDE = 4
# Each brings a thread pool of its own into the process.
_POOLS = ("numpy", "scipy.linalg", "sklearn.utils._openmp_helpers", "xgboost")


class _Limits:
    """The limits of one kind of library that are in force, and how many are within them."""

    def __init__(self, kind: str) -> None:
        self.kind, self.n_within = kind, 0
        self.set_here, self.limited = ExitStack(), frozenset[str]()

    def enter(self, found: ThreadpoolController) -> None:
        self.n_within += 1
        # A library loaded since the first came is limited as well, and those that are already are let be.
        new = {each.filepath for each in found.lib_controllers if each.user_api == self.kind} - self.limited
        if new:
            self.set_here.enter_context(found.select(filepath=sorted(new)).limit(limits=1))
            self.limited |= new

    def leave(self) -> None:
        self.n_within -= 1
        if not self.n_within:
            self.set_here.close()
            self.limited = frozenset()


class _OfThread(local):
    """OpenMP has a limit for every thread that calls it."""

    def __init__(self) -> None:
        self.limits = _Limits("openmp")


# BLAS has one limit for the process: the first to come sets it and the last to leave puts it back. Changed under a
# library that is at work in another thread, it can lock it; and only the thread that set it can put it back.
_OF_PROCESS, _OF_THREAD, _LOCK = _Limits("blas"), _OfThread(), Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """A context, or a decorator, in which BLAS and OpenMP use one thread, of every library loaded when it is entered.

    `threadpoolctl.threadpool_limits` looks through all libraries of the process at each call (4.6 ms); this looks
    once, and again when another library has been loaded since (0.04 ms otherwise). Threads that are to
    work within it are started within it.
    """
    found = _controller(tuple(name in sys.modules for name in _POOLS))
    with _LOCK:
        _OF_PROCESS.enter(found)
    _OF_THREAD.limits.enter(found)
    try:
        yield
    finally:
        _OF_THREAD.limits.leave()
        with _LOCK:
            _OF_PROCESS.leave()


def side_by_side(function: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """`function` of each item, in their order, worked on by as many threads as there are processors, four at most.

    For functions that spend their time in compiled code, which lets other threads go on; each is in `one_thread`.
    """
    from joblib import Parallel, delayed

    n_threads = min(os.cpu_count() or 1, _MOST_SIDE_BY_SIDE)
    # OpenMP takes the limit of the thread that calls it, and those that joblib begins have none yet.
    alone = one_thread()(function)
    with one_thread():
        return list(Parallel(n_jobs=n_threads, prefer="threads")(delayed(alone)(item) for item in items))


@cache
def _controller(loaded: tuple[bool, ...]) -> ThreadpoolController:
    return ThreadpoolController()
