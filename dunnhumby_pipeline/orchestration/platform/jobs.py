"""Jobs: the whole study of one campaign type."""

import dagster as dg

STUDY_JOB = "study"
# The tag of a run that makes its tables with as many draws as a certificate needs.
CERTIFY = "dunnhumby/certify"
CERTIFIED_STEPS = ("study_power", "refute_effects", "split_households", "certify_policies")

study_job = dg.define_asset_job(
    STUDY_JOB,
    selection=dg.AssetSelection.all(include_sources=True),
    description="Everything, from raw files to the targeting list and report of one campaign type.",
)
