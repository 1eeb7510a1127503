"""`dunnhumby experiment`: randomise the households to be tested, and read back what came."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

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
    require_fresh,
    require_known_type,
    require_place,
    require_study,
    say,
)

experiment = typer.Typer(no_args_is_help=True, help="Randomise the households to be tested, and read back what came.")


@experiment.command()
def assign(
    raw: RawOption = None,
    home: HomeOption = None,
    campaign_type: TypeOption = "TypeA",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="CSV file of the arms. Default: HOME/experiments/TYPE-HASH.csv.", show_default=False
        ),
    ] = None,
    starts: Annotated[
        datetime | None,
        typer.Option(
            "--starts", formats=["%Y-%m-%d"], help="Date of the first contact, where it is known.", show_default=False
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="Who assigns it. Default: the user of this machine.", show_default=False)
    ] = "",
) -> None:
    """Write who is contacted and who is held out, and keep plan and page of registration, sealed by a hash, for when
    results come.

    Exit code 2 when there is no study, it is stale, or too few households are to be tested.
    """
    require_known_type(campaign_type)
    require_place(out, ".csv")
    study, defs = load_study(home, raw)
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.orchestration.experiments import READS, assign_experiment

    require_study(study, campaign_type, READS)
    describe_source(study)
    with at_work(study, f"dunnhumby experiment assign --campaign-type {campaign_type}") as instance:
        require_fresh(study, defs, instance, campaign_type, READS)
        try:
            plan, assignment, file = assign_experiment(
                study, campaign_type, out, None if starts is None else starts.date().isoformat(), by
            )
        except ExperimentError as error:
            refuse(str(error))
    arms = assignment["arm"].value_counts()
    said = ", ".join(f"{n:,} {arm}" for arm, n in arms.items())
    console.print(
        escape(f"{said}; outcomes count for {plan.duration_days} days; hash {plan.assignment_hash[:12]}: {file}"),
        highlight=False,
        soft_wrap=True,
    )
    page = study.home.experiments / f"{plan.assignment_hash}.html"
    console.print(escape(f"registered: {page}"), highlight=False, soft_wrap=True)


@experiment.command()
def read(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or parquet file: household_key, assignment_hash, days_observed, and gross_profit, or sales and "
            "match; contacted (yes or no) where it is known."
        ),
    ],
    home: HomeOption = None,
    interim: Annotated[
        bool, typer.Option("--interim", help="Before the end: the effect so far, within bounds; a look is counted.")
    ] = False,
) -> None:
    """Read back the outcomes of an assigned experiment: its effect, how far the study was off, and what follows.

    Every look is kept and charted; the ledger of the home keeps the result, and the next `dunnhumby run` follows it.
    Exit code 1 when the arms do not have the sizes that were assigned, 2 when the file is not one of an experiment of
    this home, whole and to its end.
    """
    study, _ = load_study(home, None)
    from dunnhumby_pipeline.experiments.read_back import MismatchError
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.experiments.words import in_words, look_in_words
    from dunnhumby_pipeline.orchestration.experiments import read_experiment

    with at_work(study, "dunnhumby experiment read"):
        try:
            reading = read_experiment(study, file, interim=interim)
        except MismatchError as error:
            say("blocked", str(error))
            raise typer.Exit(BLOCKED) from error
        except ExperimentError as error:
            refuse(str(error))
    told = look_in_words(reading.look) if reading.result is None else in_words(reading.result)
    for line in [*told, f"Looks: {reading.chart}"]:
        console.print(escape(line), highlight=False, soft_wrap=True)


@experiment.command()
def contacts(
    campaign: Annotated[str, typer.Option("--campaign", help="Id that the campaign will have in the raw files.")],
    raw: RawOption = None,
    home: HomeOption = None,
    campaign_type: TypeOption = "TypeA",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="CSV file. Default: HOME/experiments/contacts-CAMPAIGN.csv.", show_default=False),
    ] = None,
) -> None:
    """Write whom the next campaign contacts when a share is drawn by lot, and the chance that each household had.

    Give the file to the study after it as `nuisance.logged_propensities`. Exit code 2 when there is no study, it is
    stale, or `experiment.exploration` is 0.
    """
    require_known_type(campaign_type)
    require_place(out, ".csv")
    if not campaign.strip() or not campaign.isalnum():
        refuse(f"--campaign is {campaign!r}; expected the id of one campaign, of letters and digits")
    study, defs = load_study(home, raw)
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.orchestration.experiments import write_contacts
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.staleness import stale_assets, stale_in_words

    require_study(study, campaign_type, ("contact_plan",))
    describe_source(study)
    with at_work(study, f"dunnhumby experiment contacts --campaign-type {campaign_type}") as instance:
        old = stale_assets(study, defs.resolve_asset_graph(), instance, campaign_type)
        if "contact_plan" in map(table_of, old):
            refuse(stale_in_words(campaign_type, old))
        try:
            plan, file = write_contacts(study, campaign_type, campaign, out)
        except ExperimentError as error:
            refuse(str(error))
    chosen, against = int(plan["contact"].sum()), int((plan["drawn_by"] == "exploration").sum())
    said = f"{chosen:,} of {len(plan):,} households are contacted, {against:,} drawn against their decision: {file}"
    console.print(escape(said), highlight=False, soft_wrap=True)
