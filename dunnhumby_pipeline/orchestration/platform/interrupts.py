"""SIGINT and SIGTERM end a command every time, soon, with one line.

An exception that a signal raises can be lost: in a callback of the garbage collector or a finalizer, or it comes late
where a library computes. So a thread watches for signals beside the work: it sends the signal again, and at last ends
the process. What is cut short then is found by the next command (`running.end_dead_runs`).
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Stop:
    """The signal that has come, if any."""

    number: int | None = None

    @property
    def exit_code(self) -> int:
        return 128 + (self.number or 0)

    @property
    def name(self) -> str:
        return signal.Signals(self.number).name if self.number else "no signal"


_CURRENT = Stop()


def stopped() -> bool:
    """Whether this command is to end because of a signal."""
    return _CURRENT.number is not None


@contextmanager
def stoppable(farewell: Callable[[Stop], str], again: float = 2, patience: float = 10) -> Iterator[Stop]:
    """Raise KeyboardInterrupt in the main thread on SIGINT and SIGTERM; yields what has come.

    The signal is sent again every `again` seconds until this context is left; after `patience` seconds the process
    ends with `farewell`'s line and the signal's exit code.
    """
    global _CURRENT
    if threading.current_thread() is not threading.main_thread():
        yield Stop()
        return
    stop = _CURRENT = Stop()

    def interrupt(number: int, _: object) -> None:
        stop.number = stop.number or number
        raise KeyboardInterrupt

    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    wakeup = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, interrupt) for number in SIGNALS}
    unraisable = sys.unraisablehook
    # What a signal raises where nothing can be raised, or in a library that goes on, would be shown with its traceback.
    sys.unraisablehook = lambda lost: unraisable(lost) if isinstance(lost.exc_value, Exception) else None
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_no_signal)
    watch = threading.Thread(target=_watch, args=(readable, stop, farewell, again, patience), daemon=True)
    watch.start()
    try:
        yield stop
    finally:
        # Until the watch has ended it may still send one.
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(wakeup)
        os.close(writable)
        watch.join()
        os.close(readable)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.unraisablehook = unraisable
        if logging.lastResort is not None:
            logging.lastResort.removeFilter(_no_signal)
        _CURRENT = Stop()


def _no_signal(record: logging.LogRecord) -> bool:
    """Whether a line of the log is of something else than an exception that a signal has raised."""
    raised = record.exc_info[1] if record.exc_info else None
    return raised is None or isinstance(raised, Exception)


def _watch(readable: int, stop: Stop, farewell: Callable[[Stop], str], again: float, patience: float) -> None:
    while stop.number is None:
        come = os.read(readable, 1)
        if not come:
            return
        if come[0] in SIGNALS:
            stop.number = come[0]
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if select.select([readable], [], [], again)[0]:
            if not os.read(readable, 64):
                return
            # The signal itself, sent again: what is left of the pause.
            time.sleep(min(again, 0.05))
        else:
            os.kill(os.getpid(), stop.number)
    os.write(1, f"{farewell(stop)}\n".encode())
    os._exit(stop.exit_code)
