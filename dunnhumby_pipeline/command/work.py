"""What every command does before its work: finds the study, holds its home, and refuses what cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.settings import (
    HOME_VARIABLE,
    RAW_VARIABLE,
    HistorySettings,
    Home,
    Settings,
    SettingsError,
    load_settings,
    one_line,
    require_home,
    require_writable,
    resolve_raw,
)
from dunnhumby_pipeline.words.terminal import plain_console

if TYPE_CHECKING:
    import dagster as dg

    from dunnhumby_pipeline.orchestration.platform.resources import Study

BLOCKED, UNUSABLE = 1, 2
console = plain_console()

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


def load_study(home: Path | None, raw: Path | None) -> tuple[Study, dg.Definitions]:
    """The study and its definitions; options win over the environment."""
    from dunnhumby_pipeline.definitions import build_defs
    from dunnhumby_pipeline.engine.duck import require_folder
    from dunnhumby_pipeline.engine.tables import require_reachable
    from dunnhumby_pipeline.orchestration.platform.database import require_database
    from dunnhumby_pipeline.orchestration.platform.private import keep_private
    from dunnhumby_pipeline.orchestration.platform.resources import Study
    from dunnhumby_pipeline.segmentation.actions.playbook import PlaybookError, load_playbook
    from dunnhumby_pipeline.segmentation.needs.names import NeedNamesError, load_need_names
    from dunnhumby_pipeline.targeting.opt_outs import ContactError, opt_out_path, read_opt_outs

    found = resolved_home(home)
    study = Study(usable_settings(found), found, resolve_raw(raw))
    settings = study.settings
    keep_private(settings.file_mode)
    try:
        require_home(found)
        if isinstance(study.warehouse, Path):
            require_writable(study.warehouse, "the warehouse")
        require_writable(found.dagster_home, "the folder of the run history")
        require_reachable(study.warehouse)
        require_database(settings.history)
        require_folder(settings.engine)
        load_playbook(found.playbook)
        load_need_names(found.need_names)
        read_opt_outs(opt_out_path(settings.contact.opt_out_file, found.root))
    except (SettingsError, PlaybookError, NeedNamesError, ContactError) as error:
        refuse(str(error))
    return study, build_defs(home=found, raw=study.raw, settings=settings)


def resolved_home(home: Path | None) -> Home:
    try:
        return Home.resolve(home)
    except SettingsError as error:
        refuse(str(error))


@contextmanager
def at_work(study: Study, command: str) -> Iterator[dg.DagsterInstance]:
    """The history of a home that this command alone works on; exits when another one or a run does."""
    from dunnhumby_pipeline.engine.tables import TableError
    from dunnhumby_pipeline.orchestration.platform.database import HistoryError, broken_history
    from dunnhumby_pipeline.orchestration.platform.runner import open_history
    from dunnhumby_pipeline.orchestration.platform.running import Busy, require_no_run, working

    try:
        with working(study.home, command), open_history(study.home, study.settings) as instance:
            say_dead_runs(study, instance)
            require_no_run(instance)
            for path in study.remove_leftovers():
                say("noted", f"removed {path}, left over from a process that died")
            yield instance
    except (Busy, TableError, HistoryError) as error:
        refuse(str(error))
    except Exception as error:
        found = broken_history(error)
        if found is None:
            raise
        say_broken_history(study.settings.history, study.home, found)
        raise typer.Exit(BLOCKED) from error


def say_broken_history(history: HistorySettings, home: Home, found: str) -> None:
    """Say that the run history stopped answering, and how it goes on."""
    place = home.dagster_home if history.host is None else f"Postgres at {history.place}"
    say(
        "failed",
        f"the run history ({place}) could no longer be read or written: {found}. Tables that were finished are whole; "
        "once it answers again, `dunnhumby run` marks the run as failed and goes on from here",
    )


def say_dead_runs(study: Study, instance: dg.DagsterInstance) -> None:
    from dunnhumby_pipeline.orchestration.platform.running import end_dead_runs

    for message in end_dead_runs(study.home, instance):
        say("noted", message)


def require_study(study: Study, campaign_type: str, needed: Iterable[str]) -> None:
    """Exit unless the tables of a campaign type that a command needs are there."""
    if not all(study.table(name, campaign_type).is_file() for name in needed):
        refuse(f"there is no study of {campaign_type} in {study.home.root}; run `dunnhumby run` first")


def require_fresh(
    study: Study,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    campaign_type: str,
    needed: Iterable[str] | None = None,
) -> None:
    """Exit when tables that a command needs (None: any of the study) are stale."""
    from dunnhumby_pipeline.orchestration.platform.keys import table_of
    from dunnhumby_pipeline.orchestration.staleness import stale_assets, stale_in_words

    old = stale_assets(study, defs.resolve_asset_graph(), instance, campaign_type)
    if old and (needed is None or {table_of(key) for key in old} & set(needed)):
        refuse(stale_in_words(campaign_type, old))


def require_place(out: Path | None, *endings: str) -> None:
    """Exit when a file that is to be written has another ending, or no folder to lie in."""
    if out is not None and (out.suffix not in endings or not out.absolute().parent.is_dir()):
        refuse(f"--out is {str(out)!r}; expected a {' or '.join(endings)} file in a folder that exists")


def refuse_disturbed(found: Iterable[str]) -> None:
    """Exit, naming them, when there are tables that a command would read and that are not as they were written."""
    from dunnhumby_pipeline.engine.tables import WAY_OUT

    said = list(found)
    if said:
        refuse(f"{'; '.join(said)}; {WAY_OUT}")


def usable_settings(home: Home) -> Settings:
    """The settings of a home; exits when they cannot be used."""
    from dunnhumby_pipeline.targeting.policies.registry import chosen_policy

    try:
        settings = load_settings(home)
        chosen_policy(settings.policy)
        return settings
    except SettingsError as error:
        refuse(str(error))


def describe_source(study: Study) -> str:
    """The input in words; exits when there is none that can be used."""
    from dunnhumby_pipeline.journey.source import JourneyError

    try:
        return study.source().description
    except JourneyError as error:
        for problem in error.problems:
            say("cannot start", str(problem))
        raise typer.Exit(UNUSABLE) from error


def require_known_type(campaign_type: str) -> None:
    if campaign_type not in CAMPAIGN_TYPES:
        refuse(f"--campaign-type is {campaign_type!r}; expected one of {', '.join(CAMPAIGN_TYPES)}")


def say(what: str, message: str) -> None:
    """A line of bad news. The message is data: as markup, a square bracket in it would be lost."""
    console.print(Text.assemble((what, "red"), "  ", one_line(message)), soft_wrap=True)


def refuse(message: str) -> NoReturn:
    say("cannot start", message)
    raise typer.Exit(UNUSABLE)
