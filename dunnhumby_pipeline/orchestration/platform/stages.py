"""What a run is at, on a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console

from dunnhumby_pipeline.orchestration.platform.interrupts import stopped

if TYPE_CHECKING:
    import dagster as dg


class Stages:
    """Shows the stage that runs, and a line with its time when it has ended."""

    def __init__(self, console: Console) -> None:
        self.console = console
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
            self.console.print(f"{mark} {seconds:6.1f} s  {name}", highlight=False)
        elif event.is_step_skipped:
            self.console.print(f"[yellow]skipped[/yellow]           {name}", highlight=False)
