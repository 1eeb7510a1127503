"""The economics of one run on the command line: `dunnhumby run --cost 0.40 --scenario "app or e-mail"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from dunnhumby_pipeline.command.work import console, refuse
from dunnhumby_pipeline.settings import SettingsError
from dunnhumby_pipeline.settings.in_place import changed_terms, in_words, with_terms

if TYPE_CHECKING:
    import dagster as dg

    from dunnhumby_pipeline.orchestration.platform.resources import Study
    from dunnhumby_pipeline.orchestration.platform.runner import Work

CostOption = Annotated[
    float | None,
    typer.Option(
        "--cost",
        help="Contact cost of this run, $ per targeted household before what manufacturers pay of it, in place of what "
        "the scenario in use says.",
        show_default=False,
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        "--scenario", help="Cost scenario that the list of this run follows, with its own costs.", show_default=False
    ),
]


def usable_terms(study: Study, cost: float | None, scenario: str | None) -> dict[str, Any]:
    """What the options say in place of the settings; exits when they cannot be used."""
    given = {"contact_cost": cost, "scenario": scenario}
    named = [option for option, value in (("--cost", cost), ("--scenario", scenario)) if value is not None]
    try:
        with_terms(study.settings, given, f"in {' and '.join(named)}")
    except SettingsError as error:
        refuse(str(error))
    return changed_terms(study.settings.economics, given)


def makes_economics(work: Work | None) -> bool:
    """Whether a run makes the table of the economics; None: everything."""
    from dunnhumby_pipeline.orchestration.platform.keys import asset_key
    from dunnhumby_pipeline.orchestration.terms import ECONOMICS

    return work is None or asset_key(ECONOMICS) in work.assets


def require_term_read(work: Work, said: Mapping[str, Any]) -> None:
    """Exit when a selection leaves out the table that the options change: nothing would follow them."""
    if said and not makes_economics(work):
        refuse("--cost and --scenario change the table economics, which --select leaves out; add economics to it")


def say_terms(
    study: Study, instance: dg.DagsterInstance, campaign_type: str, work: Work | None, said: Mapping[str, Any]
) -> None:
    """Say which economics hold for this run in place of the settings, or that it returns to the settings."""
    from dunnhumby_pipeline.orchestration.terms import said_before

    if not makes_economics(work):
        return
    settings, before = study.settings.economics, said_before(instance, campaign_type)
    if said:
        console.print(Text(f"For this run {in_words(settings, said)}"), soft_wrap=True)
    elif before:
        words = ", ".join(f"{name} = {value}" for name, value in before.items())
        console.print(Text(f"The last run had {words}; this one returns to the settings"), soft_wrap=True)
