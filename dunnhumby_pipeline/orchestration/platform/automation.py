"""What begins work by itself where the settings choose conditions over schedules, and when tables count as old.

Under `schedules.by = "automation"` a raw file is looked at when the study's cron says so, and a table is rebuilt when
what it rests on has changed, unless a blocking check upstream did not pass: `eager` alone would ignore that. The weekly
schedule is then off. Changed code or settings begin nothing by themselves there; a `dunnhumby run` does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from dunnhumby_pipeline.settings import ScheduleSettings, Settings

AUTOMATION = "automation"
# What somebody acts on: it is old when nothing has rebuilt it, be it for want of new data.
ACTED_ON = frozenset({"transactions", "segments", "next_action", "targeting_list", "campaign_brief", "campaign_report"})


def is_automated(settings: Settings) -> bool:
    """Whether conditions of tables begin work, and not the weekly schedule."""
    return settings.schedules.by == AUTOMATION


def condition_of(settings: Settings, *, raw: bool) -> Any:
    """What begins the work of a table, or the look at a raw file; None where schedules do."""
    if not is_automated(settings):
        return None
    if raw:
        timetable: ScheduleSettings = settings.schedules
        return dg.AutomationCondition.on_cron(timetable.study.cron, timetable.time_zone)
    return dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()


def freshness_of(table: str, settings: Settings) -> dg.FreshnessPolicy | None:
    """When the UI calls a table old: a warning at half of `schedules.study.old_after_days`; None for most tables."""
    if table not in ACTED_ON:
        return None
    days = timedelta(days=settings.schedules.study.old_after_days)
    return dg.FreshnessPolicy.time_window(fail_window=days, warn_window=days / 2)


def automation_sensor(settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """What looks at the conditions: on where the settings choose them."""
    on = dg.DefaultSensorStatus.RUNNING if is_automated(settings) else dg.DefaultSensorStatus.STOPPED
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(include_sources=True),
        default_status=on,
        minimum_interval_seconds=60,
        description="Rebuilds what rests on changed tables, where no blocking check stands against it: the alternative "
        'to the weekly schedule, chosen by `schedules.by = "automation"`.',
    )
