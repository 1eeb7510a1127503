"""How a step says that it refuses its input: the words of the error are those of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dunnhumby_pipeline.journey.source import JourneyError, NotWrittenError

# On a failure: the input cannot be used, whatever the machine does.
UNUSABLE_INPUT = "unusable_input"


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Errors that tell the user what to fix end the step with their message; the same input would fail again."""
    try:
        yield
    except errors as error:
        unusable = isinstance(error, JourneyError) and not isinstance(error, NotWrittenError)
        facts = {UNUSABLE_INPUT: True} if unusable else {}
        raise dg.Failure(str(error), metadata=facts, allow_retries=False) from error
