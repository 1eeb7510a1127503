"""`dunnhumby alerts`: what is open, whether the channels work, and what could not be sent."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import typer
from rich.markup import escape

from dunnhumby_pipeline.command.work import (
    BLOCKED,
    HomeOption,
    console,
    refuse,
    resolved_home,
    say,
    usable_settings,
)

alerts = typer.Typer(no_args_is_help=True, help="Alerts: what is open, a test of the channels, dead letters.")


@alerts.command()
def status(home: HomeOption = None) -> None:
    """Open incidents, channels that do not answer, and messages that wait or were given up."""
    from dunnhumby_pipeline.orchestration.alerts.store import Store

    store = Store(resolved_home(home).alerts)
    state = store.read()
    for one in state.incidents:
        checks = ", ".join(f"{name} ({found})" for name, found in one.checks.items())
        failed = f"run of {one.run.job}" if one.run is not None else ""
        times = f", {one.times} times" if one.times > 1 else ""
        _print(f"incident {one.number}, {one.severity}, since {_utc(one.opened)}{times}: {checks or failed}")
    for name, refusal in state.down.items():
        said = f"no answer since {_utc(refusal.since)}, tried again at {_utc(refusal.again)}: {refusal.said}"
        _print(f"{name}: {said}")
    letters = store.given_up()
    counts = f"{len(state.incidents)} open, {len(state.outbox)} waiting to be sent, {len(letters)} given up"
    _print(f"{counts} ({store.dead_letters})" if letters else counts)


@alerts.command()
def test(home: HomeOption = None) -> None:
    """Send one message to the log and to every address in the environment, and say what each answered.

    Exit code 1 when one did not take it, 2 when an address cannot be used.
    """
    from dunnhumby_pipeline.orchestration.alerts.channels import channels
    from dunnhumby_pipeline.orchestration.alerts.incident import BASELINE, INFO, Message

    found = resolved_home(home)
    usable_settings(found)
    require_usable_addresses()
    title = f"Test of the alerts of {found.root.name} (dunnhumby)"
    message = Message(0, time.time(), BASELINE, INFO, title, ("Sent by `dunnhumby alerts test`; nothing has happened",))
    failed = 0
    for channel in channels(found.alerts_log, os.environ):
        said = channel.send(message)
        failed += said is not None
        if said is None:
            _print(f"{channel.name}: sent")
        else:
            say("failed", f"{channel.name}: {said}")
    if failed:
        raise typer.Exit(BLOCKED)


@alerts.command()
def resend(home: HomeOption = None) -> None:
    """Put the dead letters back among what the daemon sends, each to the channel that refused it."""
    from dunnhumby_pipeline.orchestration.alerts.store import Store

    n = Store(resolved_home(home).alerts).resend(time.time())
    _print(f"{n} dead letters are to be sent again" if n else "there are no dead letters")


def require_usable_addresses() -> None:
    """Exit, saying which, when the environment names an address for alerts that cannot be used."""
    from dunnhumby_pipeline.orchestration.alerts.channels import unusable

    found = unusable(os.environ)
    if found:
        refuse("; ".join(found))


def _print(line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
