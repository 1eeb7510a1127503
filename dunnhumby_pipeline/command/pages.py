"""`dunnhumby pages`: brief, report and lists over HTTP on this machine; `dunnhumby ui` starts it beside the UI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from dunnhumby_pipeline.command.ports import LOCALHOST, is_loopback, require_free
from dunnhumby_pipeline.command.work import HomeOption, console, refuse, resolved_home, say, usable_settings
from dunnhumby_pipeline.settings import SettingsError

# Between two looks at whether a process still lives.
_LOOK_SECONDS = 0.5

if TYPE_CHECKING:
    from dunnhumby_pipeline.orchestration.platform.resources import Study


def pages(
    home: HomeOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port on this machine. Default: that of desk.pages_url.", show_default=False
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address that it listens on; by default only this machine reaches it.")
    ] = LOCALHOST,
    beside: Annotated[
        int | None, typer.Option(hidden=True, help="End with the process of this number, which began this one.")
    ] = None,
) -> None:
    """Serve brief, report and lists to be read, on this machine: where the links in the UI lead. Ctrl-C ends it.

    For others to read them, put a proxy with authentication before it and give its address as desk.pages_url, such as
    https://desk.example/pages.
    """
    study = _readable_study(home)
    from dunnhumby_pipeline.orchestration.pages import server_of

    where = own_port(study) if port is None else port
    if where is None:
        refuse(f"desk.pages_url is {study.settings.desk.pages_url!r}, which names no port of this machine; give --port")
    require_free(host, where, "--port" if port is not None else "desk.pages_url")
    place = f"http://{'localhost' if is_loopback(host) else host}:{where}"
    console.print(f"{place} serves what lies in {study.warehouse}", highlight=False, soft_wrap=True)
    if not is_loopback(host):
        say("noted", f"whoever reaches {host}:{where} can read lists: let only a proxy that asks who they are")

    def serve(parent: int | None = None) -> None:
        with server_of(study, where, host) as server:
            if parent is not None:
                threading.Thread(target=_end_with, args=(parent, server.shutdown), daemon=True).start()
            server.serve_forever(poll_interval=0.2)

    if beside is None:
        serve()
    else:
        _keep(serve, beside)


def _keep(serve: Callable[[int], None], beside: int) -> None:
    """Serve in a process of its own, and in another one when that has died, as long as `beside` lives."""
    own = os.getpid()
    while os.getppid() == beside:
        child = os.fork()
        if child == 0:
            try:
                serve(own)
            finally:
                os._exit(0)
        try:
            while os.getppid() == beside and os.waitpid(child, os.WNOHANG) == (0, 0):
                time.sleep(_LOOK_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        # Whatever ends it at once, such as a port that another program took, is not asked for without a pause.
        time.sleep(_LOOK_SECONDS)


def _readable_study(home: Path | None) -> Study:
    """The study of a home for who only reads it: neither the run history nor a folder to write to is asked for."""
    from dunnhumby_pipeline.engine.tables import require_reachable
    from dunnhumby_pipeline.orchestration.platform.resources import Study

    found = resolved_home(home)
    study = Study(usable_settings(found), found)
    if not found.root.is_dir():
        refuse(
            f"the home is {str(found.root)!r}; expected a folder that exists, in which `dunnhumby run` makes a study"
        )
    try:
        require_reachable(study.warehouse)
    except SettingsError as error:
        refuse(str(error))
    return study


def _end_with(process: int, end: Callable[[], None]) -> None:
    while os.getppid() == process:
        time.sleep(_LOOK_SECONDS)
    end()


def own_port(study: Study) -> int | None:
    """The port on this machine that desk.pages_url names; None when it names another machine."""
    from dunnhumby_pipeline.orchestration.pages import LOCAL

    parts = urlsplit(study.settings.desk.pages_url)
    return (parts.port or 80) if parts.scheme == "http" and parts.hostname in LOCAL else None


def begin_pages(study: Study, ui_port: int) -> None:
    """Serve the pages beside this process, and as long as it lives, where desk.pages_url names this machine."""
    port = own_port(study)
    if port is None:
        return
    if port == ui_port:
        refuse(f"--port is {ui_port}, where desk.pages_url has brief and report; name another for one of them")
    require_free(LOCALHOST, port, "desk.pages_url")
    own = [sys.executable, "-m", "dunnhumby_pipeline", "pages", "--home", str(study.home.root)]
    subprocess.Popen([*own, "--port", str(port), "--beside", str(os.getpid())], stdout=subprocess.DEVNULL)
