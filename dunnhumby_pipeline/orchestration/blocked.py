"""A run that fails leaves a brief all the same: what could not be answered, why, and what to do."""

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.platform.resources import Study


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Writes the brief of a campaign type whose run has failed.",
)
def brief_of_failed_run(context: dg.RunFailureSensorContext, study: dg.ResourceParam[Study]) -> None:
    from dunnhumby_pipeline.orchestration.reporting import write_brief

    campaign_type = context.partition_key
    # A run of what all types share has no brief of its own.
    if campaign_type in schema.CAMPAIGN_TYPES:
        write_brief(study, context.instance, campaign_type)
