"""Runs whose process is dead are ended, and an alert says so."""

from __future__ import annotations

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.resources import LogFileNotifier
from dunnhumby_pipeline.orchestration.platform.running import end_dead_runs
from dunnhumby_pipeline.settings import Home


def alert_of_dead_runs(home: Home, instance: dg.DagsterInstance) -> list[str]:
    """End the runs of dead processes with an alert for each; what the alerts say."""
    messages = end_dead_runs(home, instance)
    for message in messages:
        LogFileNotifier(home.alerts_log).notify(message)
    return messages
