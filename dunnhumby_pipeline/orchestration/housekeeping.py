"""Removing what is old: runs of the history that nothing reads any more, and the decisions of lists long superseded."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.retention import old_runs, remove_runs
from dunnhumby_pipeline.targeting.list_ledger import old_decisions

HOUSEKEEPING, DAILY_CHECKS = "housekeeping", "daily_checks"
# The tag of a run that a schedule asked for.
SCHEDULE = "dagster/schedule_name"


@dataclass(frozen=True)
class Old:
    """Runs (by id) and files that can go."""

    runs: list[str]
    lists: list[Path]

    def __bool__(self) -> bool:
        return bool(self.runs or self.lists)


def to_remove(study: Study, instance: dg.DagsterInstance, now: datetime | None = None) -> Old:
    """What is older than `retention` says and read by nothing; `now`: UTC, by default this moment."""
    kept, home, today = study.settings.retention, study.home, now or datetime.now(UTC)
    lists = [
        file
        for campaign_type in CAMPAIGN_TYPES
        for file in old_decisions(home.lists, home.list_versions, home.approvals, campaign_type, kept.lists)
    ]
    checks = [check.key for check in CHECKS]
    # Three megabytes a day for the sample, which the next day's stand for.
    daily = old_runs(instance, checks, today - timedelta(days=kept.tick_days), {SCHEDULE: DAILY_CHECKS})
    runs = old_runs(instance, checks, today - timedelta(days=kept.history_days))
    return Old(list(dict.fromkeys([*daily, *runs])), lists)


def remove(study: Study, instance: dg.DagsterInstance, old: Old) -> int:
    """Remove runs and files; how many runs."""
    for file in old.lists:
        file.unlink(missing_ok=True)
    return remove_runs(instance, study.home, old.runs)


@dg.op(description="Removes what is old and read by nothing: runs of the history, decisions of lists.")
def remove_what_is_old(context: dg.OpExecutionContext, study: dg.ResourceParam[Study]) -> None:
    old = to_remove(study, context.instance)
    context.add_output_metadata({"n_runs": remove(study, context.instance, old), "n_lists": len(old.lists)})


@dg.job(
    name=HOUSEKEEPING,
    description="Removes runs and kept decisions of lists that are older than `retention` says; never what gates, "
    "staleness or a comparison reads.",
)
def housekeeping() -> None:
    remove_what_is_old()
