"""Schedules: every week, of each campaign type, what has become stale."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.jobs import study_job
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import checks_of
from dunnhumby_pipeline.orchestration.staleness import stale_work

# Monday, before the week's work begins.
WEEKLY = "0 5 * * 1"


@dg.schedule(
    job=study_job,
    cron_schedule=WEEKLY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On Mondays at 05:00 UTC, of every campaign type in the settings, what rests on changed files, "
    "code or settings, and checks that do not cover their table as it is; nothing when nothing is stale.",
)
def weekly_study(
    context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    moment = context.scheduled_execution_time.date().isoformat()
    for campaign_type in study.settings.campaign_types:
        graph = context.repository_def.asset_graph
        work = stale_work(study, graph, context.instance, campaign_type)
        if work:
            yield dg.RunRequest(
                run_key=f"{campaign_type}-{moment}",
                partition_key=campaign_type,
                asset_selection=sorted(work.assets),
                # Named, since a request that names some checks asks for no others.
                asset_check_keys=sorted(checks_of(work, graph)),
            )
