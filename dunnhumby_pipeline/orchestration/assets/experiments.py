"""The randomised experiment that settles what the study leaves open. One partition per campaign type."""

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


@step(settings=("confidence", "experiment", "sensitivity.bias_scale"), follows_ledger=True)
def experiment_design(
    targeting_list: pd.DataFrame,
    decision_groups: pd.DataFrame,
    first_campaign_cohort: pd.DataFrame,
    negative_controls: pd.DataFrame,
    economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Power, value and cost of a randomised test of the households that the list says to test, by its size."""
    from dunnhumby_pipeline.causal.doubts.bias_allowance import allowance_from
    from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
    from dunnhumby_pipeline.experiments.design import experiment_design as design
    from dunnhumby_pipeline.experiments.ledger import results
    from dunnhumby_pipeline.targeting.economics import in_force
    from dunnhumby_pipeline.targeting.information import Stakes
    from dunnhumby_pipeline.targeting.tested import decided_by_test, effect_tested

    settings, trials = study.settings, first_campaign_cohort
    terms, past = in_force(economics), results(study.home.ledger)
    scenario = terms.used
    allowance = allowance_from(negative_controls, settings.sensitivity.bias_scale, past).times(scenario.margin)
    effect = effect_tested(targeting_list, decision_groups, allowance)
    n_tested = len(decided_by_test(targeting_list))
    stakes = Stakes(n_tested, terms.campaigns_to_come, effect.variance, terms.test_cost, FEWEST_HOUSEHOLDS)
    days = int((trials["outcome_end"] - trials["index_day"]).max())
    costs = (scenario.contact_cost, scenario.one_off_cost)
    return design(effect, *costs, stakes, days, settings.experiment, settings.confidence)


@step(settings=("seed", "experiment"))
def experiment_assignment(
    context: dg.AssetExecutionContext,
    targeting_list: pd.DataFrame,
    experiment_design: pd.DataFrame,
    customer_features: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """The arm of every household to be tested, random within strata of segment and spend, sealed by a hash."""
    from dunnhumby_pipeline.experiments.assignment import experiment_assignment as assign
    from dunnhumby_pipeline.experiments.design import best_size

    settings, campaign_type = study.settings, context.partition_key
    before = {"monetary_sales": "baseline_spend", "frequency": "baseline_visits"}
    baseline = customer_features[["household_key", *before]].rename(columns=before)
    size = best_size(experiment_design) if settings.experiment.size == "optimum" else None
    seed = settings.seed_for(f"experiment:{campaign_type}")
    return assign(targeting_list, baseline, settings.experiment, campaign_type, seed, size)


@step(follows_ledger=True)
def experiment_result(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> pd.DataFrame:
    """What every experiment of the ledger found, how far the study was off, and what follows."""
    from dunnhumby_pipeline.experiments.ledger import results_of

    return results_of(study.home.ledger, context.partition_key)
