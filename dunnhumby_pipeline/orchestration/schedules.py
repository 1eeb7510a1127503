"""Schedules: the full study every week."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.jobs import study_job
from dunnhumby_pipeline.orchestration.resources import Study

# Monday, before the week's work begins.
WEEKLY = "0 5 * * 1"


@dg.schedule(
    job=study_job,
    cron_schedule=WEEKLY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The full study of every campaign type in the settings, on Mondays at 05:00 UTC.",
)
def weekly_study(context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]) -> Iterator[dg.RunRequest]:
    moment = context.scheduled_execution_time.date().isoformat()
    for campaign_type in study.settings.campaign_types:
        yield dg.RunRequest(run_key=f"{campaign_type}-{moment}", partition_key=campaign_type)
