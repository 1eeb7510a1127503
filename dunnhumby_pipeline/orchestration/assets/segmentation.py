"""Customer understanding: features, segments, what they are like, worth and come for, and whether they stay."""

from collections.abc import Iterable, Iterator, Mapping

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.features import PROFILE_TABLES
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.origin import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.resources import Study

GROUP = "segmentation"


@dg.multi_asset(
    name="describe_customers",
    group_name=GROUP,
    deps=PROFILE_TABLES,
    outs={
        "customer_features": dg.AssetOut(
            description="The features and tenure of every household over the whole history."
        ),
        "feature_drift": dg.AssetOut(description="How far each feature has moved since it was last another."),
    },
)
def describe_customers(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """Features of every household, and their drift since the table that they replace."""
    from dunnhumby_pipeline.features.drift import drift_since
    from dunnhumby_pipeline.features.profile import household_features
    from dunnhumby_pipeline.features.windows import observed_days, one_window

    tables, engine = study.journey_tables(), study.settings.engine
    first_day, last_day = observed_days(tables["transactions"], engine)
    frame = household_features(tables, one_window(first_day, last_day), engine).drop(columns="window")
    last, found = (
        read_table(path) if path.is_file() else None
        for path in (study.table("customer_features"), study.table("feature_drift"))
    )
    drift = drift_since(last, found, frame)
    yield dg.Output(frame, "customer_features", metadata={"first_day": first_day, "last_day": last_day})
    yield dg.Output(drift, "feature_drift")


# Several tables come from one fit; the model that gave them goes last, so that a run that fails between two tables
# is compared, and its successor started, with the model before.
FITTED = {
    "feature_choice": "Which features are factored, and why each of the others is not.",
    "factor_selection": "Explained variance and stability by number of factors, and the number chosen.",
    "factor_loadings": "Loading of each feature on each factor; largest is 1.",
    "nmf_factors": "Factor scores of each household.",
    "segment_scoreboard": "Quality and stability of the segments chosen, of the reference study's setting and of "
    "every candidate.",
    "segments": "Segment of each household, and the share of refits that agree.",
    "segment_centroids": "Mean factor scores of each segment.",
    "segment_stability": "Bootstrap ARI with everything refit, cold and warm.",
    "segment_jaccard": "How well each segment comes back in cold refits.",
    "segment_identity": "Which segment of the run before each one is, and whether it keeps its name.",
    "reference_loadings": "Loading of each feature on each factor of the reference study's setting.",
    "reference_factors": "Factor scores of each household in the reference study's setting.",
}
DESCRIBED = {
    "segment_profiles": "Size, money, stage and leading need of each segment.",
    "segment_features": "Mean of each feature in each segment, and how well the feature tells segments apart.",
    "segment_demographics": "Answers of each segment's households, where they are known.",
    "demographic_tests": "Whether segments and answers go together, a test an attribute.",
    "segment_departments": "Share of sales and lift of each department in each segment.",
    "factor_needs": "Which factors say what is bought, and what need each of them is.",
    "need_loadings": "Loading of each feature on each factor that needs are read from.",
    "household_needs": "What each household comes for.",
    "segment_playbook": "What to do with each segment, by the rules of the playbook.",
    "pareto_curve": "Share of revenue that the best households bring.",
}
LIFETIMES = {
    "customer_lifetime_value": "What each household is expected to spend, its lifetime value tier and its RFM scores.",
    "clv_parameters": "Parameters of the models of trips and spend, and whether each lies in its range.",
    "clv_validation": "Errors of each forecast on the later half of the data, beside the same as last period.",
    "clv_calibration": "Forecast and actual spend and trips by bins of the forecast.",
}
CROSSED = {
    "segment_lifetime_value": "Lifetime value of each segment.",
    "lifetime_differences": "Whether segments differ in lifetime value, and by how much.",
    "household_value_need": "Lifetime value tier and leading need of each household.",
    "value_need": "Households, money and offer of each lifetime value tier and leading need.",
}
FOLLOWED = {
    "segment_migration": "Households that went from one segment to another between two periods.",
    "migration_summary": "How alike the segments of two periods are, and the share of households that stay.",
    "segment_drift": "How far features and the mix of segments have moved between two periods.",
    "early_warning": "Households that fall from high value, the largest loss first.",
    "warning_evidence": "What became of those who would have been listed earlier.",
}


def _outs(tables: Mapping[str, str]) -> dict[str, dg.AssetOut]:
    return {name: dg.AssetOut(description=meaning) for name, meaning in tables.items()}


def _outputs(found: Mapping[str, pd.DataFrame], tables: Iterable[str]) -> Iterator[dg.Output]:
    for name in tables:
        yield dg.Output(found[name], name)


@dg.multi_asset(
    name="fit_segments",
    group_name=GROUP,
    outs={
        **_outs(FITTED),
        "segment_model": dg.AssetOut(
            description="The fitted features, factors and segments with their names, as arrays: it scores other "
            "households and months, and the next run starts from it.",
        ),
    },
)
def fit_segments(
    context: dg.AssetExecutionContext, customer_features: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """NMF factors of the scaled features, K-Means segments of the factors, named as in the run before, refitted."""
    from dunnhumby_pipeline.segmentation.segments.model_store import previous_model, save_model
    from dunnhumby_pipeline.segmentation.segments.study import segment_households

    settings, model = study.settings, study.table("segment_model")
    previous, without = previous_model(model)
    version, seed = fingerprint_once(study.table("customer_features")), settings.seed_for("segments")
    with refusing(ValueError):
        found = segment_households(customer_features, settings.segmentation, seed, previous, version, without)
    context.log.info(f"segments start {found.start_reason}")
    yield from _outputs(vars(found), FITTED)
    with study.staging() as staging:
        save_model(found.model, staging / model.name)
        yield dg.Output(staging / model.name, "segment_model", metadata={"start": found.start_reason})


@dg.multi_asset(name="describe_segments", group_name=GROUP, deps=["transactions", "products"], outs=_outs(DESCRIBED))
def describe_segments(
    customer_features: pd.DataFrame,
    segments: pd.DataFrame,
    nmf_factors: pd.DataFrame,
    factor_loadings: pd.DataFrame,
    demographics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Who is in each segment, what they buy and come for, and what to do with them."""
    from dunnhumby_pipeline.segmentation.needs.needs import NeedError
    from dunnhumby_pipeline.segmentation.needs.playbook import PlaybookError, load_playbook
    from dunnhumby_pipeline.segmentation.profiles.description import Fitted, describe
    from dunnhumby_pipeline.segmentation.profiles.profiles import ProfileError

    fitted = Fitted(customer_features, segments, nmf_factors, factor_loadings)
    with refusing(PlaybookError, ProfileError, NeedError):
        playbook = load_playbook(study.home.playbook)
        found = describe(fitted, demographics, study.journey_tables(), playbook, study.settings)
    yield from _outputs(found, DESCRIBED)


@dg.multi_asset(name="value_lifetimes", group_name=GROUP, deps=["transactions"], outs=_outs(LIFETIMES))
def value_lifetimes(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """Lifetime value of every household, and how such forecasts did on the half of the data they had not seen."""
    from dunnhumby_pipeline.engine.run import run
    from dunnhumby_pipeline.features.trips import trip_history
    from dunnhumby_pipeline.features.windows import observed_days
    from dunnhumby_pipeline.segmentation.lifetime.study import lifetime_study, lifetime_windows
    from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError

    settings, lines = study.settings, study.table("transactions")
    with refusing(LifetimeValueError):
        windows = lifetime_windows(*observed_days(lines, settings.engine))
        trips = run(trip_history(), {"transactions": lines, "windows": windows}, settings.engine)
        found = lifetime_study(
            trips, windows, settings.lifetime_value, settings.profile.tier_shares, settings.confidence
        )
    yield from _outputs(vars(found), LIFETIMES)


@dg.multi_asset(name="value_segments", group_name=GROUP, outs=_outs(CROSSED))
def value_segments(
    customer_features: pd.DataFrame,
    segments: pd.DataFrame,
    customer_lifetime_value: pd.DataFrame,
    household_needs: pd.DataFrame,
    factor_needs: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Lifetime value across segments, and across what households come for."""
    from dunnhumby_pipeline.segmentation.lifetime.by_segment import lifetime_differences, segment_lifetime_value
    from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
    from dunnhumby_pipeline.segmentation.needs.playbook import PlaybookError, load_playbook
    from dunnhumby_pipeline.segmentation.needs.value_need import ValueNeedError, household_value_need, value_need

    values = customer_lifetime_value
    with refusing(PlaybookError, ValueNeedError, LifetimeValueError):
        playbook = load_playbook(study.home.playbook)
        households = household_value_need(values, household_needs, customer_features)
        found = {
            "segment_lifetime_value": segment_lifetime_value(values, segments, study.settings.confidence),
            "lifetime_differences": lifetime_differences(values, segments),
            "household_value_need": households,
            "value_need": value_need(households, factor_needs, playbook),
        }
    yield from _outputs(found, CROSSED)


@dg.multi_asset(
    name="follow_segments",
    group_name=GROUP,
    deps=["transactions", "products", "segment_model"],
    outs=_outs(FOLLOWED),
)
def follow_segments(segment_profiles: pd.DataFrame, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """The segments over rolling look-backs: who stays, who moves, what drifts, who falls from high value."""
    from dunnhumby_pipeline.engine.run import run
    from dunnhumby_pipeline.features.customer import customer_features
    from dunnhumby_pipeline.features.windows import observed_days
    from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError
    from dunnhumby_pipeline.segmentation.movement.migration import MigrationError, migration_tables
    from dunnhumby_pipeline.segmentation.movement.periods import migration_windows
    from dunnhumby_pipeline.segmentation.segments.look_back import window_segments
    from dunnhumby_pipeline.segmentation.segments.model_store import ModelFileError, load_model

    tables, settings = study.journey_tables(), study.settings
    tiers = dict(zip(segment_profiles["segment"], segment_profiles["value_tier"], strict=True))
    with refusing(MigrationError, MatrixError, ModelFileError):
        model = load_model(study.table("segment_model"))
        windows = migration_windows(*observed_days(tables["transactions"], settings.engine), settings.migration)
        relations = {"transactions": tables["transactions"], "products": tables["products"], "windows": windows}
        periods = run(customer_features(), relations, settings.engine)
        found = migration_tables(
            periods,
            windows,
            lambda rows: window_segments(rows, "window", model),
            tiers,
            settings.migration,
            drifting=model.features,
        )
    yield from _outputs(vars(found), FOLLOWED)
