"""`dunnhumby pages`: brief, report and lists over HTTP on this machine; `dunnhumby ui` starts it beside the UI."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from dunnhumby_pipeline.command.work import HomeOption, console, load_study, refuse

if TYPE_CHECKING:
    from dunnhumby_pipeline.orchestration.platform.resources import Study

LOCALHOST = "127.0.0.1"


def pages(
    home: HomeOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port on this machine. Default: that of desk.pages_url.", show_default=False
        ),
    ] = None,
    beside: Annotated[
        int | None, typer.Option(hidden=True, help="End with the process of this number, which began this one.")
    ] = None,
) -> None:
    """Serve brief, report and lists to be read, on this machine: where the links in the UI lead. Ctrl-C ends it.

    For others to read them, put a proxy with authentication before it and give its address as desk.pages_url.
    """
    study, _ = load_study(home, None)
    from dunnhumby_pipeline.orchestration.pages import server_of

    where = own_port(study) if port is None else port
    if where is None:
        refuse(f"desk.pages_url is {study.settings.desk.pages_url!r}, which names no port of this machine; give --port")
    require_free(where, "--port" if port is not None else "desk.pages_url")
    with server_of(study, where) as server:
        console.print(
            f"http://localhost:{where} serves what lies in {study.warehouse}", highlight=False, soft_wrap=True
        )
        if beside is not None:
            threading.Thread(target=_end_with, args=(beside, server.shutdown), daemon=True).start()
        server.serve_forever(poll_interval=0.2)


def _end_with(process: int, end: Callable[[], None]) -> None:
    while os.getppid() == process:
        time.sleep(0.5)
    end()


def own_port(study: Study) -> int | None:
    """The port on this machine that desk.pages_url names; None when it names another machine."""
    from dunnhumby_pipeline.orchestration.pages import LOCAL

    parts = urlsplit(study.settings.desk.pages_url)
    return (parts.port or 80) if parts.scheme == "http" and parts.hostname in LOCAL else None


def require_free(port: int, named: str) -> None:
    """Exit when another process listens on a port of this machine; `named`: what says another one."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOCALHOST, port))
        except PermissionError:
            refuse(f"port {port} is not this user's to open; name one above 1023 ({named})")
        except OSError:
            refuse(f"port {port} is in use by another process; end it, or name another port ({named})")


def begin_pages(study: Study, ui_port: int) -> None:
    """Serve the pages beside this process, and as long as it lives, where desk.pages_url names this machine."""
    port = own_port(study)
    if port is None:
        return
    if port == ui_port:
        refuse(f"--port is {ui_port}, where desk.pages_url has brief and report; name another for one of them")
    require_free(port, "desk.pages_url")
    own = [sys.executable, "-m", "dunnhumby_pipeline", "pages", "--home", str(study.home.root)]
    subprocess.Popen([*own, "--port", str(port), "--beside", str(os.getpid())], stdout=subprocess.DEVNULL)
