"""What the effects are worth and whom to target. One partition per campaign type."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.names import CONSTANT, GROSS_PROFIT, SPEND
from dunnhumby_pipeline.orchestration.checks import actions
from dunnhumby_pipeline.orchestration.checks import lists as of_list
from dunnhumby_pipeline.orchestration.checks import targeting as verdicts
from dunnhumby_pipeline.orchestration.checks.gates import Gates, require_open_gates
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.answers import Question
    from dunnhumby_pipeline.targeting.evidence import Evidence


def require_judgeable(study: Study, campaign_type: str) -> None:
    """End the step, and mark the last list as stale, where the settings leave nothing to judge a policy by."""
    from dunnhumby_pipeline.targeting.grounds import PolicyError, require_grounds

    try:
        require_grounds(study.settings.trial)
    except PolicyError as error:
        mark_stale(study.table("targeting_list", campaign_type), f"not rebuilt: {error}")
        raise dg.Failure(str(error), allow_retries=False) from error


@step(
    settings=("confidence", "trial", "overlap", "economics.dial_steps", "policy.n_groups", "sensitivity.bias_scale"),
    follows_ledger=True,
)
def turn_cost_dial(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    household_effects: pd.DataFrame,
    negative_controls: pd.DataFrame,
    economics: pd.DataFrame,
    repeat_trials: pd.DataFrame,
    repeat_nuisances: pd.DataFrame,
    repeat_support: pd.DataFrame,
    repeat_households: pd.DataFrame,
    suppressed_households: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """The decision at every contact cost, under every scenario and for every group, as estimated and calibrated."""
    from dunnhumby_pipeline.targeting.answers import cost_tables

    require_judgeable(study, context.partition_key)
    settings = study.settings
    today = (household_effects, repeat_households, suppressed_households)
    studied = (first_campaign_cohort, nuisances, cate_estimates, economics, negative_controls)
    again = (repeat_trials, repeat_nuisances, repeat_support)
    question = question_of(study, context.partition_key, *studied, *again, *today)
    tables = cost_tables(question, settings.economics.dial_steps, settings.policy.n_groups, settings.confidence)
    yield from (dg.Output(table, name) for name, table in tables.items())


def question_of(
    study: Study,
    campaign_type: str,
    trials: pd.DataFrame,
    nuisances: pd.DataFrame,
    estimates: pd.DataFrame,
    economics: pd.DataFrame,
    negative_controls: pd.DataFrame,
    repeat_trials: pd.DataFrame,
    repeat_nuisances: pd.DataFrame,
    repeat_support: pd.DataFrame,
    household_effects: pd.DataFrame,
    repeats: pd.DataFrame,
    suppressed: pd.DataFrame,
) -> "Question":
    """What is to be decided, for the households of today that may be contacted."""
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.orchestration.past import learnt
    from dunnhumby_pipeline.targeting.answers import Question, known_repeats
    from dunnhumby_pipeline.targeting.contact_rules import permitted
    from dunnhumby_pipeline.targeting.economics import in_force
    from dunnhumby_pipeline.targeting.support import at_first, study_region, supported

    allowance, found = learnt(study, campaign_type, negative_controls)
    today, again = (permitted(each, suppressed) for each in (household_effects, repeats))
    reached, first = supported(today, study_region(nuisances, study.settings.overlap)), at_first(today)
    effects = today["cate"]
    return Question(
        economics=in_force(economics),
        gross_profit=residuals(trials, nuisances, GROSS_PROFIT),
        sales=residuals(trials, nuisances, SPEND),
        allowance=allowance,
        effect=estimates["cate"].to_numpy(dtype=float),
        tells_apart=bool((estimates["model"] != CONSTANT).any()),
        today=effects[reached].to_numpy(dtype=float),
        beyond=effects[first & ~reached & effects.notna()].to_numpy(dtype=float),
        repeats=known_repeats(repeat_trials, repeat_nuisances, repeat_support, again),
        learnt=found,
    )


@step(
    settings=("seed", "confidence", "trial", "overlap", "policy"),
    deps=["design_matrix", "household_matrix"],
)
def value_policies(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    cate_by_model: pd.DataFrame,
    household_effects: pd.DataFrame,
    economics: pd.DataFrame,
    repeat_households: pd.DataFrame,
    suppressed_households: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Value of each policy over trials in overlap, by cross-fitted AIPW scores; compared, carried, and refitted."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.settings import SettingsError
    from dunnhumby_pipeline.targeting.comparison import differences, selection
    from dunnhumby_pipeline.targeting.contact_rules import permitted
    from dunnhumby_pipeline.targeting.curves import policy_curves
    from dunnhumby_pipeline.targeting.economics import in_force, policy_in_force
    from dunnhumby_pipeline.targeting.in_all import value_in_all
    from dunnhumby_pipeline.targeting.policies.registry import chosen_policy, policies
    from dunnhumby_pipeline.targeting.support import study_region, supported
    from dunnhumby_pipeline.targeting.tree_rules import tree_rules
    from dunnhumby_pipeline.targeting.value import value_rows, valued

    require_judgeable(study, context.partition_key)
    settings, price = study.settings, in_force(economics).price
    confidence, seed = settings.confidence, settings.seed_for("policies")
    of_run = policy_in_force(settings.policy, economics)
    available, chosen = policies(of_run), chosen_policy(of_run).name
    today = (household_effects, repeat_households, suppressed_households)
    tables = (propensity, cate_estimates, cate_by_model, economics, *today)
    evidence = evidence_of(study, context.partition_key, first_campaign_cohort, nuisances, *tables)
    try:
        known = valued(available, evidence, price)
    except SettingsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    values = value_rows(known, evidence, price, chosen, confidence, seed)
    yield dg.Output(values, "policy_value", metadata={"chosen": chosen})
    yield dg.Output(differences(known, evidence, confidence), "policy_differences")
    compared = selection(known, available, evidence, price, chosen, confidence, seed)
    yield dg.Output(compared, "policy_selection")
    tree = tree_rules(evidence, price, confidence, settings.policy.n_refits, settings.seed_for("tree refits"))
    yield dg.Output(tree.rules, "policy_rules")
    yield dg.Output(tree.refits, "tree_refits")
    matrix = load_matrix(study.table("household_matrix", context.partition_key))
    choosable = permitted(household_effects, suppressed_households)
    reached = supported(choosable, study_region(nuisances, settings.overlap))
    keys = choosable.loc[reached, "household_key"].to_numpy()
    listed = matrix.x[matrix.key["household_key"].isin(keys).to_numpy()]
    yield dg.Output(value_in_all(known, evidence, listed, keys, confidence, seed), "policy_in_all")
    yield dg.Output(policy_curves(evidence, price, settings.policy.curve_steps, confidence, seed), "roi_curve")


def evidence_of(
    study: Study,
    campaign_type: str,
    trials: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    estimates: pd.DataFrame,
    by_model: pd.DataFrame,
    economics: pd.DataFrame,
    household_effects: pd.DataFrame,
    repeats: pd.DataFrame,
    suppressed: pd.DataFrame,
) -> "Evidence":
    """What policies are fitted to and judged by: scores of the scenario in use, in overlap; and how many households of
    today with support may be contacted.
    """
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.targeting.contact_rules import permitted
    from dunnhumby_pipeline.targeting.dial import profit_residuals
    from dunnhumby_pipeline.targeting.economics import in_force
    from dunnhumby_pipeline.targeting.evidence import gather_evidence
    from dunnhumby_pipeline.targeting.support import study_region, supported

    matrix = load_matrix(study.table("design_matrix", campaign_type), trials)
    outcomes = (residuals(trials, nuisances, outcome) for outcome in (GROSS_PROFIT, SPEND))
    data = profit_residuals(in_force(economics).used, *outcomes)
    inside = propensity["in_overlap"].to_numpy()
    first, again = (permitted(each, suppressed) for each in (household_effects, repeats))
    n_first = int(supported(first, study_region(nuisances, study.settings.overlap)).sum())
    n_listed = n_first + int(again["in_overlap"].sum())
    return gather_evidence(trials, data, matrix, estimates, by_model, inside, study.settings.confidence, n_listed)


@step(
    settings=("seed", "confidence", "trial", "overlap", "policy", "contact.holdout_share", "checks"),
    deps=["design_matrix", "household_matrix", "transactions", "campaigns"],
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
    economics: pd.DataFrame,
    policy_value: pd.DataFrame,
    decision_groups: pd.DataFrame,
    repeat_support: pd.DataFrame,
    repeat_households: pd.DataFrame,
    next_action: pd.DataFrame,
    suppressed_households: pd.DataFrame,
    study: dg.ResourceParam[Study],
    gates: dg.ResourceParam[Gates],
) -> Iterator[dg.Output]:
    """Decision and reason for every household as of the last day; refuses to build while a gate is closed."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.features.windows import observed_days
    from dunnhumby_pipeline.orchestration.types_heard import decided
    from dunnhumby_pipeline.targeting.after_experiment import after_experiments
    from dunnhumby_pipeline.targeting.answers import why_no_repeat
    from dunnhumby_pipeline.targeting.campaign_type import choose_types, household_decisions
    from dunnhumby_pipeline.targeting.contact_rules import decide_with_permission
    from dunnhumby_pipeline.targeting.economics import in_force, policy_in_force
    from dunnhumby_pipeline.targeting.holdout import hold_out
    from dunnhumby_pipeline.targeting.offers import OfferError, with_offers
    from dunnhumby_pipeline.targeting.policies.registry import chosen_policy
    from dunnhumby_pipeline.targeting.recommendations import Terms, value_is_proven
    from dunnhumby_pipeline.targeting.recommendations import targeting_list as decide
    from dunnhumby_pipeline.targeting.support import study_region

    campaign_type = context.partition_key
    require_judgeable(study, campaign_type)
    require_open_gates(context.instance, gates, campaign_type)
    settings, price = study.settings, in_force(economics).price
    today = (household_effects, repeat_households, suppressed_households)
    tables = (propensity, cate_estimates, cate_by_model, economics, *today)
    evidence = evidence_of(study, campaign_type, first_campaign_cohort, nuisances, *tables)
    policy = chosen_policy(policy_in_force(settings.policy, economics)).fit(evidence, price)
    region = study_region(nuisances, settings.overlap)
    proven = value_is_proven(policy_value)
    no_repeat = why_no_repeat(repeat_support)
    known = (decision_groups, settings.confidence, repeat_households, no_repeat)
    terms = Terms(policy, proven, price, region, *known)
    matrix = load_matrix(study.table("household_matrix", campaign_type))
    scored = segments[["household_key", "segment"]].merge(household_effects, on="household_key", how="left")
    scored = scored.merge(matrix.key, on="household_key", how="left")
    covariates = pd.DataFrame(matrix.x, index=matrix.key["household_key"])

    def decided_for(rows: pd.DataFrame) -> pd.DataFrame:
        return after_experiments(decide(rows, covariates, terms), decision_groups)

    # Permission, then the effect by study and experiments, then the type, then the lot, then the offer. For whom there
    # is none stands among those who are suppressed.
    frame = decide_with_permission(scored, suppressed_households, decided_for)
    as_of_day = observed_days(study.table("transactions"), settings.engine)[1]
    own = household_decisions(frame, decision_groups, price.contact_cost, as_of_day)
    heard, unheard = decided(study, campaign_type, price.contact_cost, as_of_day)
    frame = choose_types(frame, campaign_type, {campaign_type: own, **heard}, settings.policy.types_per_round)
    frame = hold_out(frame, settings.contact.holdout_share, settings.seed_for(f"holdout:{campaign_type}"))
    with refusing(OfferError):
        frame = with_offers(frame, next_action)
    # Judged before it is written, so that a bad list does not take the place of the last good one.
    for verdict in (
        verdicts.list_backed(frame, settings.checks),
        of_list.list_in_bounds(frame, segments, settings.checks),
        of_list.list_agrees(frame, policy_value, (1 + settings.confidence) / 2),
        actions.offers_as_resolved(frame, next_action, settings.checks),
    ):
        if not verdict.passed:
            mark_stale(study.table("targeting_list", campaign_type), f"not rebuilt: {verdict.message}")
            raise dg.Failure(f"the targeting list is not rebuilt: {verdict.message}", allow_retries=False)
    yield dg.Output(own, "household_decisions")
    said = "; ".join(f"{name}: {reason}" for name, reason in unheard.items())
    compared = {"types_compared": ", ".join(sorted([campaign_type, *heard])), "types_not_heard": said or "none"}
    yield dg.Output(frame, "targeting_list", metadata=compared)
