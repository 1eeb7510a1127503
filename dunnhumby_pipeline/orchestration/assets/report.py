"""The campaign report: one HTML page per campaign type."""

import dagster as dg

from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step
from dunnhumby_pipeline.report.brief.page import brief_reads
from dunnhumby_pipeline.report.sections import report_reads
from dunnhumby_pipeline.settings import Settings

# What says when work is begun, how runs are ended, where alerts go and whom the UI names.
RUNS_BY_ITSELF = ("schedules", "runs", "retention", "alerts", "desk", "history")
# Where tables lie, who may read them and what computes them does not show in a report, nor what begins by itself.
_SHOWN = tuple(sorted(set(Settings.model_fields) - {"engine", "file_mode", "warehouse", *RUNS_BY_ITSELF}))


# It shows the state of every check, so it comes after the tables that are judged, too.
@step(settings=_SHOWN, deps=dict.fromkeys((*report_reads(), *(check.table for check in CHECKS))))
def campaign_report(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> dg.Output:
    """Who the customers are, whom to target, how sure we are and what it is worth, on one page."""
    from dunnhumby_pipeline.orchestration.reporting import write_report

    target = write_report(study, context.instance, context.partition_key)
    return dg.Output(target, metadata={"file": dg.MetadataValue.path(str(target))})


# Settings of trials that leave no grounds for a policy leave none for what an earlier study said of one.
@step(settings=("confidence", "checks", "trial"), deps=dict.fromkeys((*brief_reads(), "experiment_assignment")))
def campaign_brief(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> dg.Output:
    """What to do with the next campaign and why, on two pages to print."""
    from dunnhumby_pipeline.orchestration.reporting import write_brief

    target = write_brief(study, context.instance, context.partition_key)
    return dg.Output(target, metadata={"file": dg.MetadataValue.path(str(target))})
