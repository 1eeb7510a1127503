"""Whether the effect can have come about as campaigns work. One partition per campaign type."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.names import REDEEMED, SPEND
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


@step(
    settings=("confidence", "sensitivity.weeks_later"),
    deps=["transactions", "campaigns", "coupons", "coupon_redemptions", "campaign_targets", "design_matrix"],
)
def weigh_plausibility(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """The effect by redeemer, beside what redeemers bought on coupon lines, and by products and weeks."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.doubts.parts import effect_by_part, part_spend
    from dunnhumby_pipeline.causal.doubts.plausibility import plausibility
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals

    settings, trials, campaign_type = study.settings, first_campaign_cohort, context.partition_key
    x = load_matrix(study.table("design_matrix", campaign_type), trials).x
    spend, redemption = (residuals(trials, nuisances, outcome) for outcome in (SPEND, REDEEMED))
    weeks, confidence = settings.sensitivity.weeks_later, settings.confidence
    parts = part_spend(study.journey_tables(), trials, campaign_type, weeks, settings.engine)
    redeemed = trials[REDEEMED].to_numpy(dtype=float)
    quantities = plausibility(spend, redemption, redeemed, parts.on_coupon_lines, confidence)
    yield dg.Output(quantities, "plausibility")
    yield dg.Output(effect_by_part(x, spend, parts, confidence), "effect_by_part")
