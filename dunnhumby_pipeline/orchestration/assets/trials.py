"""The design of the study: who enters, what it assumes, and whether the arms overlap. One partition per type."""

from collections.abc import Callable, Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.metrics import by_type
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step

# The tables a look-back is made from.
LOOK_BACK_TABLES = (
    "transactions",
    "products",
    "promotions",
    "campaigns",
    "campaign_targets",
    "coupon_redemptions",
    "demographics",
)
# Later numbers rest on arms that are alike where they overlap: these are judged before what takes long.
COMPARABLE = ("covariate_balance", "campaign_balance", "overlap_diagnostics")


@step(
    settings=("seed", "trial", "economics.margin"),
    deps=[*LOOK_BACK_TABLES, "segment_model", "segment_stability", "need_model"],
)
def enrol_trials(
    context: dg.AssetExecutionContext,
    household_copies: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Trials by the design in the settings, and the flow of households into it."""
    from dunnhumby_pipeline.causal.design.clusters import with_clusters
    from dunnhumby_pipeline.causal.design.cohort import CohortError, build_cohort
    from dunnhumby_pipeline.causal.design.matrix import trial_matrix
    from dunnhumby_pipeline.causal.design.matrix_store import CovariateMatrix, save_matrix
    from dunnhumby_pipeline.causal.design.repeats import repeat_trials
    from dunnhumby_pipeline.words.escaping import markdown_of

    settings, campaign_type = study.settings, context.partition_key
    with refusing(CohortError):
        cohort = build_cohort(
            study.journey_tables(), campaign_type, settings.trial, settings.engine, margin=settings.economics.margin
        )
    place = segments_of(study.table("segment_model"))
    needs, unknown = needs_of(cohort.look_backs, cohort.campaigns, study)
    segments = place(cohort.look_backs)
    trials = with_clusters(cohort.placed(segments, needs), household_copies)
    known = cohort.look_backs.assign(lookback_segment=segments)
    repeats = repeat_trials(
        study.journey_tables(),
        campaign_type,
        settings.trial,
        settings.engine,
        place,
        known,
        household_copies,
        settings.economics.margin,
    )
    design, x = trial_matrix(trials, campaign_type, settings.trial)
    yield dg.Output(
        trials,
        "first_campaign_cohort",
        metadata={
            "campaigns": dg.MetadataValue.md(cohort.campaigns_text()),
            **by_type(
                campaign_type,
                {
                    "treated_without_look_back_purchase": cohort.n_treated_without_history,
                    "trials_without_need": int((trials["lookback_need"] == NO_NEED).sum()),
                },
            ),
            "needs_not_known": unknown or "none",
            "covariates_without_any_value": ", ".join(design.left_out) or "none",
            "amounts_capped": dg.MetadataValue.md(markdown_of(cohort.caps) if len(cohort.caps) else "none"),
        },
    )
    yield dg.Output(cohort.campaigns, "trial_campaigns")
    yield dg.Output(cohort.flow, "trial_flow")
    yield dg.Output(repeats, "repeat_trials")
    matrix = study.table("design_matrix", campaign_type)
    with study.staging() as staging:
        save_matrix(CovariateMatrix(x, design.names, trials), staging / matrix.name)
        shown = by_type(campaign_type, {"n_columns": len(design.names)})
        yield dg.Output(staging / matrix.name, "design_matrix", metadata=shown)


def needs_of(look_backs: pd.DataFrame, campaigns: pd.DataFrame, study: Study) -> tuple[pd.Series, str]:
    """The need of each look-back by its own lines, and why none is known where none is.

    `campaigns`: lookback_start and index_day of each campaign of `look_backs`; rows of a campaign may repeat.
    """
    from dunnhumby_pipeline.segmentation.needs.look_back import window_needs
    from dunnhumby_pipeline.segmentation.needs.selection import LABEL
    from dunnhumby_pipeline.segmentation.needs.store import NeedModelError, load_need_model

    days = campaigns.loc[
        campaigns["campaign"].isin(look_backs["campaign"]), ["campaign", "lookback_start", "index_day"]
    ]
    windows = days.drop_duplicates("campaign").set_axis(["window", "first_day", "index_day"], axis=1)
    windows = windows.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})
    lines, products = study.table("transactions"), study.table("products")
    with refusing(NeedModelError, FileNotFoundError):
        model = load_need_model(study.table("need_model"))
    found = window_needs(look_backs, "campaign", windows, model, lines, products, study.settings.engine)
    # A label of trials: without it they are studied all the same.
    return found, "" if LABEL in model.layers else model.goods.reason


def segments_of(model: TablePath) -> Callable[[pd.DataFrame], pd.Series]:
    """What assigns segments to the households of each campaign's look-back."""
    from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
    from dunnhumby_pipeline.segmentation.segments.model_store import load_model

    fitted = load_model(model)
    return lambda look_backs: window_segments(look_backs, "campaign", fitted)


@step(settings=("confidence", "trial", "nuisance"))
def trial_protocol(
    context: dg.AssetExecutionContext, trial_campaigns: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """The trial that the study emulates, component by component."""
    from dunnhumby_pipeline.causal.design.protocol import trial_protocol as describe

    return describe(context.partition_key, study.settings, trial_campaigns)


@step(settings=("trial",))
def draw_causal_graph(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """The graph that is assumed, and what it identifies."""
    from dunnhumby_pipeline.causal.design.graph import causal_graph, identification

    edges = causal_graph()
    yield dg.Output(edges, "causal_graph")
    yield dg.Output(identification(edges, context.partition_key, study.settings.trial), "identification")


@step(settings=("seed", "trial", "nuisance", "nuisance.logged_propensities"), deps=["design_matrix"])
def fit_nuisances(
    context: dg.AssetExecutionContext, first_campaign_cohort: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """Propensity and outcome means, medians over several divisions into folds."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, fitted_outcomes
    from dunnhumby_pipeline.causal.nuisance.logged_propensity import (
        LoggedPropensityError,
        known_propensity,
        logged_file,
        read_logged,
    )

    settings = study.settings
    x = load_matrix(study.table("design_matrix", context.partition_key), first_campaign_cohort).x
    outcomes = fitted_outcomes(settings.trial.outcome)
    seed = settings.seed_for("nuisances")
    known, found = None, {}
    if settings.nuisance.logged_propensities is not None:
        path = logged_file(settings.nuisance.logged_propensities, study.home.root)
        with refusing(LoggedPropensityError):
            logged = known_propensity(first_campaign_cohort, read_logged(path), path)
        known = logged.propensity
        found = {
            "logged_rows_of_other_campaigns": logged.n_other_campaigns,
            "logged_rows_of_no_trial": logged.n_other_households,
        }
    fitted = cross_fit(first_campaign_cohort, x, settings.nuisance, seed, outcomes, known=known)
    counted = {
        "propensities_bounded": int(fitted.nuisances["propensity_bounded"].sum()),
        "propensities_logged": int(fitted.nuisances["propensity_logged"].sum()),
        **found,
    }
    yield dg.Output(fitted.nuisances, "nuisances", metadata=by_type(context.partition_key, counted))
    yield dg.Output(fitted.quality, "nuisance_quality")


@step(settings=("overlap",), deps=["design_matrix"])
def propensity(
    context: dg.AssetExecutionContext, nuisances: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """Propensity, regions of overlap and weights of every trial."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.overlap.overlap import propensity_table

    x = load_matrix(study.table("design_matrix", context.partition_key), nuisances).x
    return propensity_table(nuisances, x, study.settings.overlap)


@step(settings=("confidence", "overlap"), deps=["design_matrix"])
def diagnose_overlap(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    propensity: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Could either arm have been chosen, does the propensity mean what it says, and who lies outside."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.overlap.calibration import propensity_calibration
    from dunnhumby_pipeline.causal.overlap.outside import outside_overlap
    from dunnhumby_pipeline.causal.overlap.overlap import overlap_diagnostics

    settings = study.settings
    matrix = load_matrix(study.table("design_matrix", context.partition_key), first_campaign_cohort)
    yield dg.Output(overlap_diagnostics(propensity, first_campaign_cohort["index_day"]), "overlap_diagnostics")
    calibration = propensity_calibration(propensity, settings.overlap.n_bins, settings.confidence)
    yield dg.Output(calibration, "propensity_calibration")
    yield dg.Output(outside_overlap(matrix.x, matrix.names, propensity, settings.overlap), "outside_overlap")


@step(deps=["design_matrix"])
def covariate_balance(
    context: dg.AssetExecutionContext, propensity: pd.DataFrame, study: dg.ResourceParam[Study]
) -> pd.DataFrame:
    """Standardised mean difference of every covariate, before and after each weighting."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.overlap.balance import covariate_balance as balance

    matrix = load_matrix(study.table("design_matrix", context.partition_key), propensity)
    return balance(matrix.x, matrix.names, propensity)


@step(settings=("seed", "overlap"), deps=["design_matrix"])
def compare_arms(
    context: dg.AssetExecutionContext, nuisances: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """Balance and calibration within each campaign, with what noise alone would give at its size."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.overlap.campaign_balance import campaign_balance, campaign_calibration

    overlap, seed = study.settings.overlap, study.settings.seed_for("campaign_balance")
    matrix = load_matrix(study.table("design_matrix", context.partition_key), nuisances)
    balance = campaign_balance(matrix.x, matrix.names, nuisances, overlap.noise_confidence, overlap.noise_draws, seed)
    yield dg.Output(balance, "campaign_balance")
    yield dg.Output(campaign_calibration(nuisances, overlap.noise_confidence), "campaign_calibration")


@step(
    settings=("seed", "confidence", "trial", "nuisance", "overlap"),
    deps=[*LOOK_BACK_TABLES, "segment_model", "design_matrix", *COMPARABLE],
)
def design_comparison(
    context: dg.AssetExecutionContext,
    first_campaign_cohort: pd.DataFrame,
    nuisances: pd.DataFrame,
    household_copies: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> pd.DataFrame:
    """Arms, overlap, balance and effects of each design side by side, the reference study's among them."""
    from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
    from dunnhumby_pipeline.causal.effects.design_comparison import FittedDesign, compare_designs

    settings = study.settings
    matrix = load_matrix(study.table("design_matrix", context.partition_key), first_campaign_cohort)
    known = FittedDesign(first_campaign_cohort, matrix.x, matrix.names, nuisances)
    place = segments_of(study.table("segment_model"))
    return compare_designs(study.journey_tables(), context.partition_key, settings, place, known, household_copies)
