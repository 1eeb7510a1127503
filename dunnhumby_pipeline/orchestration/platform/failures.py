"""How a step says that it refuses its input: the words of the error are those of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Errors that tell the user what to fix end the step with their message; the same input would fail again."""
    try:
        yield
    except errors as error:
        raise dg.Failure(str(error), allow_retries=False) from error
