"""Jobs: the whole study of one campaign type."""

import dagster as dg

from dunnhumby_pipeline.orchestration.partitions import campaign_types

STUDY_JOB = "study"

study_job = dg.define_asset_job(
    STUDY_JOB,
    selection=dg.AssetSelection.all(),
    partitions_def=campaign_types,
    description="Everything, from raw files to the targeting list and report of one campaign type.",
)
