"""What has been worked out from files that have not changed since, kept for the next who asks in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

Found = TypeVar("Found")


def as_they_are(relations: Iterable[object]) -> tuple[Hashable, ...] | None:
    """Path, size and time of change of each file; None when any is no file of this machine."""
    found: list[Hashable] = []
    for relation in relations:
        if not isinstance(relation, Path):
            return None
        state = relation.stat()
        found.append((relation, state.st_size, state.st_mtime_ns))
    return tuple(found)


class Kept(Generic[Found]):
    """The `most` results that were asked for last, each by what it was worked out from."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.found: OrderedDict[Hashable, Found] = OrderedDict()

    def get(self, key: Hashable, work_out: Callable[[], Found], keeps: Callable[[Found], bool] | None = None) -> Found:
        """What is kept under `key`, else what `work_out` gives, which is kept, too, where `keeps` says so."""
        if key in self.found:
            self.found.move_to_end(key)
            return self.found[key]
        result = work_out()
        if keeps is None or keeps(result):
            self.found[key] = result
            while len(self.found) > self.most:
                self.found.popitem(last=False)
        return result
