"""The `dunnhumby` command: run the study and certify it, validate raw files, simulate a retailer, write the report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.orchestration.platform.interrupts import Stop, stoppable, stopped
from dunnhumby_pipeline.orchestration.platform.quiet import expect
from dunnhumby_pipeline.settings import (
    HOME_VARIABLE,
    RAW_VARIABLE,
    Home,
    Settings,
    SettingsError,
    load_settings,
    one_line,
    require_home,
    require_writable,
    resolve_raw,
)
from dunnhumby_pipeline.words.terminal import print_what_can_be

if TYPE_CHECKING:
    import dagster as dg

    from dunnhumby_pipeline.orchestration.platform.resources import Study

BLOCKED, UNUSABLE = 1, 2
EARLIER_LAYOUT = (
    "The history of this home is of an earlier release: tables and lists stay where they are, and everything is "
    "rebuilt and judged once, under its new names."
)


class Commands(TyperGroup):
    """The commands, on any terminal and without warnings that were weighed already, each ended by a signal with one
    line, whatever it is doing.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        print_what_can_be()
        expect()
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
console = Console()

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help=f"Folder of the run history, and of the tables (HOME/warehouse) unless the setting `warehouse` names "
        f"another place. Default: ${HOME_VARIABLE}, else ./data.",
        show_default=False,
    ),
]
RawOption = Annotated[
    Path | None,
    typer.Option(
        "--raw",
        help=f"Folder with the eight raw files. Default: ${RAW_VARIABLE}, else HOME/raw when it holds files, "
        "else the embedded sample.",
        show_default=False,
    ),
]
TypeOption = Annotated[
    str, typer.Option("--campaign-type", help=f"Campaign type to study: {', '.join(CAMPAIGN_TYPES)}.")
]


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
    campaign_type: TypeOption = "TypeA",
) -> None:
    """Run the study from raw files to the targeting list and report, and show a summary.

    Only what is stale is rebuilt: what rests on changed files, code or settings, is missing, or did not pass a
    blocking check. Exit code 1 when a blocking check or a stage fails, 2 when the input or an option cannot be used.
    """
    _known_type(campaign_type)
    if [stale, fresh, select is not None].count(True) > 1:
        _refuse("--stale, --fresh and --select each say what to materialise; give one of them")
    began = time.monotonic()
    study, defs = _load(home, raw)
    from dunnhumby_pipeline.orchestration.checks.registry import LIST
    from dunnhumby_pipeline.orchestration.platform.history import is_of_earlier_layout
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.platform.runner import SelectionError, run_study, selected_work
    from dunnhumby_pipeline.orchestration.platform.storage import mark_stale, stale_mark
    from dunnhumby_pipeline.orchestration.staleness import disturbed, read_by, stale_work

    console.print(f"Studying {campaign_type} from [bold]{escape(_describe_source(study))}[/bold]", soft_wrap=True)
    with _at_work(study, f"dunnhumby run --campaign-type {campaign_type}") as instance:
        work, graph, unreadable = None, defs.resolve_asset_graph(), frozenset[str]()
        if is_of_earlier_layout(instance, graph.get_all_asset_keys()):
            console.print(EARLIER_LAYOUT)
        if not fresh:
            found = disturbed(study, graph, instance, campaign_type)
        try:
            if select is not None:
                work = selected_work(defs, select)
                read = read_by(graph, work)
                _refuse_disturbed(found[key] for key in sorted(found) if key in read)
                unreadable = frozenset(table_of(key) for key in found if key not in work.assets)
            elif not fresh:
                for said in (*found.values(), *_damaged_origin(study)):
                    _say("noted", f"{said}; it is rebuilt")
                work = stale_work(study, graph, instance, campaign_type)
        except SelectionError as error:
            _refuse(str(error))
        if work is not None and not work:
            console.print("Nothing is stale: every table matches its files, code and settings.")
            _summarise(study, instance, campaign_type, time.monotonic() - began, frozenset())
            return
        with Stages() as stages:
            outcome = run_study(defs, study.home, instance, campaign_type, work, stages.on_event)
        if stopped():
            raise KeyboardInterrupt
        for message in outcome.errors:
            _say("failed", message)
        listed = study.table(LIST, campaign_type)
        # A gate that failed has said why already, in better words.
        if LIST in outcome.planned - outcome.built and not stale_mark(listed).exists():
            mark_stale(listed, f"not rebuilt: {'; '.join(outcome.errors)}")
        # What this run meant to make and did not belongs to an earlier study.
        missing = (outcome.planned - outcome.built) | (unreadable - outcome.built)
        _summarise(study, instance, campaign_type, time.monotonic() - began, missing)
    if not outcome.success:
        raise typer.Exit(UNUSABLE if outcome.unusable else BLOCKED)


