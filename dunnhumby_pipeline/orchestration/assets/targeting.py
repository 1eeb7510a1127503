"""What the effects are worth and whom to target. One partition per campaign type."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.names import CONSTANT, GROSS_PROFIT, SPEND
from dunnhumby_pipeline.orchestration.checks import targeting as verdicts
from dunnhumby_pipeline.orchestration.checks.gates import Gates, require_open_gates
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.evidence import Evidence


def _require_grounds(study: Study, campaign_type: str) -> None:
    """End the step, and mark the last list as stale, where the settings leave nothing to judge a policy by."""
    from dunnhumby_pipeline.targeting.grounds import PolicyError, require_grounds

    try:
        require_grounds(study.settings.trial)
    except PolicyError as error:
        mark_stale(study.table("targeting_list", campaign_type), f"not rebuilt: {error}")
        raise dg.Failure(str(error), allow_retries=False) from error


@step(settings=("economics",), deps=["transactions", "coupons", "coupon_redemptions", "campaign_targets"])
def campaign_economics(
    campaigns: pd.DataFrame, first_campaign_cohort: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """Cost of a contact and its break-even effect; beside it what coupons cost, which gross profit counts."""
    from dunnhumby_pipeline.targeting.economics import campaign_economics as estimate

    studied = campaigns[campaigns["campaign"].isin(first_campaign_cohort["campaign"].unique())]
    return estimate(study.journey_tables(), studied, study.settings.economics, study.settings.engine)


@step(
    settings=("confidence", "trial", "overlap", "economics", "policy.n_groups", "sensitivity.bias_scale"),
    follows_ledger=True,
)
def turn_cost_dial(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    household_effects: pd.DataFrame,
    negative_controls: pd.DataFrame,
    campaign_economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """The decision at every contact cost, under every scenario and for every group, as estimated and calibrated."""
    from dunnhumby_pipeline.causal.doubts.bias_allowance import allowance_from
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.experiments.ledger import results
    from dunnhumby_pipeline.targeting.answers import Question, cost_tables
    from dunnhumby_pipeline.targeting.economics import study_scenarios
    from dunnhumby_pipeline.targeting.lessons import lessons, of_other_types
    from dunnhumby_pipeline.targeting.support import study_region, supported

    _require_grounds(study, context.partition_key)
    settings, trials = study.settings, first_campaign_cohort
    reached = supported(household_effects, study_region(nuisances, settings.overlap))
    past = results(study.home.ledger)
    of_others = of_other_types(past, context.partition_key)
    question = Question(
        known=study_scenarios(campaign_economics, settings.economics),
        gross_profit=residuals(trials, nuisances, GROSS_PROFIT),
        sales=residuals(trials, nuisances, SPEND),
        allowance=allowance_from(negative_controls, settings.sensitivity.bias_scale, of_others),
        effect=cate_estimates["cate"].to_numpy(dtype=float),
        tells_apart=bool((cate_estimates["model"] != CONSTANT).any()),
        today=household_effects.loc[reached, "cate"].to_numpy(dtype=float),
        learnt=lessons(past, context.partition_key),
    )
    tables = cost_tables(question, settings.economics, settings.policy.n_groups, settings.confidence)
    yield from (dg.Output(table, name) for name, table in tables.items())


@step(settings=("seed", "confidence", "trial", "overlap", "economics", "policy"), deps=["design_matrix"])
def value_policies(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    cate_by_model: pd.DataFrame,
    household_effects: pd.DataFrame,
    campaign_economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Value of each policy over trials in overlap, by cross-fitted AIPW scores."""
    from dunnhumby_pipeline.settings import SettingsError
    from dunnhumby_pipeline.targeting.comparison import differences, selection
    from dunnhumby_pipeline.targeting.economics import used_economics
    from dunnhumby_pipeline.targeting.policies.registry import chosen_policy, policies
    from dunnhumby_pipeline.targeting.tree_rules import tree_rules
    from dunnhumby_pipeline.targeting.value import roi_curve, value_rows, valued

    _require_grounds(study, context.partition_key)
    settings, economics = study.settings, used_economics(campaign_economics)
    confidence, seed = settings.confidence, settings.seed_for("policies")
    available, chosen = policies(settings.policy), chosen_policy(settings.policy).name
    tables = (propensity, cate_estimates, cate_by_model, household_effects, campaign_economics)
    evidence = _evidence(study, context.partition_key, first_campaign_cohort, nuisances, *tables)
    try:
        known = valued(available, evidence, economics)
    except SettingsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    values = value_rows(known, evidence, economics, chosen, confidence, seed)
    yield dg.Output(values, "policy_value", metadata={"chosen": chosen})
    yield dg.Output(differences(known, evidence, confidence), "policy_differences")
    compared = selection(known, available, evidence, economics, chosen, confidence, seed)
    yield dg.Output(compared, "policy_selection")
    yield dg.Output(tree_rules(evidence, economics, confidence), "policy_rules")
    yield dg.Output(roi_curve(evidence, economics, settings.policy.curve_steps, confidence), "roi_curve")


