"""The `dunnhumby` command: run the study and certify it, validate raw files, simulate a retailer, write the report."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from dunnhumby_pipeline import __version__
from dunnhumby_pipeline.command.alerts import alerts
from dunnhumby_pipeline.command.approve import approve
from dunnhumby_pipeline.command.backup import backup, restore
from dunnhumby_pipeline.command.experiment import experiment
from dunnhumby_pipeline.command.forget import forget
from dunnhumby_pipeline.command.pages import pages
from dunnhumby_pipeline.command.simulate import simulate
from dunnhumby_pipeline.command.terms import (
    CostOption,
    ScenarioOption,
    makes_economics,
    require_term_read,
    say_terms,
    usable_terms,
)
from dunnhumby_pipeline.command.ui import ui
from dunnhumby_pipeline.command.work import (
    BLOCKED,
    UNUSABLE,
    HomeOption,
    RawOption,
    TypeOption,
    at_work,
    console,
    describe_source,
    load_study,
    refuse,
    refuse_disturbed,
    require_fresh,
    require_known_type,
    require_place,
    require_study,
    resolved_home,
    say,
    usable_settings,
)
from dunnhumby_pipeline.orchestration.platform.interrupts import Stop, stoppable, stopped
from dunnhumby_pipeline.orchestration.platform.quiet import expect
from dunnhumby_pipeline.orchestration.platform.stages import Stages
from dunnhumby_pipeline.settings import (
    SettingsError,
)
from dunnhumby_pipeline.words.terminal import print_what_can_be

if TYPE_CHECKING:
    import dagster as dg

    from dunnhumby_pipeline.orchestration.platform.resources import Study


# As many new objects, and as many rounds of young and of older ones (Python's own: 700, 10, 10).
_COLLECTED_EVERY = (10_000, 20, 20)


class Commands(TyperGroup):
    """The commands, on any terminal and without warnings that were weighed already, each ended by a signal with one
    line, whatever it is doing.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        print_what_can_be()
        expect()
        # Of what libraries and steps make, next to nothing waits for the collector, which walks through all of it.
        gc.set_threshold(*_COLLECTED_EVERY)
        return super().main(*args, **kwargs)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        with stoppable(_farewell) as stop:
            try:
                result = super().invoke(ctx)
            except BaseException:
                if stop.number is None:
                    raise
            else:
                if stop.number is None:
                    return result
        console.print(_farewell(stop), highlight=False)
        raise typer.Exit(stop.exit_code)


def _farewell(stop: Stop) -> str:
    return f"stopped by {stop.name}; the next `dunnhumby run` goes on from here"


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    help="Who the customers are, whom to target with the next campaign, how sure we are, and what it is worth.",
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"dunnhumby {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Who the customers are, whom to target with the next campaign, how sure we are, and what it is worth."""


app.add_typer(experiment, name="experiment")
app.add_typer(alerts, name="alerts")
app.command()(approve)
app.command()(forget)
app.command()(backup)
app.command()(restore)
app.command()(simulate)
app.command()(ui)
app.command()(pages)