@app.command()
def certify(raw: RawOption = None, home: HomeOption = None, campaign_type: TypeOption = "TypeA") -> None:
    """Draw what the study could have found, and what refutes it, as often as it takes, and write the report again.

    A study makes a few draws of each. Here `power.n_certified`, `refutation.n_certified` and
    `validation.n_certified_splits` are made, some of them searched by every learner: some ten minutes on two processors
    for the sample. The result stays until the study changes. Exit code 1 when a stage fails, 2 when there is no study,
    or it is stale.
    """
    _known_type(campaign_type)
    began = time.monotonic()
    study, defs = _load(home, raw)
    from dunnhumby_pipeline.contracts.registry import made_by
    from dunnhumby_pipeline.orchestration.platform.jobs import CERTIFIED_STEPS, CERTIFY
    from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
    from dunnhumby_pipeline.orchestration.platform.runner import Work, run_study
    from dunnhumby_pipeline.orchestration.reporting import REPORT
    from dunnhumby_pipeline.orchestration.staleness import stale_assets

    made = [table.name for step in CERTIFIED_STEPS for table in made_by(step)]
    if not study.table(REPORT, campaign_type).is_file():
        _refuse(f"there is no study of {campaign_type} in {study.home.root}; run `dunnhumby run` first")
    _describe_source(study)
    with _at_work(study, f"dunnhumby certify --campaign-type {campaign_type}") as instance:
        stale = stale_assets(study, defs.resolve_asset_graph(), instance, campaign_type)
        if stale:
            tables = f"{len(stale)} tables, such as {table_of(stale[0])}"
            _refuse(f"the study of {campaign_type} is stale ({tables}); run `dunnhumby run` first")
        work = Work(frozenset(asset_key(name) for name in (*made, REPORT)))
        with Stages() as stages:
            outcome = run_study(defs, study.home, instance, campaign_type, work, stages.on_event, {CERTIFY: "yes"})
        if stopped():
            raise KeyboardInterrupt
        for message in outcome.errors:
            _say("failed", message)
        _summarise(study, instance, campaign_type, time.monotonic() - began, outcome.planned - outcome.built)
    if not outcome.success:
        raise typer.Exit(BLOCKED)


@app.command()
def report(home: HomeOption = None, campaign_type: TypeOption = "TypeA") -> None:
    """Write the HTML report again from the tables on disk, and show the summary."""
    _known_type(campaign_type)
    study, defs = _load(home, None)
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.reporting import write_report
    from dunnhumby_pipeline.orchestration.staleness import disturbed
    from dunnhumby_pipeline.report.sections import report_reads

    if not study.table("first_campaign_cohort", campaign_type).is_file():
        _refuse(f"there are no tables of {campaign_type} in {study.warehouse}; run `dunnhumby run` first")
    with _at_work(study, f"dunnhumby report --campaign-type {campaign_type}") as instance:
        found = disturbed(study, defs.resolve_asset_graph(), instance, campaign_type)
        _refuse_disturbed(said for key, said in sorted(found.items()) if table_of(key) in report_reads())
        write_report(study, instance, campaign_type)
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
    _known_type(campaign_type)
    if out is not None and (out.suffix not in (".csv", ".parquet") or not out.absolute().parent.is_dir()):
        _refuse(f"--out is {str(out)!r}; expected a .csv or .parquet file in a folder that exists")
    study, defs = _load(home, raw)
    from dunnhumby_pipeline.journey.source import JourneyError
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.scoring import (
        MODEL_FILES,
        CannotScoreError,
        default_target,
        score_new_month,
    )
    from dunnhumby_pipeline.orchestration.staleness import disturbed

    described = _describe_source(study)
    with _at_work(study, f"dunnhumby score --campaign-type {campaign_type}") as instance:
        found = disturbed(study, defs.resolve_asset_graph(), instance, campaign_type)
        _refuse_disturbed(said for key, said in sorted(found.items()) if table_of(key) in MODEL_FILES)
        target = default_target(study, campaign_type) if out is None else out
        try:
            scores, model = score_new_month(study, campaign_type, target)
        except CannotScoreError as error:
            _refuse(str(error))
        except JourneyError as error:
            _refuse("; ".join(str(problem) for problem in error.problems))
    said = f"{len(scores):,} households of {described} scored by {model}: {target}"
    console.print(escape(said), highlight=False, soft_wrap=True)