def _evidence(
    study: Study,
    campaign_type: str,
    trials: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    estimates: pd.DataFrame,
    by_model: pd.DataFrame,
    household_effects: pd.DataFrame,
    costs: pd.DataFrame,
) -> "Evidence":
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.targeting.dial import profit_residuals
    from dunnhumby_pipeline.targeting.economics import scenario_in_use
    from dunnhumby_pipeline.targeting.evidence import gather_evidence
    from dunnhumby_pipeline.targeting.support import study_region, supported

    matrix = load_matrix(study.table("design_matrix", campaign_type), trials)
    outcomes = (residuals(trials, nuisances, outcome) for outcome in (GROSS_PROFIT, SPEND))
    data = profit_residuals(scenario_in_use(costs, study.settings.economics), *outcomes)
    inside = propensity["in_overlap"].to_numpy()
    n_listed = int(supported(household_effects, study_region(nuisances, study.settings.overlap)).sum())
    return gather_evidence(trials, data, matrix, estimates, by_model, inside, study.settings.confidence, n_listed)


@step(
    settings=("confidence", "trial", "overlap", "economics", "policy", "checks"),
    deps=["design_matrix", "household_matrix"],
)
def targeting_list(
    context: dg.AssetExecutionContext,
    segments: pd.DataFrame,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    cate_by_model: pd.DataFrame,
    household_effects: pd.DataFrame,
    campaign_economics: pd.DataFrame,
    policy_value: pd.DataFrame,
    decision_groups: pd.DataFrame,
    study: dg.ResourceParam[Study],
    gates: dg.ResourceParam[Gates],
) -> pd.DataFrame:
    """Decision and reason for every household as of the last day; refuses to build while a gate is closed."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.targeting.after_experiment import after_experiments
    from dunnhumby_pipeline.targeting.economics import used_economics
    from dunnhumby_pipeline.targeting.policies.registry import chosen_policy
    from dunnhumby_pipeline.targeting.recommendations import Terms, value_is_proven
    from dunnhumby_pipeline.targeting.recommendations import targeting_list as decide
    from dunnhumby_pipeline.targeting.support import study_region

    campaign_type = context.partition_key
    _require_grounds(study, campaign_type)
    require_open_gates(context.instance, gates, campaign_type)
    settings, economics = study.settings, used_economics(campaign_economics)
    tables = (propensity, cate_estimates, cate_by_model, household_effects, campaign_economics)
    evidence = _evidence(study, campaign_type, first_campaign_cohort, nuisances, *tables)
    policy = chosen_policy(settings.policy).fit(evidence, economics)
    region = study_region(nuisances, settings.overlap)
    proven = value_is_proven(policy_value)
    terms = Terms(policy, proven, economics, region, decision_groups, settings.confidence)
    matrix = load_matrix(study.table("household_matrix", campaign_type))
    scored = segments[["household_key", "segment"]].merge(household_effects, on="household_key", how="left")
    scored = scored.merge(matrix.key, on="household_key", how="left")
    covariates = pd.DataFrame(matrix.x, index=matrix.key["household_key"])
    frame = after_experiments(decide(scored, covariates, terms), decision_groups)
    backing = verdicts.list_backed(frame, settings.checks)
    if not backing.passed:
        # Judged before it is written, so that a bad list does not take the place of the last good one.
        mark_stale(study.table("targeting_list", campaign_type), f"not rebuilt: {backing.message}")
        raise dg.Failure(f"the targeting list is not rebuilt: {backing.message}", allow_retries=False)
    return frame
