"""`dunnhumby simulate`: a retailer whose truth is known, and what an experiment on it would find."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from dunnhumby_pipeline.command.work import console, refuse, require_place

if TYPE_CHECKING:
    from pydantic import ValidationError

# The options of a new simulation, and the settings of its plan.
_OF_PLAN = {
    "households": "n_households",
    "seed": "seed",
    "effect": "effect_mean",
    "effect_sd": "effect_sd",
    "overlap": "targeting_strength",
    "confounder": "confounder",
}
_OF_EXPERIMENT = ("days", "out")


class Overlap(StrEnum):
    """How far the arms overlap."""

    good = "good"
    fair = "fair"
    poor = "poor"


def simulate(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Empty or new folder for the files; with --experiment, the one that was simulated.")
    ],
    households: Annotated[int, typer.Option(help="Households to simulate; millions are streamed.")] = 2500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 20261122,
    effect: Annotated[
        float,
        typer.Option(
            help="Mean effect of a first TypeA campaign, $ of spend per household. Below 0 campaigns do harm; none "
            "takes more than half of what a household would spend."
        ),
    ] = 60.0,
    effect_sd: Annotated[float, typer.Option(help="Standard deviation of that effect among households, $.")] = 40.0,
    overlap: Annotated[
        Overlap,
        typer.Option(
            help="How far contacted and other households overlap: log odds of a contact with a standard deviation of "
            "0.4, 0.75 or 2 by what is known before (truth/trials.parquet: propensity)."
        ),
    ] = Overlap.fair,
    confounder: Annotated[
        float,
        typer.Option(
            help="Strength, -2 to 2, of a hidden trait that no file but truth/ shows: log odds of a contact per "
            "standard deviation; it moves the log of trips by half as much while a campaign counts. Below 0 the "
            "contacted are those who would spend less. 0: none."
        ),
    ] = 0.0,
    experiment: Annotated[
        Path | None,
        typer.Option(
            "--experiment",
            help="CSV file that `dunnhumby experiment assign` wrote on a study of FOLDER: write the outcomes of that "
            "experiment, of the same households.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            "--days", help="With --experiment: days for which outcomes count. Default: 77.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="With --experiment: file of the outcomes. Default: that of the assignment, with -outcomes.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Simulate a retailer in the raw form, with the true effects written beside the data in FOLDER/truth; or, with
    --experiment, what an experiment on its households finds.

    Exit code 2 when an option, the folder or the assignment cannot be used.
    """
    given = {name for name in context.params if _is_given(context, name)}
    if experiment is not None:
        _refuse_any(given & set(_OF_PLAN), "of a new simulation; with --experiment FOLDER stays as it was simulated")
        _play(folder, experiment, days, out)
        return
    _refuse_any(given & set(_OF_EXPERIMENT), "of an experiment; give its assignment with --experiment")
    _make(folder, households, seed, effect, effect_sd, overlap, confounder)


def _is_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _refuse_any(wrong: set[str], why: str) -> None:
    if wrong:
        refuse(f"{', '.join(sorted(_flag(name) for name in wrong))}: {why}")


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def _make(
    folder: Path, households: int, seed: int, effect: float, effect_sd: float, overlap: Overlap, confounder: float
) -> None:
    from pydantic import ValidationError
    from rich.progress import Progress

    from dunnhumby_pipeline.simulate.plan import OVERLAPS, PlanError, RetailerPlan
    from dunnhumby_pipeline.simulate.simulate import simulate as simulate_retailer

    try:
        plan = RetailerPlan(
            n_households=households,
            seed=seed,
            effect_mean=effect,
            effect_sd=effect_sd,
            targeting_strength=OVERLAPS[overlap.value],
            confounder=confounder,
        )
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("households", total=households)
            made = simulate_retailer(
                folder, plan, lambda done, total: progress.update(task, completed=done, total=total)
            )
    except ValidationError as error:
        refuse(_in_words(error))
    except PlanError as error:
        refuse(str(error).replace("effect_mean", "--effect"))
    except FileExistsError as error:
        refuse(str(error))
    table = Table("file", "rows")
    for name, n_rows in made.rows.items():
        table.add_row(name, f"{n_rows:,}")
    console.print(table)
    truth = made.truth
    hidden = f"a hidden trait of strength {confounder:g} moves contacts and spend. " if confounder else ""
    console.print(
        f"True effect of a first TypeA campaign: ATE ${truth.ate:.2f}, ATO ${truth.ato:.2f} over "
        f"{truth.n_trials:,} trials, {truth.n_treated:,} treated; {made.in_overlap:.0%} have a true propensity from "
        f"0.1 to 0.9. {hidden.capitalize()}Truth in {escape(str(folder / 'truth'))}; "
        f"next: dunnhumby run --raw {escape(str(folder))} --home {escape(str(folder))}-study",
        soft_wrap=True,
    )


def _in_words(error: ValidationError) -> str:
    """What pydantic says of each setting, under the name of its option."""
    options = {setting: _flag(option) for option, setting in _OF_PLAN.items()}
    return "; ".join(
        f"{options[str(found['loc'][0])]} is {found['input']}: {found['msg'][0].lower()}{found['msg'][1:]}"
        for found in error.errors()
    )


def _play(folder: Path, file: Path, days: int | None, out: Path | None) -> None:
    from dunnhumby_pipeline.contracts.names import CONTACT
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.experiments.simulated import read_assignment, simulated_outcomes
    from dunnhumby_pipeline.orchestration.platform.storage import replacing
    from dunnhumby_pipeline.simulate.future import DAYS
    from dunnhumby_pipeline.simulate.plan import PlanError

    require_place(out, ".csv")
    try:
        assignment = read_assignment(file)
        outcomes, truth = simulated_outcomes(assignment, folder, DAYS if days is None else days)
    except (ExperimentError, PlanError) as error:
        refuse(str(error))
    sealed = str(assignment["assignment_hash"].iloc[0])
    target = file.with_name(f"{file.stem}-outcomes.csv") if out is None else out
    with replacing(target) as part:
        write_csv(outcomes, part)
    with replacing(folder / "truth" / f"experiment-{sealed[:12]}.parquet") as part:
        truth.to_parquet(part, index=False)
    first, n_contacted = truth[~truth["received_before"]], int((truth["arm"] == CONTACT).sum())
    of_first = f"${first['effect'].mean():.2f} among {len(first):,}" if len(first) else "of none"
    console.print(
        escape(
            f"{n_contacted:,} contacted and {len(truth) - n_contacted:,} held out over "
            f"{truth['days_observed'].iloc[0]} days. True effect on spend: ${truth['effect'].mean():.2f} per "
            f"household; {of_first} at a first contact, and 0 among {len(truth) - len(first):,} whom a TypeA campaign "
            "had reached. "
            f"Outcomes: {target}; next: dunnhumby experiment read {target}"
        ),
        highlight=False,
        soft_wrap=True,
    )