experiment = typer.Typer(no_args_is_help=True, help="Randomise the households to be tested, and read back what came.")
app.add_typer(experiment, name="experiment")


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
) -> None:
    """Write who is contacted and who is held out, and keep the plan, sealed by a hash, for when results come.

    Exit code 2 when there is no study, it is stale, or too few households are to be tested.
    """
    _known_type(campaign_type)
    if out is not None and (out.suffix != ".csv" or not out.absolute().parent.is_dir()):
        _refuse(f"--out is {str(out)!r}; expected a .csv file in a folder that exists")
    study, defs = _load(home, raw)
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.orchestration.experiments import READS, assign_experiment
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.staleness import stale_assets

    if not all(study.table(name, campaign_type).is_file() for name in READS):
        _refuse(f"there is no study of {campaign_type} in {study.home.root}; run `dunnhumby run` first")
    _describe_source(study)
    with _at_work(study, f"dunnhumby experiment assign --campaign-type {campaign_type}") as instance:
        old = [table_of(key) for key in stale_assets(study, defs.resolve_asset_graph(), instance, campaign_type)]
        if set(old) & set(READS):
            _refuse(f"the study of {campaign_type} is stale ({len(old)} tables); run `dunnhumby run` first")
        try:
            plan, assignment, file = assign_experiment(study, campaign_type, out)
        except ExperimentError as error:
            _refuse(str(error))
    arms = assignment["arm"].value_counts()
    said = ", ".join(f"{n:,} {arm}" for arm, n in arms.items())
    console.print(
        escape(f"{said}; outcomes count for {plan.duration_days} days; hash {plan.assignment_hash[:12]}: {file}"),
        highlight=False,
        soft_wrap=True,
    )


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
        bool, typer.Option("--interim", help="Before the end: the always-valid interval alone; nothing is kept.")
    ] = False,
) -> None:
    """Read back the outcomes of an assigned experiment: its effect, how far the study was off, and what follows.

    The ledger of the home keeps it, and the next `dunnhumby run` follows it. Exit code 1 when the arms do not have the
    sizes that were assigned, 2 when the file is not one of an experiment of this home, whole and to its end.
    """
    study, _ = _load(home, None)
    from dunnhumby_pipeline.experiments.read_back import MismatchError
    from dunnhumby_pipeline.experiments.registration import ExperimentError
    from dunnhumby_pipeline.experiments.words import in_words
    from dunnhumby_pipeline.orchestration.experiments import read_experiment

    with _at_work(study, "dunnhumby experiment read"):
        try:
            found = read_experiment(study, file, interim=interim)
        except MismatchError as error:
            _say("blocked", str(error))
            raise typer.Exit(BLOCKED) from error
        except ExperimentError as error:
            _refuse(str(error))
    for line in in_words(found):
        console.print(escape(line), highlight=False, soft_wrap=True)


