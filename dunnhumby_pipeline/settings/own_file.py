"""TOML files that a home may have of its own, in place of the one in the package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from dunnhumby_pipeline.settings.study import found_wrong

M = TypeVar("M", bound=BaseModel)


class _Text(Protocol):
    """A file of the home, or one in the package."""

    @property
    def name(self) -> str: ...

    def read_text(self, encoding: str) -> str: ...


def place_of(file: Path | None, packaged: _Text) -> str:
    """What the file is called in what is said of it."""
    return str(file) if file is not None else f"the packaged {packaged.name}"


def read_own_file(
    kind: type[M], file: Path | None, packaged: _Text, refused: type[ValueError], *, expected: str = ""
) -> M:
    """What `file` says, by default the `packaged` one.

    Raises `refused` when there is no such file, it is not TOML, or it is not of the `kind`: which file and place, what
    was `expected`, what was found.
    """
    where = place_of(file, packaged)
    try:
        return kind.model_validate(tomllib.loads((file or packaged).read_text(encoding="utf-8")))
    except OSError as error:
        raise refused(f"{where}: cannot be read ({error}); write it, or do without to use the packaged one") from error
    except ValidationError as error:
        form = f"; expected {expected}" if expected else ""
        raise refused(f"{where} cannot be used: {found_wrong(error)}{form}") from error
    except (ValueError, RecursionError) as error:
        # TOML, UTF-8, depth, and numbers of more digits than Python reads.
        raise refused(f"{where} is not TOML: {error}") from error
