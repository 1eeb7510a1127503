"""Causal effects of the first campaign of a type: trials, nuisances, overlap, effects. One partition a type."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.failures import refusing
from dunnhumby_pipeline.orchestration.partitions import campaign_types
from dunnhumby_pipeline.orchestration.resources import Study

GROUP = "causal"
# What a look-back is made of.
LOOK_BACK_TABLES = (
    "transactions",
    "products",
    "promotions",
    "campaigns",
    "campaign_targets",
    "coupon_redemptions",
    "demographics",
)


@dg.asset(
    group_name=GROUP, partitions_def=campaign_types, deps=[*LOOK_BACK_TABLES, "segment_model", "segment_stability"]
)
def first_campaign_cohort(
    context: dg.AssetExecutionContext,
    study: dg.ResourceParam[Study],
) -> dg.Output[pd.DataFrame]:
    """Sequential target trials: households not yet sent this type, at each wave, with covariates and outcomes."""
    from dunnhumby_pipeline.causal.cohort import CohortError, build_cohort
    from dunnhumby_pipeline.segmentation.look_back import window_segments
    from dunnhumby_pipeline.segmentation.model_store import load_model

    tables = study.journey_tables()
    with refusing(CohortError):
        cohort = build_cohort(tables, context.partition_key, study.settings.trial, study.settings.engine)
    # Among all households of each look-back, as on the last day: those already targeted count too.
    shoppers = cohort.look_backs
    segments = window_segments(shoppers, "campaign", load_model(study.table("segment_model")))
    placed = shoppers[["household_key", "campaign"]].assign(lookback_segment=segments)
    trials = cohort.trials.merge(placed, on=["household_key", "campaign"], how="left", validate="one_to_one")
    return dg.Output(
        trials,
        metadata={
            "n_treated": int(trials["treated"].sum()),
            "n_households": int(trials["household_key"].nunique()),
            "waves": dg.MetadataValue.md(cohort.waves_text()),
            "treated_without_look_back_purchase": cohort.n_treated_without_history,
        },
    )


@dg.asset(group_name=GROUP, partitions_def=campaign_types)
def nuisances(
    context: dg.AssetExecutionContext, first_campaign_cohort: pd.DataFrame, study: dg.ResourceParam[Study]
) -> dg.Output[pd.DataFrame]:
    """Propensity and outcome means of every trial, cross-fitted once and shared by all estimators."""
    from dunnhumby_pipeline.causal.design_matrix import trial_matrix
    from dunnhumby_pipeline.causal.nuisance import cross_fit

    settings = study.settings
    _, x = trial_matrix(first_campaign_cohort, context.partition_key)
    frame = cross_fit(first_campaign_cohort, x, settings.nuisance, settings.seed_for("nuisances")).nuisances
    return dg.Output(frame, metadata={"propensities_bounded": int(frame["propensity_bounded"].sum())})


@dg.asset(group_name=GROUP, partitions_def=campaign_types)
def propensity(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> dg.Output[pd.DataFrame]:
    """Propensity, overlap flag and weights of every trial."""
    from dunnhumby_pipeline.causal.design_matrix import trial_matrix
    from dunnhumby_pipeline.causal.overlap import propensity_table

    _, x = trial_matrix(first_campaign_cohort, context.partition_key)
    frame = propensity_table(nuisances, x, study.settings.overlap)
    return dg.Output(frame, metadata={"share_in_overlap": float(frame["in_overlap"].mean())})


@dg.asset(group_name=GROUP, partitions_def=campaign_types)
def overlap_diagnostics(first_campaign_cohort: pd.DataFrame, propensity: pd.DataFrame) -> pd.DataFrame:
    """Trials, arms, propensity AUC, share in overlap and effective sample sizes, by wave."""
    from dunnhumby_pipeline.causal.overlap import overlap_diagnostics as diagnose

    return diagnose(propensity, first_campaign_cohort["index_day"])


@dg.asset(group_name=GROUP, partitions_def=campaign_types)
def covariate_balance(
    context: dg.AssetExecutionContext, first_campaign_cohort: pd.DataFrame, propensity: pd.DataFrame
) -> pd.DataFrame:
    """Standardised mean difference of every covariate, before and after weighting."""
    from dunnhumby_pipeline.causal.design_matrix import trial_matrix
    from dunnhumby_pipeline.causal.overlap import covariate_balance as balance

    design, x = trial_matrix(first_campaign_cohort, context.partition_key)
    return balance(x, design.names, propensity)


@dg.asset(group_name=GROUP, partitions_def=campaign_types, deps=[covariate_balance, overlap_diagnostics])
def average_effects(
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Naive, AIPW and overlap-weighted effects on spend, visits and redemption, over all waves and by wave."""
    from dunnhumby_pipeline.causal.average_effects import average_effects as estimate

    return estimate(first_campaign_cohort, nuisances, propensity["in_overlap"], study.settings.confidence)


@dg.multi_asset(
    name="fit_cate",
    group_name=GROUP,
    partitions_def=campaign_types,
    deps=[*LOOK_BACK_TABLES, "segment_model", covariate_balance, overlap_diagnostics],
    outs={
        "cate_models": dg.AssetOut(description="Out-of-fold R-loss of every model, and which was chosen."),
        "cate_estimates": dg.AssetOut(description="Out-of-fold effect of every trial with its interval."),
        "household_effects": dg.AssetOut(
            description="Effect and propensity of every household as of the last day of the data."
        ),
    },
)
def fit_cate(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Conditional effects on spend: candidates, choice by out-of-fold R-loss, estimates for trials and households."""
    from dunnhumby_pipeline.causal.cohort import covariates_today
    from dunnhumby_pipeline.causal.design_matrix import trial_matrix
    from dunnhumby_pipeline.causal.names import PRIMARY_OUTCOME
    from dunnhumby_pipeline.causal.nuisance import residuals
    from dunnhumby_pipeline.causal.selection import fit_cate as fit
    from dunnhumby_pipeline.causal.selection import household_effects
    from dunnhumby_pipeline.segmentation.look_back import window_segments
    from dunnhumby_pipeline.segmentation.model_store import load_model

    settings, trials = study.settings, first_campaign_cohort
    design, x = trial_matrix(trials, context.partition_key)
    data = residuals(trials, nuisances, PRIMARY_OUTCOME)
    fitted = fit(trials, x, data, settings.cate, settings.confidence, settings.seed_for("cate"))
    tables = study.journey_tables()
    today = covariates_today(tables, context.partition_key, trials, settings.trial, settings.engine)
    today["lookback_segment"] = window_segments(today, "campaign", load_model(study.table("segment_model")))
    effects = household_effects(today, design, x, data, fitted, settings)
    yield dg.Output(fitted.models, "cate_models", metadata={"chosen": fitted.chosen})
    yield dg.Output(fitted.estimates, "cate_estimates")
    yield dg.Output(effects, "household_effects", metadata={"model": fitted.chosen})
