"""What the effects are worth and whom to target. One partition a campaign type."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.checks import targeting as verdicts
from dunnhumby_pipeline.orchestration.checks.gates import Gates, require_open_gates
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale


def _require_grounds(study: Study, campaign_type: str) -> None:
    """End the step, and mark the last list as stale, where the settings leave nothing to judge a policy by."""
    from dunnhumby_pipeline.targeting.policies import PolicyError, require_grounds

    try:
        require_grounds(study.settings.trial)
    except PolicyError as error:
        mark_stale(study.table("targeting_list", campaign_type), f"not rebuilt: {error}")
        raise dg.Failure(str(error), allow_retries=False) from error


@step(settings=("economics",), deps=["transactions", "coupons", "coupon_redemptions", "campaign_targets"])
def campaign_economics(
    campaigns: pd.DataFrame, first_campaign_cohort: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """Contact cost and breakeven effect: as set, and as the coupons of the data imply."""
    from dunnhumby_pipeline.targeting.economics import campaign_economics as estimate

    studied = campaigns[campaigns["campaign"].isin(first_campaign_cohort["campaign"].unique())]
    return estimate(study.journey_tables(), studied, study.settings.economics, study.settings.engine)


@step(settings=("seed", "confidence", "trial", "policy"))
def value_policies(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    campaign_economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Value of each policy over trials in overlap, by cross-fitted AIPW scores."""
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.targeting.economics import breakeven, used_cost
    from dunnhumby_pipeline.targeting.policies import policies, policy_called
    from dunnhumby_pipeline.targeting.value import gather_evidence, policy_values, roi_curve

    _require_grounds(study, context.partition_key)
    settings = study.settings
    cost, margin = used_cost(campaign_economics)
    available = policies(breakeven(cost, margin), settings.policy.top_shares)
    chosen = policy_called(settings.policy.chosen, available)
    data = residuals(first_campaign_cohort, nuisances, settings.trial.outcome)
    inside = propensity["in_overlap"].to_numpy()
    evidence = gather_evidence(data, cate_estimates["cate"].to_numpy(), inside, cost, margin, settings)
    values = policy_values(evidence, available, chosen.name)
    yield dg.Output(values, "policy_value", metadata={"chosen": chosen.name})
    yield dg.Output(roi_curve(evidence, settings.policy.curve_steps), "roi_curve")


@step(settings=("seed", "trial", "overlap", "policy", "checks"), deps=["policy_value"])
def targeting_list(
    context: dg.AssetExecutionContext,
    segments: pd.DataFrame,
    household_effects: pd.DataFrame,
    campaign_economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
    gates: dg.ResourceParam[Gates],
) -> dg.Output[pd.DataFrame]:
    """Decision and reason for every household as of the last day; refuses to build while a gate is closed."""
    from dunnhumby_pipeline.targeting.economics import breakeven, used_cost
    from dunnhumby_pipeline.targeting.policies import policies, policy_called
    from dunnhumby_pipeline.targeting.recommendations import Terms
    from dunnhumby_pipeline.targeting.recommendations import targeting_list as decide

    _require_grounds(study, context.partition_key)
    require_open_gates(context.instance, gates, context.partition_key)
    settings = study.settings
    cost, margin = used_cost(campaign_economics)
    threshold = breakeven(cost, margin)
    policy = policy_called(settings.policy.chosen, policies(threshold, settings.policy.top_shares))
    scored = segments[["household_key", "segment"]].merge(household_effects, on="household_key", how="left")
    terms = Terms(policy, cost, margin, threshold, settings.overlap, settings.seed_for("targeting_list"))
    frame = decide(scored, terms)
    backing = verdicts.list_backed(frame, settings.checks)
    if not backing.passed:
        # Judged before it is written, so that a bad list does not take the place of the last good one.
        mark_stale(study.table("targeting_list", context.partition_key), f"not rebuilt: {backing.message}")
        raise dg.Failure(f"the targeting list is not rebuilt: {backing.message}", allow_retries=False)
    counts = {f"n_{name}": int(n) for name, n in frame["decision"].value_counts().items()}
    return dg.Output(frame, metadata=counts)
