"""Pictures of a page drawn in two processes: matplotlib works on one processor, and pictures take most of the time.

The second process is a copy of this one, which holds tables and libraries already: nothing is loaded or sent to it, and
pictures come back. Where processes cannot be copied safely, all are drawn in this one. The pictures are the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dunnhumby_pipeline.report import pictures
from dunnhumby_pipeline.report.pictures import Picture
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Wanted = Sequence[tuple[Section, StudyTables]]
Drawn = dict[int, Picture]
# With fewer a second process is not worth its start.
_FEWEST = 8


class DrawingError(RuntimeError):
    """The second process ended before it had drawn its pictures. The message says how."""


def draw_together(wanted: Wanted, settings: Settings) -> Callable[[Section, StudyTables, Settings], Picture]:
    """What gives the picture of each section in `wanted`, all of which have been drawn from their tables.

    Raises what a section's drawing raises, and DrawingError when the second process is killed.
    """
    drawn = _in_two_processes(wanted, settings) if can_be_shared(len(wanted)) else _in_this(wanted, settings)
    by_name = {section.name: drawn[place] for place, (section, _) in enumerate(wanted)}
    return lambda section, _tables, _settings: by_name[section.name]


def can_be_shared(n_pictures: int) -> bool:
    """Whether so many pictures are drawn in two processes on this machine."""
    # Elsewhere a copied process must not use the system's own libraries.
    n_processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    return n_processors > 1 and n_pictures >= _FEWEST


def _in_this(wanted: Wanted, settings: Settings) -> Drawn:
    return {place: pictures.draw_picture(*each, settings) for place, each in enumerate(wanted)}


def _in_two_processes(wanted: Wanted, settings: Settings) -> Drawn:
    context = multiprocessing.get_context("fork")
    taken = context.Value("i", 0)

    def next_places() -> Iterator[int]:
        # Each takes the next picture when it has drawn one: some take ten times as long as others.
        while True:
            with taken.get_lock():
                place = int(taken.value)
                taken.value = place + 1
            if place >= len(wanted):
                return
            yield place

    def drawn() -> Drawn:
        return {place: pictures.draw_picture(*wanted[place], settings) for place in next_places()}

    def send(sender: Connection) -> None:
        # Who presses Ctrl-C stops the first process, and that one this: without a word from here.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            found: Drawn | Exception = drawn()
        except Exception as error:
            # Raised by the process that waits for it.
            found = error
        sender.send(found)
        sender.close()

    receiver, sender = context.Pipe(duplex=False)
    other = context.Process(target=send, args=(sender,), daemon=True)
    other.start()
    sender.close()
    try:
        own = drawn()
        found = receiver.recv()
    except EOFError:
        other.join()
        raise DrawingError(
            f"the process that draws half of the pictures ended with code {other.exitcode}; is memory short? "
            "Write the report again: `dunnhumby report`"
        ) from None
    finally:
        receiver.close()
        if other.is_alive() and sys.exc_info()[0] is not None:
            # Not `terminate`: until the fork has set its own, a handler of this process would take the signal there.
            other.kill()
        other.join()
    if isinstance(found, Exception):
        raise found
    return own | found