@app.command()
def ui(
    raw: RawOption = None,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web server on this machine.")] = 3000,
) -> None:
    """Open the Dagster UI, with its daemon, on the tables and history of HOME. Ctrl-C ends it."""
    study, _ = _load(home, raw)
    from dunnhumby_pipeline.orchestration.platform.runner import CODE_LOCATION, open_history

    with open_history(study.home) as instance:
        _end_dead_runs(study, instance)
    os.environ |= {"DAGSTER_HOME": str(study.home.dagster_home), HOME_VARIABLE: str(study.home.root)}
    if study.raw is not None:
        os.environ[RAW_VARIABLE] = str(study.raw)
    console.print(f"http://localhost:{port} on {escape(str(study.home.root))}", highlight=False, soft_wrap=True)
    arguments = ["dagster", "dev", "-m", CODE_LOCATION, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])


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
    from dunnhumby_pipeline.journey.inspection.validation import validate as examine
    from dunnhumby_pipeline.report.validation import render_validation

    settings = _settings(_home(home))
    if rejected is not None and not rejected.absolute().parent.is_dir():
        _refuse(f"--rejected is {str(rejected)!r}; expected a file in a folder that exists")
    try:
        with connect(settings.engine) as connection:
            found = examine(folder, connection, settings.journey)
    except SettingsError as error:
        _refuse(str(error))
    if as_json:
        typer.echo(found.to_json())
    else:
        console.print(render_validation(found), highlight=False)
    if rejected is not None:
        found.rejected_rows.to_csv(rejected, index=False)
    if not found.usable:
        raise typer.Exit(UNUSABLE)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Empty or new folder for the files.")],
    households: Annotated[int, typer.Option(help="Households to simulate; millions are streamed.")] = 2500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 20261122,
    effect: Annotated[float, typer.Option(help="Mean effect of a first TypeA campaign, $ per household.")] = 60.0,
    effect_sd: Annotated[float, typer.Option(help="Standard deviation of that effect among households, $.")] = 40.0,
) -> None:
    """Simulate a retailer in the raw form, with the true effects written beside the data in FOLDER/truth."""
    from pydantic import ValidationError
    from rich.progress import Progress

    from dunnhumby_pipeline.simulate.retailer import RetailerPlan
    from dunnhumby_pipeline.simulate.simulate import simulate as simulate_retailer

    try:
        plan = RetailerPlan(n_households=households, seed=seed, effect_mean=effect, effect_sd=effect_sd)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("households", total=households)
            made = simulate_retailer(
                folder, plan, lambda done, total: progress.update(task, completed=done, total=total)
            )
    except (ValidationError, FileExistsError) as error:
        _refuse(str(error))
    table = Table("file", "rows")
    for name, n_rows in made.rows.items():
        table.add_row(name, f"{n_rows:,}")
    console.print(table)
    truth = made.truth
    console.print(
        f"True effect of a first TypeA campaign: ATE ${truth.ate:.2f}, ATO ${truth.ato:.2f} over "
        f"{truth.n_trials:,} trials, {truth.n_treated:,} treated. Truth in {folder / 'truth'}; "
        f"next: dunnhumby run --raw {folder} --home {folder}-study",
        soft_wrap=True,
    )


class Stages:
    """Shows the stage that runs, and a line with its time when it has ended."""

    def __init__(self) -> None:
        self.status = console.status("starting")
        self.began: dict[str, float] = {}

    def __enter__(self) -> Stages:
        self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.status.stop()

    def on_event(self, event: dg.DagsterEvent) -> None:
        name = event.step_key or ""
        if stopped():
            return
        if event.is_step_start:
            self.began[name] = time.monotonic()
            self.status.update(f"[bold]{name}[/bold]")
        elif event.is_step_success or event.is_step_failure:
            mark = "[green]done[/green]  " if event.is_step_success else "[red]failed[/red]"
            seconds = time.monotonic() - self.began.get(name, time.monotonic())
            console.print(f"{mark} {seconds:6.1f} s  {name}", highlight=False)
        elif event.is_step_skipped:
            console.print(f"[yellow]skipped[/yellow]           {name}", highlight=False)


def _load(home: Path | None, raw: Path | None) -> tuple[Study, dg.Definitions]:
    """The study and its definitions; options win over the environment."""
    from dunnhumby_pipeline.definitions import build_defs
    from dunnhumby_pipeline.engine.duck import require_folder
    from dunnhumby_pipeline.engine.tables import require_reachable
    from dunnhumby_pipeline.orchestration.platform.resources import Study
    from dunnhumby_pipeline.segmentation.needs.playbook import PlaybookError, load_playbook

    found = _home(home)
    study = Study(_settings(found), found, resolve_raw(raw))
    settings = study.settings
    try:
        require_home(found)
        if isinstance(study.warehouse, Path):
            require_writable(study.warehouse, "the warehouse")
        require_reachable(study.warehouse)
        require_folder(settings.engine)
        load_playbook(found.playbook)
    except (SettingsError, PlaybookError) as error:
        _refuse(str(error))
    return study, build_defs(home=found, raw=study.raw, settings=settings)