@app.command()
def run(
    raw: RawOption = None,
    home: HomeOption = None,
    select: Annotated[
        str | None,
        typer.Option(
            "--select",
            help="Materialise only these assets, stale or not, in dagster's selection syntax, e.g. 'policy_value+'.",
            show_default=False,
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Rebuild every table, stale or not.")] = False,
    stale: Annotated[bool, typer.Option("--stale", help="The default; for scripts that state it.")] = False,
    cost: CostOption = None,
    scenario: ScenarioOption = None,
    campaign_type: TypeOption = "TypeA",
) -> None:
    """Run the study from raw files to the targeting list and report, and show a summary.

    Only what is stale is rebuilt: what rests on changed files, code or settings, is missing, or did not pass a
    blocking check. --cost and --scenario hold for this run: of a finished study they rebuild what costs decide and
    nothing else, and the next run without them returns to the settings. Exit code 1 when a blocking check or a stage
    fails, 2 when the input or an option cannot be used.
    """
    require_known_type(campaign_type)
    if [stale, fresh, select is not None].count(True) > 1:
        refuse("--stale, --fresh and --select each say what to materialise; give one of them")
    began = time.monotonic()
    study, defs = load_study(home, raw)
    terms = usable_terms(study, cost, scenario)
    from dunnhumby_pipeline.orchestration.checks.registry import LIST
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.platform.remembering import remembering
    from dunnhumby_pipeline.orchestration.platform.runner import SelectionError, run_study, selected_work
    from dunnhumby_pipeline.orchestration.platform.storage import mark_stale, stale_mark
    from dunnhumby_pipeline.orchestration.reporting import write_brief
    from dunnhumby_pipeline.orchestration.staleness import disturbed, read_by, stale_work
    from dunnhumby_pipeline.orchestration.terms import run_config
    from dunnhumby_pipeline.orchestration.upgrade import in_words, left_by_earlier

    console.print(f"Studying {campaign_type} from [bold]{escape(describe_source(study))}[/bold]", soft_wrap=True)
    with at_work(study, f"dunnhumby run --campaign-type {campaign_type}") as instance:
        work, graph, unreadable = None, defs.resolve_asset_graph(), frozenset[str]()
        for left in in_words(left_by_earlier(instance, graph.get_all_asset_keys(), study.warehouse)):
            say("noted", left)
        looked = remembering(instance)
        if not fresh:
            found = disturbed(study, graph, looked, campaign_type)
        try:
            if select is not None:
                work = selected_work(defs, select)
                require_term_read(work, terms)
                read = read_by(graph, work)
                refuse_disturbed(found[key] for key in sorted(found) if key in read)
                unreadable = frozenset(table_of(key) for key in found if key not in work.assets)
            elif not fresh:
                for said in (*found.values(), *study.damaged_origin()):
                    say("noted", f"{said}; it is rebuilt")
                work = stale_work(study, graph, looked, campaign_type, terms)
        except SelectionError as error:
            refuse(str(error))
        if work is not None and not work:
            console.print("Nothing is stale: every table matches its files, code and settings.")
            _summarise(study, instance, campaign_type, time.monotonic() - began, frozenset())
            return
        say_terms(study, instance, campaign_type, work, terms)
        config = run_config(terms) if makes_economics(work) else {}
        with Stages(console) as stages:
            outcome = run_study(defs, study.home, instance, campaign_type, work, stages.on_event, config=config)
        if stopped():
            raise KeyboardInterrupt
        for message in outcome.errors:
            say("failed", message)
        listed = study.table(LIST, campaign_type)
        # A gate that failed has said why already, in better words.
        if LIST in outcome.planned - outcome.built and not stale_mark(listed).exists():
            with _saying("the mark of the list, which is not up to date,"):
                mark_stale(listed, f"not rebuilt: {'; '.join(outcome.errors)}")
        # What this run meant to make and did not belongs to an earlier study.
        missing = (outcome.planned - outcome.built) | (unreadable - outcome.built)
        if not outcome.success:
            with _saying("the brief, which is of an earlier study,"):
                write_brief(study, instance, campaign_type, missing)
        _summarise(study, instance, campaign_type, time.monotonic() - began, missing)
    if not outcome.success:
        raise typer.Exit(UNUSABLE if outcome.unusable else BLOCKED)


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """Say in one line that something could not be written: on a disk that is full, a run has failed already."""
    try:
        yield
    except OSError as error:
        say("failed", f"{what} could not be written: {error.strerror or error}; make room, and run again")


@app.command()
def certify(raw: RawOption = None, home: HomeOption = None, campaign_type: TypeOption = "TypeA") -> None:
    """Draw what the study could have found, and what refutes it, as often as it takes, and write the report again.

    A study makes a few draws of each. Here `power.n_certified`, `refutation.n_certified` and
    `validation.n_certified_splits` are made, some of them searched by every learner. Models of the effect and dowhy's
    refuters that a study leaves out are tried, and the policy tree is held against econml's trees and forest: some ten
    minutes on two processors for the sample.
    The result stays until the study changes. Exit code 1 when a stage fails, 2 when there is no study, or it is stale.
    """
    require_known_type(campaign_type)
    began = time.monotonic()
    study, defs = load_study(home, raw)
    from dunnhumby_pipeline.orchestration.platform.jobs import CERTIFIED, CERTIFY
    from dunnhumby_pipeline.orchestration.platform.keys import asset_key
    from dunnhumby_pipeline.orchestration.platform.runner import Work, run_study
    from dunnhumby_pipeline.orchestration.reporting import REPORT

    require_study(study, campaign_type, [REPORT])
    describe_source(study)
    with at_work(study, f"dunnhumby certify --campaign-type {campaign_type}") as instance:
        require_fresh(study, defs, instance, campaign_type)
        work = Work(frozenset(asset_key(name) for name in CERTIFIED))
        with Stages(console) as stages:
            outcome = run_study(defs, study.home, instance, campaign_type, work, stages.on_event, {CERTIFY: "yes"})
        if stopped():
            raise KeyboardInterrupt
        for message in outcome.errors:
            say("failed", message)
        _summarise(study, instance, campaign_type, time.monotonic() - began, outcome.planned - outcome.built)
    if not outcome.success:
        raise typer.Exit(BLOCKED)


@app.command()
def report(home: HomeOption = None, campaign_type: TypeOption = "TypeA") -> None:
    """Write brief and report again from the tables on disk, and show the summary."""
    require_known_type(campaign_type)
    study, defs = load_study(home, None)
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.reporting import write_brief, write_report
    from dunnhumby_pipeline.orchestration.staleness import disturbed
    from dunnhumby_pipeline.report.sections import report_reads

    if not study.table("first_campaign_cohort", campaign_type).is_file():
        refuse(f"there are no tables of {campaign_type} in {study.warehouse}; run `dunnhumby run` first")
    with at_work(study, f"dunnhumby report --campaign-type {campaign_type}") as instance:
        found = disturbed(study, defs.resolve_asset_graph(), instance, campaign_type)
        refuse_disturbed(said for key, said in sorted(found.items()) if table_of(key) in report_reads())
        write_report(study, instance, campaign_type)
        write_brief(study, instance, campaign_type)
        _summarise(study, instance, campaign_type, None, frozenset())


@app.command()
def score(
    raw: RawOption = None,
    home: HomeOption = None,
    campaign_type: TypeOption = "TypeA",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File for the scores: .csv or .parquet. Default: HOME/scores/TYPE.csv.", show_default=False
        ),
    ] = None,
) -> None:
    """Score the households of a new month with the stored model of a study; fits nothing, and changes no table.

    Exit code 2 when there is no stored model, it was altered, it takes other features, or the files cannot be used.
    """
    require_known_type(campaign_type)
    require_place(out, ".csv", ".parquet")
    study, defs = load_study(home, raw)
    from dunnhumby_pipeline.journey.source import JourneyError
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.scoring import (
        MODEL_FILES,
        CannotScoreError,
        default_target,
        score_new_month,
    )
    from dunnhumby_pipeline.orchestration.staleness import disturbed

    described = describe_source(study)
    with at_work(study, f"dunnhumby score --campaign-type {campaign_type}") as instance:
        found = disturbed(study, defs.resolve_asset_graph(), instance, campaign_type)
        refuse_disturbed(said for key, said in sorted(found.items()) if table_of(key) in MODEL_FILES)
        target = default_target(study, campaign_type) if out is None else out
        try:
            scores, model = score_new_month(study, campaign_type, target)
        except CannotScoreError as error:
            refuse(str(error))
        except JourneyError as error:
            refuse("; ".join(str(problem) for problem in error.problems))
    said = f"{len(scores):,} households of {described} scored by {model}: {target}"
    console.print(escape(said), highlight=False, soft_wrap=True)


