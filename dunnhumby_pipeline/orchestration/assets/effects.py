"""What the campaign does: average effects, how far they may be wrong, and for whom. One partition per type."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.orchestration.assets.trials import COMPARABLE, LOOK_BACK_TABLES, needs_of, segments_of
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


@step(
    settings=("seed", "confidence", "trial", "nuisance", "effects"),
    deps=[*COMPARABLE, "design_matrix", "campaigns", "campaign_targets"],
)
def estimate_effects(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Average effects by every estimator, pooled over campaigns, varied, and beside other campaigns."""
    from dunnhumby_pipeline.causal.design.matrix import trial_totals
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.effects.average import average_effects
    from dunnhumby_pipeline.causal.effects.dose import campaign_dose, others_active, others_in_window
    from dunnhumby_pipeline.causal.effects.pooling import campaign_correlations, pooled_effects
    from dunnhumby_pipeline.causal.effects.robustness import effect_robustness, nuisance_variants
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals

    settings, trials, campaign_type = study.settings, first_campaign_cohort, context.partition_key
    outcome, confidence = settings.trial.outcome, settings.confidence
    x = load_matrix(study.table("design_matrix", campaign_type), trials).x
    found = average_effects(trials, x, nuisances, propensity, settings.effects, confidence, outcome)
    unmade = {"not_estimated": found.not_estimated, "covariates_left_out": found.left_out}
    yield dg.Output(found.effects, "average_effects", metadata={name: _listed(rows) for name, rows in unmade.items()})
    yield dg.Output(found.differences, "estimator_differences")
    shared = campaign_correlations(trials, nuisances, propensity, found.effects["outcome"].unique())
    yield dg.Output(pooled_effects(found.effects, confidence, shared), "pooled_effects")
    robustness = effect_robustness(trials, x, nuisances, propensity, settings.effects, confidence, outcome)
    totals, seed = trial_totals(trials, campaign_type, settings.trial), settings.seed_for("nuisances")
    varied = nuisance_variants(trials, x, totals, nuisances, settings.nuisance, confidence, outcome, seed)
    yield dg.Output(pd.concat([robustness, varied], ignore_index=True), "effect_robustness")
    received = others_in_window(study.journey_tables(), trials, campaign_type)
    data, active = residuals(trials, nuisances, outcome), others_active(trials, campaign_type)
    yield dg.Output(campaign_dose(x, data, active, received, confidence), "campaign_dose")


