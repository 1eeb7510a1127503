"""Schedules: every week, of each campaign type, what has become stale."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.jobs import study_job
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.staleness import stale_assets

# Monday, before the week's work begins.
WEEKLY = "0 5 * * 1"


@dg.schedule(
    job=study_job,
    cron_schedule=WEEKLY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On Mondays at 05:00 UTC, of every campaign type in the settings, what rests on changed files, "
    "code or settings; nothing when nothing is stale.",
)
def weekly_study(
    context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    moment = context.scheduled_execution_time.date().isoformat()
    for campaign_type in study.settings.campaign_types:
        stale = stale_assets(study, context.repository_def.asset_graph, context.instance, campaign_type)
        if stale:
            run_key = f"{campaign_type}-{moment}"
            yield dg.RunRequest(run_key=run_key, partition_key=campaign_type, asset_selection=stale)
