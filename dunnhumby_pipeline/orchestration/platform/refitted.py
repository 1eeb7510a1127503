"""A model that is fitted again from where the run before left it, so that the same inputs give the same model again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.storage import put


class Versioned(Protocol):
    """A model that says which data, settings and code gave it."""

    @property
    def data_version(self) -> str: ...


M = TypeVar("M", bound=Versioned)


@dataclass(frozen=True)
class Beginning(Generic[M]):
    """Where a fit starts: the model of the run before, or none and why `without`. `again`: the stored model is of these
    very data, settings and code, so the fit starts where that one did."""

    previous: M | None
    without: str
    again: bool


@dataclass(frozen=True)
class RefittedModel(Generic[M]):
    """The file of a model and, beside it, the one that the model was started from.

    `read` gives the model in a file, or None and why there is none that can be used; `save` writes one.
    """

    file: TablePath
    read: Callable[[TablePath], tuple[M | None, str]]
    save: Callable[[M, Path], None]

    @property
    def start(self) -> TablePath:
        """Where the model lies that the stored one was started from, if it was started from any."""
        return self.file.with_name(f"{self.file.stem}_start{self.file.suffix}")

    def beginning(self, version: str) -> Beginning[M]:
        """Where a fit of `version` starts."""
        previous, without = self.read(self.file)
        if previous is None or previous.data_version != version:
            return Beginning(previous, without, again=False)
        return Beginning(*self.read(self.start), again=True)

    def keep(self, model: M, began: Beginning[M], staging: Path) -> Path:
        """Keep what the fit began with; the file in `staging` that holds `model`, not yet in its place."""
        if not began.again:
            if began.previous is None:
                self.start.unlink(missing_ok=True)
            else:
                self.save(began.previous, staging / self.start.name)
                put(staging / self.start.name, self.start)
        self.save(model, staging / self.file.name)
        return staging / self.file.name