@step(
    settings=("seed", "confidence", "trial", "nuisance", "effects", "sensitivity"),
    deps=[*LOOK_BACK_TABLES, *COMPARABLE, "design_matrix"],
)
def question_effects(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Hidden causes, bounds, negative controls, influence of households and the weeks around the index day."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.doubts.event_study import event_study
    from dunnhumby_pipeline.causal.doubts.influence import headlines, influence
    from dunnhumby_pipeline.causal.doubts.negative_controls import negative_controls
    from dunnhumby_pipeline.causal.doubts.sensitivity import sensitivity_tables
    from dunnhumby_pipeline.causal.estimators.matching import match_pairs, pair_differences
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals

    settings, trials, campaign_type = study.settings, first_campaign_cohort, context.partition_key
    matrix = load_matrix(study.table("design_matrix", campaign_type), trials)
    x, data = matrix.x, residuals(trials, nuisances, settings.trial.outcome)
    campaigns = trials["campaign"].to_numpy()
    pairs = match_pairs(data.propensity, data.treated, campaigns, settings.effects.caliper)
    differences = pair_differences(data, pairs)
    doubts = sensitivity_tables(
        data, x, matrix.names, differences, settings.sensitivity, settings.confidence, settings.trial.outcome
    )
    for name in ("sensitivity", "confounder_benchmarks", "confounding_contour", "rosenbaum_bounds"):
        yield dg.Output(getattr(doubts, name), name)
    tables, seed = study.journey_tables(), settings.seed_for("negative_controls")
    controls = negative_controls(tables, trials, x, data, campaign_type, settings, seed)
    yield dg.Output(controls.frame, "negative_controls", metadata={"left_out": _listed(controls.left_out)})
    numbers = headlines(data, settings.trial.outcome, controls.residuals)
    yield dg.Output(influence(numbers, settings.confidence), "influence")
    weeks = event_study(tables, trials, x, data, settings.sensitivity, settings.engine, settings.confidence)
    yield dg.Output(weeks, "event_study")


@step(
    settings=("seed", "confidence", "trial", "nuisance", "economics.margin"),
    deps=[*LOOK_BACK_TABLES, "segment_model", *COMPARABLE],
)
def compare_types(
    context: dg.AssetExecutionContext,
    trial_campaigns: pd.DataFrame,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    average_effects: pd.DataFrame,
    household_copies: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """This campaign type beside the others, as far as their tables lie on disk."""
    from dunnhumby_pipeline.causal.effects import campaign_types as types
    from dunnhumby_pipeline.orchestration.other_types import others

    settings, own = study.settings, context.partition_key
    lacking = types.not_identified(average_effects)
    studies = [types.TypeStudy(own, types.NEXT_ENDS, trial_campaigns, first_campaign_cohort, nuisances, lacking)]
    place = segments_of(study.table("segment_model"))
    beside = types.runs_on(study.journey_tables(), own, settings, place, household_copies)
    known, told, not_studied = others(study, own)
    mine = [] if beside is None else [beside]
    return types.campaign_types([*studies, *mine, *known], not_studied, settings, told)


@step(
    settings=("seed", "trial", "nuisance", "overlap", "checks.min_effective_trials", "checks.max_weighted_smd"),
    deps=[*LOOK_BACK_TABLES, "segment_model", *COMPARABLE],
)
def study_repeats(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    repeat_trials: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """What is known of sending the type to households that it was sent before, and of which of today."""
    from dunnhumby_pipeline.causal.design.repeats import households_today
    from dunnhumby_pipeline.causal.effects.repeats import study_repeats as estimate
    from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
    from dunnhumby_pipeline.segmentation.segments.model_store import load_model

    settings, campaign_type = study.settings, context.partition_key
    tables, engine = study.journey_tables(), settings.engine
    today = households_today(tables, campaign_type, first_campaign_cohort, settings.trial, engine)
    # A segment is a place among all households of the window, those never contacted too.
    today["lookback_segment"] = window_segments(today, "campaign", load_model(study.table("segment_model")))
    found = estimate(repeat_trials, today.loc[today["received_before"]], campaign_type, settings)
    yield dg.Output(found.nuisances, "repeat_nuisances")
    yield dg.Output(found.support, "repeat_support")
    yield dg.Output(found.households, "repeat_households")


def _listed(rows: pd.DataFrame) -> dg.MetadataValue:
    from dunnhumby_pipeline.words.escaping import markdown_of

    return dg.MetadataValue.md(markdown_of(rows) if len(rows) else "none")


@step(
    settings=("seed", "confidence", "trial", "nuisance", "overlap", "cate"),
    deps=[*LOOK_BACK_TABLES, "segment_model", "need_model", *COMPARABLE, "design_matrix"],
)
def fit_cate(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Conditional effects on gross profit: candidates out of fold, their stack, and whether it beats one effect."""
    from dunnhumby_pipeline.causal.cate.learners.registry import LEFT_TO_CERTIFICATE
    from dunnhumby_pipeline.causal.cate.model_store import EffectModel, save_effect_model
    from dunnhumby_pipeline.causal.cate.scoring import save_recipe
    from dunnhumby_pipeline.causal.cate.selection import fit_cate as fit
    from dunnhumby_pipeline.causal.cate.selection import household_effects
    from dunnhumby_pipeline.causal.design.cohort import covariates_today
    from dunnhumby_pipeline.causal.design.matrix import trial_design
    from dunnhumby_pipeline.causal.design.matrix_store import CovariateMatrix, load_matrix, save_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.causal.nuisance.recalibration import as_in_campaign
    from dunnhumby_pipeline.causal.nuisance.stored_propensity import final_propensity
    from dunnhumby_pipeline.orchestration.scoring import recipe_of
    from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
    from dunnhumby_pipeline.segmentation.segments.model_store import load_model

    settings, trials, campaign_type = study.settings, first_campaign_cohort, context.partition_key
    matrix = load_matrix(study.table("design_matrix", campaign_type), trials)
    data = residuals(trials, nuisances, GROSS_PROFIT)
    seed = settings.seed_for("cate")
    own = (settings.cate, settings.confidence, seed, settings.nuisance)
    fitted = fit(trials, matrix.x, data, *own, without=LEFT_TO_CERTIFICATE)
    today = covariates_today(study.journey_tables(), campaign_type, trials, settings.trial, settings.engine)
    today["lookback_segment"] = window_segments(today, "campaign", load_model(study.table("segment_model")))
    today["lookback_need"], _ = needs_of(today, today, study)
    design = trial_design(trials, campaign_type, settings.trial)
    new = design.apply(today)
    received = final_propensity(matrix.x, data, settings.nuisance, settings.seed_for("nuisances"))
    effects = household_effects(today, new, received.probability(new), fitted.final, settings.confidence)
    least = settings.nuisance.recalibration_min_arm
    effects["propensity"] = as_in_campaign(effects["propensity"], today["campaign"], nuisances, least)
    yield dg.Output(fitted.scoreboard, "cate_scoreboard", metadata={"chosen": fitted.chosen})
    yield dg.Output(fitted.estimates, "cate_estimates")
    yield dg.Output(fitted.by_model, "cate_by_model")
    yield dg.Output(effects, "household_effects", metadata={"model": fitted.chosen})
    with study.staging() as staging:
        files = {
            name: staging / study.table(name).name for name in ("household_matrix", "cate_model", "scoring_recipe")
        }
        save_matrix(CovariateMatrix(new, matrix.names, today), files["household_matrix"])
        save_effect_model(EffectModel(fitted.final, matrix.names), files["cate_model"])
        belonging = {"cate_model": files["cate_model"], "segment_model": study.table("segment_model")}
        save_recipe(
            recipe_of(study, campaign_type, trials, nuisances, design, received, belonging), files["scoring_recipe"]
        )
        yield from (dg.Output(file, name) for name, file in files.items())


@step(
    settings=("seed", "confidence", "overlap", "cate", "validation"),
    deps=[*COMPARABLE, "design_matrix"],
)
def validate_cate(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    cate_scoreboard: pd.DataFrame,
    cate_estimates: pd.DataFrame,
    cate_by_model: pd.DataFrame,
    economics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Whether the order of households by effect holds on outcomes that no model saw, and what it rests on."""
    from dunnhumby_pipeline.causal.cate.explanation.credibility import credibility
    from dunnhumby_pipeline.causal.cate.explanation.drivers import effect_drivers
    from dunnhumby_pipeline.causal.cate.explanation.subgroups import subgroups
    from dunnhumby_pipeline.causal.cate.validation.candidate import candidate
    from dunnhumby_pipeline.causal.cate.validation.validate import validate
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
    from dunnhumby_pipeline.causal.overlap.positivity import overlap_region
    from dunnhumby_pipeline.targeting.economics import in_force

    settings, trials = study.settings, first_campaign_cohort
    seed, confidence, own = settings.seed_for("validation"), settings.confidence, settings.validation
    matrix = load_matrix(study.table("design_matrix", context.partition_key), trials)
    x, names, data = matrix.x, matrix.names, residuals(trials, nuisances, GROSS_PROFIT)
    own_effects = cate_by_model.groupby("model", sort=False)["cate_uncalibrated"]
    by_model = {str(name): effect.to_numpy() for name, effect in own_effects}
    judged, predict = candidate(cate_scoreboard, by_model, x, data, settings.cate, settings.seed_for("cate"))
    labels, cost = trials[["lookback_segment", "lookback_need"]], in_force(economics).price.contact_cost
    bounded = nuisances["propensity_bounded"].to_numpy(dtype=bool)
    region = overlap_region(data.treated, data.propensity, bounded, settings.overlap)
    overlap = (region.lowest, region.highest)
    found = validate(data, judged, by_model, labels, x, names, cost, own, overlap, confidence, seed)
    yield dg.Output(found.tests, "cate_validation", metadata={"model": judged.name, "chosen": judged.chosen})
    yield dg.Output(found.curve, "toc_curve")
    yield dg.Output(found.groups, "gates")
    yield dg.Output(found.traits, "clan")
    yield dg.Output(found.agreement, "cate_agreement")
    yield dg.Output(effect_drivers(predict, x, names, own.max_explained, seed), "effect_drivers")
    leaves = subgroups(x, names, data, judged.sequential, own.tree_depth, confidence, seed)
    yield dg.Output(leaves, "effect_subgroups")
    parts = credibility(cate_estimates, judged.effect, by_model, data.propensity, data.folds, overlap)
    yield dg.Output(parts, "effect_credibility")
