"""The campaign report: one HTML page per campaign type."""

import dagster as dg

from dunnhumby_pipeline.orchestration.assets.effects import DOUBTED, ESTIMATED
from dunnhumby_pipeline.orchestration.assets.segmentation import CROSSED, DESCRIBED, FITTED, FOLLOWED, LIFETIMES
from dunnhumby_pipeline.orchestration.assets.trials import ASSUMED, ENROLLED, OVERLAPPING
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types
from dunnhumby_pipeline.orchestration.platform.resources import Study

GROUP = "report"


@dg.asset(
    group_name=GROUP,
    partitions_def=campaign_types,
    deps=[
        *FITTED,
        *DESCRIBED,
        *LIFETIMES,
        *CROSSED,
        *FOLLOWED,
        "first_campaign_cohort",
        *ENROLLED,
        "trial_protocol",
        *ASSUMED,
        "design_comparison",
        "propensity",
        *OVERLAPPING,
        "covariate_balance",
        *ESTIMATED,
        *DOUBTED,
        "cate_models",
        "cate_estimates",
        "campaign_economics",
        "policy_value",
        "roi_curve",
        "targeting_list",
    ],
)
def campaign_report(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> dg.MaterializeResult:
    """Who the customers are, whom to target, how sure we are and what it is worth, on one page."""
    from dunnhumby_pipeline.orchestration.reporting import write_report

    target = write_report(study, context.instance, context.partition_key)
    return dg.MaterializeResult(metadata={"report": dg.MetadataValue.path(str(target))})
