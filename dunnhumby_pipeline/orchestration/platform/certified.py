"""A certificate is of a study as it lies there: none is drawn of tables that are stale, whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.jobs import CERTIFY
from dunnhumby_pipeline.orchestration.platform.resources import Study


def of_fresh_study(function: Callable[..., Any]) -> Callable[..., Any]:
    """A step with arguments `context` and `study` that, in a run for a certificate, refuses a stale study in the words
    of `dunnhumby certify`. A run of the study makes the same tables, and is there to make them fresh.
    """

    def require(context: dg.AssetExecutionContext, study: Study) -> None:
        if CERTIFY not in context.run.tags:
            return
        if study.refusal is None:
            raise ValueError("a certificate needs the study that the definitions are made of; this one has no refusal")
        why = study.refusal(context.instance, context.partition_key, context.run.run_id)
        if why is not None:
            raise dg.Failure(why, allow_retries=False)

    @wraps(function)
    def once(context: dg.AssetExecutionContext, *tables: Any, study: Study, **more: Any) -> Any:
        require(context, study)
        return function(context, *tables, study=study, **more)

    @wraps(function)
    def each(context: dg.AssetExecutionContext, *tables: Any, study: Study, **more: Any) -> Iterator[Any]:
        require(context, study)
        yield from function(context, *tables, study=study, **more)

    # Dagster asks of the function itself whether it gives one table or several.
    return each if isgeneratorfunction(function) else once