def _home(home: Path | None) -> Home:
    try:
        return Home.resolve(home)
    except SettingsError as error:
        _refuse(str(error))


@contextmanager
def _at_work(study: Study, command: str) -> Iterator[dg.DagsterInstance]:
    """The history of a home that this command alone works on; exits when another one or a run does."""
    from dunnhumby_pipeline.engine.tables import TableError
    from dunnhumby_pipeline.orchestration.platform.runner import open_history
    from dunnhumby_pipeline.orchestration.platform.running import Busy, require_no_run, working

    try:
        with working(study.home, command), open_history(study.home) as instance:
            _end_dead_runs(study, instance)
            require_no_run(instance)
            for path in study.remove_leftovers():
                _say("noted", f"removed {path}, left over from a process that died")
            yield instance
    except (Busy, TableError) as error:
        _refuse(str(error))


def _end_dead_runs(study: Study, instance: dg.DagsterInstance) -> None:
    from dunnhumby_pipeline.orchestration.platform.resources import LogFileNotifier
    from dunnhumby_pipeline.orchestration.platform.running import end_dead_runs

    for message in end_dead_runs(study.home, instance):
        LogFileNotifier(study.home.alerts_log).notify(message)
        _say("noted", message)


def _refuse_disturbed(found: Iterable[str]) -> None:
    """Exit, naming them, when there are tables that a command would read and that are not as they were written."""
    from dunnhumby_pipeline.engine.tables import WAY_OUT

    said = list(found)
    if said:
        _refuse(f"{'; '.join(said)}; {WAY_OUT}")


def _damaged_origin(study: Study) -> list[str]:
    from dunnhumby_pipeline.orchestration.platform.origin import Origin

    damaged = study.origin.is_file() and Origin.read(study.origin) is None
    return [f"{study.origin} is damaged, or of another release"] if damaged else []


def _settings(home: Home) -> Settings:
    """The settings of a home; exits when they cannot be used."""
    from dunnhumby_pipeline.targeting.policies.registry import chosen_policy

    try:
        settings = load_settings(home)
        chosen_policy(settings.policy)
        return settings
    except SettingsError as error:
        _refuse(str(error))


def _describe_source(study: Study) -> str:
    """The input in words; exits when there is none that can be used."""
    from dunnhumby_pipeline.journey.source import JourneyError

    try:
        return study.source().description
    except JourneyError as error:
        for problem in error.problems:
            _say("cannot start", str(problem))
        raise typer.Exit(UNUSABLE) from error


def _summarise(
    study: Study,
    instance: dg.DagsterInstance,
    campaign_type: str,
    seconds: float | None,
    missing: frozenset[str],
) -> None:
    from dunnhumby_pipeline.orchestration.reporting import all_check_states, study_facts, study_tables
    from dunnhumby_pipeline.report.summary import render_summary

    tables = study_tables(study, campaign_type, missing)
    checks = all_check_states(instance, campaign_type)
    # Uncropped: a path that is longer than the terminal is wide can still be copied whole.
    console.print(render_summary(tables, checks, study_facts(study, campaign_type, seconds)), crop=False)


def _known_type(campaign_type: str) -> None:
    if campaign_type not in CAMPAIGN_TYPES:
        _refuse(f"--campaign-type is {campaign_type!r}; expected one of {', '.join(CAMPAIGN_TYPES)}")


def _say(what: str, message: str) -> None:
    """A line of bad news. The message is data: as markup, a square bracket in it would be lost."""
    console.print(Text.assemble((what, "red"), "  ", one_line(message)), soft_wrap=True)


def _refuse(message: str) -> NoReturn:
    _say("cannot start", message)
    raise typer.Exit(UNUSABLE)


if __name__ == "__main__":
    app()
