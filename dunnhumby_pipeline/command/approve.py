"""`dunnhumby approve`: freeze the list that is to be sent, with who approved it and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from dunnhumby_pipeline.command.work import (
    BLOCKED,
    HomeOption,
    RawOption,
    TypeOption,
    at_work,
    console,
    describe_source,
    load_study,
    refuse,
    require_known_type,
    require_study,
    say,
)
from dunnhumby_pipeline.orchestration.platform.stages import Stages

if TYPE_CHECKING:
    from dunnhumby_pipeline.orchestration.platform.resources import Study
    from dunnhumby_pipeline.targeting.list_ledger import Approval

_LONGEST = 80


def approve(
    by: Annotated[
        str | None,
        typer.Option("--by", help="Who approves. Without it, what has been approved is shown.", show_default=False),
    ] = None,
    raw: RawOption = None,
    home: HomeOption = None,
    campaign_type: TypeOption = "TypeA",
) -> None:
    """Approve the targeting list: freeze a copy with its hash, and note who approved it and when.

    A list counts as sent only once it is approved. The copy lies in HOME/lists/approved, as CSV and parquet. Exit code
    1 when the list is stale, has closed gates or was approved before, or a frozen copy was altered; 2 when there is no
    list or no name.
    """
    require_known_type(campaign_type)
    name = None if by is None else " ".join(by.split())
    if name is not None and not 0 < len(name) <= _LONGEST:
        refuse(f"--by is {by!r}; expected the name of who approves, of at most {_LONGEST} letters")
    study, defs = load_study(home, raw)
    from dunnhumby_pipeline.orchestration.approval import OF_LIST, approve_list, refusal
    from dunnhumby_pipeline.orchestration.platform.keys import asset_key
    from dunnhumby_pipeline.orchestration.platform.runner import Work, run_study
    from dunnhumby_pipeline.orchestration.reporting import BRIEF, REPORT
    from dunnhumby_pipeline.orchestration.staleness import stale_assets
    from dunnhumby_pipeline.targeting.list_ledger import ApprovalError

    require_study(study, campaign_type, OF_LIST)
    if name is None:
        raise typer.Exit(_show(study, campaign_type))
    describe_source(study)
    with at_work(study, f"dunnhumby approve --campaign-type {campaign_type}") as instance:
        stale = stale_assets(study, defs.resolve_asset_graph(), instance, campaign_type)
        against = refusal(study, instance, (defs.resources or {})["gates"], stale, campaign_type)
        if against is not None:
            say("not approved", against)
            raise typer.Exit(BLOCKED)
        try:
            found = approve_list(study, campaign_type, name, datetime.now(UTC).isoformat(timespec="seconds"))
        except ApprovalError as error:
            say("not approved", str(error))
            raise typer.Exit(BLOCKED) from error
        console.print(escape(_in_words(study, found)), highlight=False, soft_wrap=True)
        # The approval is part of what these tables rest on: their versions are another from here on.
        _, defs = load_study(home, raw)
        told = ("list_version", "decision_churn", "list_approvals", REPORT, BRIEF)
        work = Work(frozenset(map(asset_key, told)))
        with Stages(console) as stages:
            outcome = run_study(defs, study.home, instance, campaign_type, work, stages.on_event)
    for message in outcome.errors:
        say("failed", f"the list is approved, and its report is not rebuilt: {message}")


def _show(study: Study, campaign_type: str) -> int:
    """Print what was approved, and whether it is the list of today; the exit code."""
    from dunnhumby_pipeline.orchestration.approval import CSV
    from dunnhumby_pipeline.targeting.list_ledger import ApprovalError, approvals, file_hash, is_as_approved

    try:
        known = approvals(study.home.approvals, campaign_type)
    except ApprovalError as error:
        refuse(str(error))
    today, code = file_hash(study.table(CSV, campaign_type)), 0
    for one in known:
        console.print(escape(_in_words(study, one)), highlight=False, soft_wrap=True)
        if not is_as_approved(study.home.lists, one):
            say("altered", f"{study.home.lists / one.file}.csv is missing, or no longer what was approved")
            code = BLOCKED
    if any(one.list_hash == today for one in known):
        console.print(f"The list of {campaign_type} as it lies there is approved.")
    else:
        console.print(f"The list of {campaign_type} as it lies there (hash {today[:12]}) is not approved.")
    return code


def _in_words(study: Study, one: Approval) -> str:
    arms = f"{one.n_contact:,} to contact, {one.n_held_out:,} held out"
    return (
        f"{one.campaign_type}, version {one.version}, hash {one.list_hash[:12]}: approved by {one.approved_by} on "
        f"{one.approved_at}; {one.n_households:,} households, {one.n_target:,} to target ({arms}): "
        f"{study.home.lists / one.file}.csv"
    )
