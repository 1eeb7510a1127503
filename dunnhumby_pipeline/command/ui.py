"""`dunnhumby ui`: the Dagster UI with its daemon, or one of the two, on the tables and history of a home."""

from __future__ import annotations

import os
import re
import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from dunnhumby_pipeline.command.alerts import require_usable_addresses
from dunnhumby_pipeline.command.pages import begin_pages
from dunnhumby_pipeline.command.ports import is_loopback, require_free
from dunnhumby_pipeline.command.work import (
    HomeOption,
    RawOption,
    console,
    load_study,
    refuse,
    say,
    say_dead_runs,
)
from dunnhumby_pipeline.settings import HOME_VARIABLE, RAW_VARIABLE

# By these, dagster's web server takes options that `dagster dev` does not pass on.
_PREFIX, _READ_ONLY = "DAGSTER_WEBSERVER_PATH_PREFIX", "DAGSTER_WEBSERVER_READ_ONLY"


class Part(StrEnum):
    """What of the UI a process is: a service of its own for each."""

    WEB = "web"
    DAEMON = "daemon"


def ui(
    raw: RawOption = None,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web server on this machine.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address that the web server listens on; by default only this machine reaches it.")
    ] = "127.0.0.1",
    path_prefix: Annotated[
        str, typer.Option("--path-prefix", help="Path below which a proxy serves the UI, such as /desk.")
    ] = "",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="For viewers: nothing can be started, stopped or switched.")
    ] = False,
    part: Annotated[
        Part | None,
        typer.Option(
            "--part", help="Only the web server, or only the daemon: for services. Default: both.", show_default=False
        ),
    ] = None,
) -> None:
    """Open the Dagster UI, with its daemon, on the tables and history of HOME. Ctrl-C ends it.

    Its links to brief, report and pictures lead to desk.pages_url (by default http://localhost:3001), which is served
    beside the web server. The UI asks nobody who they are: for others than this machine's user, put a proxy before it
    that does.
    """
    prefix = path_prefix.rstrip("/")
    if prefix and re.fullmatch(r"(?:/[\w.~-]+)+", prefix) is None:
        refuse(f"--path-prefix is {path_prefix!r}; expected a path such as /desk")
    if part is Part.DAEMON and read_only:
        refuse("--read-only is of the web server; the daemon begins what schedules say")
    study, _ = load_study(home, raw)
    if part is not Part.WEB:
        require_usable_addresses()
    if part is not Part.DAEMON:
        require_free(host, port, "--port")
    from dunnhumby_pipeline.orchestration.platform.database import HistoryError
    from dunnhumby_pipeline.orchestration.platform.history import DAEMON_MODULE
    from dunnhumby_pipeline.orchestration.platform.runner import CODE_LOCATION, open_history

    try:
        with open_history(study.home, study.settings) as instance:
            say_dead_runs(study, instance)
    except HistoryError as error:
        refuse(str(error))
    if part is not Part.DAEMON:
        begin_pages(study, port)
    os.environ |= {"DAGSTER_HOME": str(study.home.dagster_home), HOME_VARIABLE: str(study.home.root)}
    # `dagster dev` starts the web server with the environment alone.
    os.environ |= {_PREFIX: prefix, **({_READ_ONLY: "true"} if read_only else {})}
    place = f"http://{'localhost' if is_loopback(host) else host}:{port}{prefix}"
    if study.settings.alerts.ui_url is None:
        # For links in alerts; where others open the UI by another address, the setting says so.
        os.environ["DUNNHUMBY_ALERTS__UI_URL"] = place
    if study.raw is not None:
        os.environ[RAW_VARIABLE] = str(study.raw)
    if part is Part.DAEMON:
        console.print(f"daemon of {escape(str(study.home.root))}", highlight=False, soft_wrap=True)
    else:
        console.print(f"{place} on {escape(str(study.home.root))}", highlight=False, soft_wrap=True)
        if not is_loopback(host):
            say("noted", f"whoever reaches {host}:{port} can start runs: let only a proxy that asks who they are")
    where = ["-h", host, "-p", str(port)]
    arguments = {
        None: ["dagster", "dev", "-m", CODE_LOCATION, *where],
        Part.WEB: ["dagster_webserver", "-m", CODE_LOCATION, *where],
        Part.DAEMON: [DAEMON_MODULE, "run", "-m", CODE_LOCATION],
    }[part]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])
