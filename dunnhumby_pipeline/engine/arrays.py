"""Named arrays with a description in one file (.npz): what is not a table. Nothing in such a file is executed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.tables import TablePath

Arrays = dict[str, NDArray[Any]]
_DESCRIPTION = "description"


class ArraysFileError(Exception):
    """A file of arrays cannot be used. The message names it and says what was found."""


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], description: Mapping[str, object]) -> None:
    """Write arrays of numbers or text, and a description that JSON can hold, to `path` (.npz)."""
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays, **{_DESCRIPTION: text})


def read_arrays(path: TablePath) -> tuple[Arrays, dict[str, Any]]:
    """The arrays that `write_arrays` wrote, number for number, and their description.

    Raises FileNotFoundError when there is no file, and ArraysFileError when it is not of this form.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
            description = json.loads(arrays.pop(_DESCRIPTION).tobytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ArraysFileError(f"{path} is not a file of arrays with their description: {error}") from error
    return arrays, description
