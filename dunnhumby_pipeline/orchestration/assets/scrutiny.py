"""What the search for effects that differ could have found, and what refutes it. One partition per campaign type."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.orchestration.assets.targeting import evidence_of, require_judgeable
from dunnhumby_pipeline.orchestration.assets.trials import COMPARABLE
from dunnhumby_pipeline.orchestration.platform.certified import of_fresh_study
from dunnhumby_pipeline.orchestration.platform.jobs import CERTIFY
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


def _certifies(context: dg.AssetExecutionContext) -> bool:
    """Whether the run was asked for a certificate: a run of the study makes the same tables with fewer draws."""
    return CERTIFY in context.run.tags


@step(settings=("seed", "confidence", "trial", "cate", "power"), deps=[*COMPARABLE, "design_matrix"])
@of_fresh_study
def study_power(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Effects planted in the study's own trials: how often each test finds them, by their spread."""
    from dunnhumby_pipeline.causal.cate.power.study import power_of_study
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix

    trials = first_campaign_cohort
    x = load_matrix(study.table("design_matrix", context.partition_key), trials).x
    found = power_of_study(trials, x, nuisances, study.settings, _certifies(context))
    yield dg.Output(found.power, "study_power")
    yield dg.Output(found.detectable, "detectable_spread")


@step(settings=("seed", "cate", "refutation"), deps=[*COMPARABLE, "design_matrix"])
@of_fresh_study
def refute_effects(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    confounder_benchmarks: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """The average effect and the search for effects that differ, done again where the answer is known."""
    from dunnhumby_pipeline.causal.cate.refutation.refutation import refutations_of_study
    from dunnhumby_pipeline.causal.cate.refutation.replicas import Trials
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals

    frame = first_campaign_cohort
    x = load_matrix(study.table("design_matrix", context.partition_key), frame).x
    trials = Trials(x, residuals(frame, nuisances, GROSS_PROFIT), frame["campaign"].to_numpy())
    found = refutations_of_study(trials, confounder_benchmarks, study.settings, _certifies(context))
    yield dg.Output(found.refutation.assign(outcome=GROSS_PROFIT), "refutation")
    yield dg.Output(found.draws, "refutation_draws")


@step(settings=("seed", "confidence", "cate.max_trials", "validation"), deps=[*COMPARABLE, "design_matrix"])
@of_fresh_study
def split_households(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Slope, groups and traits of effects found in one half of the households and judged in the other, many times."""
    from dunnhumby_pipeline.causal.cate.validation.many_splits import many_splits_of_study
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals

    matrix = load_matrix(study.table("design_matrix", context.partition_key), first_campaign_cohort)
    data = residuals(first_campaign_cohort, nuisances, GROSS_PROFIT)
    return many_splits_of_study(matrix.x, matrix.names, data, study.settings, _certifies(context))


@step(settings=("seed", "confidence", "nuisance", "cate"), deps=[*COMPARABLE, "design_matrix"])
@of_fresh_study
def certify_learners(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """In a certificate, the models of the effect and their stack again, with the learners that a study leaves to it."""
    from dunnhumby_pipeline.causal.cate.certificate import every_learner
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals

    x = load_matrix(study.table("design_matrix", context.partition_key), first_campaign_cohort).x
    data = residuals(first_campaign_cohort, nuisances, GROSS_PROFIT)
    return every_learner(first_campaign_cohort, x, data, study.settings, certified=_certifies(context))


@step(settings=("seed", "confidence", "trial", "overlap"), deps=["design_matrix"])
@of_fresh_study
def certify_policies(
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
) -> pd.DataFrame:
    """The policy tree out of fold, and in a certificate econml's trees and forest beside it."""
    from dunnhumby_pipeline.targeting.econml_trees import tree_comparison
    from dunnhumby_pipeline.targeting.economics import in_force

    require_judgeable(study, context.partition_key)
    today = (household_effects, repeat_households, suppressed_households)
    tables = (propensity, cate_estimates, cate_by_model, economics, *today)
    evidence = evidence_of(study, context.partition_key, first_campaign_cohort, nuisances, *tables)
    settings, certified = study.settings, _certifies(context)
    seed = settings.seed_for("econml trees")
    return tree_comparison(evidence, in_force(economics).price, settings.confidence, certified, seed)
