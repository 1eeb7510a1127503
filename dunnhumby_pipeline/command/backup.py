"""`dunnhumby backup` and `dunnhumby restore`: a home as one file, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dunnhumby_pipeline.command.work import (
    HomeOption,
    at_work,
    console,
    refuse,
    resolved_home,
    say,
    usable_settings,
)
from dunnhumby_pipeline.settings import HOME_VARIABLE, SettingsError, resolve_raw


def backup(
    file: Annotated[Path, typer.Argument(help="File to write, or a folder in which one is made with date and time.")],
    home: HomeOption = None,
    raw: Annotated[bool, typer.Option("--raw/--no-raw", help="Pack the raw files in HOME/raw, too.")] = True,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, help="Of a folder, remove all but so many of the last.", show_default=False),
    ] = None,
) -> None:
    """Pack a home into one file: settings, tables, lists, experiments, forgotten households, history and alerts.

    The UI and its daemon may go on; a command or a run that is at work is waited for by trying again. Secrets stay
    out. What lies elsewhere (raw files, an object store, a Postgres database) is named with what to do. Exit code 2
    when nothing could be packed.
    """
    found = resolved_home(home)
    if not found.root.is_dir() or not any(found.root.iterdir()):
        refuse(f"there is no home in {found.root}; expected the folder of a study: --home, or ${HOME_VARIABLE}")
    from dunnhumby_pipeline.orchestration.backup.manifest import BackupError
    from dunnhumby_pipeline.orchestration.backup.write import back_up, keep_last, name_of
    from dunnhumby_pipeline.orchestration.platform.database import HistoryError, require_database
    from dunnhumby_pipeline.orchestration.platform.private import keep_private
    from dunnhumby_pipeline.orchestration.platform.resources import Study

    study = Study(usable_settings(found), found, resolve_raw())
    keep_private(study.settings.file_mode)
    in_folder = file.is_dir()
    target = (file / name_of(datetime.now(UTC)) if in_folder else file).absolute()
    if not target.parent.is_dir():
        refuse(f"the file is {str(file)!r}; expected one in a folder that exists, or a folder")
    if keep is not None and not in_folder:
        refuse(f"--keep is of a folder of backups; expected one, found the file {str(file)!r}")
    places = [found.root, study.warehouse] if isinstance(study.warehouse, Path) else [found.root]
    if any(target.resolve().is_relative_to(place.resolve()) for place in places):
        refuse(f"the file is {str(file)!r}, in what it is to pack; expected a place outside {found.root}")
    try:
        require_database(study.settings.history)
        with at_work(study, "dunnhumby backup") as instance:
            made, manifest = back_up(study, instance, target, raw)
        removed = keep_last(target.parent, keep) if keep is not None else []
    except (BackupError, HistoryError) as error:
        refuse(str(error))
    except OSError as error:
        say("failed", f"an old backup could not be removed: {error}")
        raise typer.Exit(1) from error
    _print(f"{len(manifest.files):,} files of {found.root} in {made.file} ({made.bytes / 1e6:,.1f} MB)")
    _print(f"SHA-256 {made.sha256}")
    for said in manifest.left_out:
        _print(f"not in it: {said}")
    if manifest.history != "files":
        name = target.with_suffix(".dump").name
        history = study.settings.history
        _print(
            f"not in it: the run history, which is in {manifest.history}; with it goes: pg_dump --format=custom "
            f"--host={history.host} --port={history.port} --username={history.user} --file={name} {history.database}"
        )
    for old in removed:
        _print(f"removed {old}")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `dunnhumby backup` wrote.")],
    home: Annotated[
        Path, typer.Option("--home", help="Folder to restore to: an empty one, or one that does not exist.")
    ],
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", help="SHA-256 of the file, as `dunnhumby backup` said it.", show_default=False),
    ] = None,
    forgotten: Annotated[
        Path | None,
        typer.Option(
            "--forgotten",
            help="The forgotten.json of the home as it was last: households that were forgotten after the backup are "
            "erased again.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Restore a home from a backup, after every file of it was held against its hash.

    Nothing is written unless all is well. Exit code 2 for a home that is not empty, and for a file that is cut short,
    altered, of another kind, or made by a newer release.
    """
    from dunnhumby_pipeline.orchestration.backup.manifest import BackupError
    from dunnhumby_pipeline.orchestration.backup.restore import restore as bring_back

    found = resolved_home(home)
    try:
        done = bring_back(file, found, sha256, forgotten)
    except (BackupError, SettingsError) as error:
        refuse(str(error))
    manifest = done.manifest
    _print(
        f"{len(manifest.files):,} files restored to {found.root}, each as it was packed: the backup of {manifest.home} "
        f"of {manifest.made_at}, by dunnhumby {manifest.program}"
    )
    for said in manifest.left_out:
        _print(f"not in it: {said}")
    if manifest.history != "files":
        _print(
            f"the run history was in {manifest.history}; bring it back into an empty database before the next command: "
            "pg_restore --clean --if-exists --no-owner --host=HOST --username=USER --dbname=DATABASE FILE.dump. "
            "Without it everything is rebuilt and judged once"
        )
    if forgotten is None:
        _print(
            f"Households that were forgotten after {manifest.made_at} are back with it. If there were any, restore "
            "again with --forgotten and the forgotten.json of the home as it was last"
        )
    else:
        _print(f"{done.erased} households that were forgotten since are erased from it")
    if done.unusable is not None:
        say("noted", f"the settings of this backup are of another release: {done.unusable}")
    _print("No backup holds secrets: give PGPASSWORD and the addresses of alerts, if any, to the new process")
    _print(f"Next: `dunnhumby run --home {found.root}`, which rebuilds what is stale there, if anything is")


def _print(line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)
