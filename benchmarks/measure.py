"""Time and peak memory of a piece of work in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Wall and processor seconds and the largest resident memory, in MB, of the process that did the work.

    Processor seconds, over all threads, say more on a machine that others use.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


def measure(work: Callable[[], object]) -> Measured:
    """Run `work` in a forked process; RuntimeError when it fails there."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        began, began_cpu = time.perf_counter(), time.process_time()
        work()
        used = time.perf_counter() - began, time.process_time() - began_cpu
        sender.send((*used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

    process = context.Process(target=child)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the work ended with exit code {process.exitcode}")
    return Measured(*receiver.recv())
