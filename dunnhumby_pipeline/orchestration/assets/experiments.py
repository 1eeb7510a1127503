"""The randomised experiment that settles what the study leaves open. One partition per campaign type."""

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


@step(settings=("confidence", "experiment", "sensitivity.bias_scale"), follows_ledger=True)
def experiment_design(
    context: dg.AssetExecutionContext,
    targeting_list: pd.DataFrame,
    decision_groups: pd.DataFrame,
    first_campaign_cohort: pd.DataFrame,
    negative_controls: pd.DataFrame,
    economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Power, value and cost of a randomised test of the households that the list says to test, by its size."""
    from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
    from dunnhumby_pipeline.experiments.design import experiment_design as design
    from dunnhumby_pipeline.orchestration.past import learnt
    from dunnhumby_pipeline.targeting.economics import in_force
    from dunnhumby_pipeline.targeting.information import Stakes
    from dunnhumby_pipeline.targeting.tested import decided_by_test, effect_tested

    settings, trials = study.settings, first_campaign_cohort
    terms = in_force(economics)
    scenario, (allowance, lessons) = terms.used, learnt(study, context.partition_key, negative_controls)
    found = tuple(one.at(scenario.margin) for one in lessons)
    effect = effect_tested(targeting_list, decision_groups, allowance.times(scenario.margin), found)
    n_tested = len(decided_by_test(targeting_list))
    stakes = Stakes(n_tested, terms.campaigns_to_come, effect.variance, terms.test_cost, FEWEST_HOUSEHOLDS)
    days = int((trials["outcome_end"] - trials["index_day"]).max())
    costs = (scenario.contact_cost, scenario.one_off_cost)
    return design(effect, *costs, stakes, days, settings.experiment, settings.confidence)


@step(settings=("seed", "experiment"), follows_ledger=True)
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
    from dunnhumby_pipeline.experiments.ledger import results_of

    settings, campaign_type = study.settings, context.partition_key
    before = {"monetary_sales": "baseline_spend", "frequency": "baseline_visits"}
    baseline = customer_features[["household_key", *before]].rename(columns=before)
    size = best_size(experiment_design) if settings.experiment.size == "optimum" else None
    # Another experiment on the same households is another draw, and so has a hash of its own.
    earlier = len(results_of(study.home.ledger, campaign_type))
    seed = settings.seed_for(f"experiment:{campaign_type}:{earlier}" if earlier else f"experiment:{campaign_type}")
    return assign(targeting_list, baseline, settings.experiment, campaign_type, seed, size)


@step(follows_ledger=True)
def experiment_result(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> pd.DataFrame:
    """What every experiment of the ledger found, how far the study was off, and what follows."""
    from dunnhumby_pipeline.experiments.ledger import results_of

    return results_of(study.home.ledger, context.partition_key)


@step(follows_looks=True)
def experiment_looks(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> pd.DataFrame:
    """Every time outcomes of an experiment were read: the effect so far, and the alpha that is spent."""
    from dunnhumby_pipeline.experiments.looks import looks_of

    return looks_of(study.home.looks, context.partition_key)


@step(settings=("seed", "experiment.exploration"))
def contact_plan(
    context: dg.AssetExecutionContext,
    targeting_list: pd.DataFrame,
    experiment_assignment: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Whom the next campaign contacts when a share is drawn by lot, with the chance of each; empty without a share."""
    from dunnhumby_pipeline.experiments.exploration import contact_plan as plan

    settings, campaign_type = study.settings, context.partition_key
    seed = settings.seed_for(f"exploration:{campaign_type}")
    return plan(targeting_list, experiment_assignment, settings.experiment.exploration, campaign_type, seed)