@app.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="Folder with the eight raw files: .csv, .csv.gz or .parquet.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    rejected: Annotated[
        Path | None,
        typer.Option(
            "--rejected",
            help="Write the rows left out, with the values of their files, to this CSV file.",
            writable=True,
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Check raw files without loading them: files, rows, days, every rule that is broken, and the verdict.

    Exit code 2 when the files cannot be used.
    """
    from dunnhumby_pipeline.engine.duck import connect
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.journey.inspection.validation import validate as examine
    from dunnhumby_pipeline.report.validation import render_validation

    settings = usable_settings(resolved_home(home))
    if rejected is not None and not rejected.absolute().parent.is_dir():
        refuse(f"--rejected is {str(rejected)!r}; expected a file in a folder that exists")
    try:
        with connect(settings.engine) as connection:
            found = examine(folder, connection, settings.journey, settings.mapping)
    except SettingsError as error:
        refuse(str(error))
    if as_json:
        typer.echo(found.to_json())
    else:
        console.print(render_validation(found), highlight=False)
    if rejected is not None:
        write_csv(found.rejected_rows, rejected)
    if not found.usable:
        raise typer.Exit(UNUSABLE)


def _summarise(
    study: Study, instance: dg.DagsterInstance, campaign_type: str, seconds: float | None, missing: frozenset[str]
) -> None:
    from dunnhumby_pipeline.orchestration.reporting import all_check_states, study_facts, study_tables
    from dunnhumby_pipeline.report.summary import render_summary

    tables = study_tables(study, campaign_type, missing)
    checks = all_check_states(instance, campaign_type)
    # Uncropped: a path that is longer than the terminal is wide can still be copied whole.
    console.print(render_summary(tables, checks, study_facts(study, campaign_type, seconds)), crop=False)


if __name__ == "__main__":
    app()
