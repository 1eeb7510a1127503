"""Customer understanding: features, segments, what they are like, worth and come for, and whether they stay."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.feature import PROFILE_TABLES
from dunnhumby_pipeline.engine.tables import TableError, read_table
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.fingerprints import frame_fingerprint
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.refitted import RefittedModel
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import outputs, step
from dunnhumby_pipeline.orchestration.platform.versions import digest


@step(deps=PROFILE_TABLES)
def describe_customers(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """Features of every household, and their drift since the table that they replace."""
    from dunnhumby_pipeline.features.drift import drift_since
    from dunnhumby_pipeline.features.profile import household_features
    from dunnhumby_pipeline.features.windows import observed_days, one_window

    tables, engine = study.journey_tables(), study.settings.engine
    first_day, last_day = observed_days(tables["transactions"], engine)
    frame = household_features(tables, one_window(first_day, last_day), engine).drop(columns="window")
    last, found = (_last(study, name) for name in ("customer_features", "feature_drift"))
    drift = drift_since(last, found, frame)
    # Drift first: of a run that dies in between, the next one compares with the same table.
    yield dg.Output(drift, "feature_drift")
    yield dg.Output(frame, "customer_features", metadata={"first_day": first_day, "last_day": last_day})


def _last(study: Study, name: str) -> pd.DataFrame | None:
    """The table of the run before; None when there is none that can be read: it is about to be replaced."""
    try:
        return read_table(study.table(name))
    except (FileNotFoundError, TableError):
        return None


@step(settings=("seed", "segmentation"))
def fit_segments(
    context: dg.AssetExecutionContext, customer_features: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """NMF factors of the scaled features, K-Means segments of the factors, named as in the run before, refitted."""
    from dunnhumby_pipeline.segmentation.segments.model_store import previous_model, save_model
    from dunnhumby_pipeline.segmentation.segments.tables import segment_households

    settings, seed = study.settings, study.settings.seed_for("segments")
    kept = RefittedModel(study.table("segment_model"), previous_model, save_model)
    code = context.assets_def.code_versions_by_key[asset_key("segment_model")] or ""
    version = digest([frame_fingerprint(customer_features), code])
    began = kept.beginning(version)
    with refusing(ValueError):
        found = segment_households(
            customer_features, settings.segmentation, seed, began.previous, version, began.without
        )
    context.log.info(f"segments start {found.start_reason}")
    # The model goes last: a run that fails between two tables is compared, and its successor started, with the one
    # before.
    yield from outputs("fit_segments", vars(found))
    with study.staging() as staging:
        yield dg.Output(kept.keep(found.model, began, staging), "segment_model", metadata={"start": found.start_reason})


@step(settings=("confidence", "profile"), deps=["transactions", "products"])
def describe_segments(
    customer_features: pd.DataFrame,
    segments: pd.DataFrame,
    household_status: pd.DataFrame,
    factor_loadings: pd.DataFrame,
    household_needs: pd.DataFrame,
    demographics: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Who is in each segment, and what they buy and come for."""
    from dunnhumby_pipeline.segmentation.profiles.description import Fitted, describe
    from dunnhumby_pipeline.segmentation.profiles.profiles import ProfileError

    fitted = Fitted(customer_features, segments, household_status, factor_loadings, household_needs)
    with refusing(ProfileError):
        found = describe(fitted, demographics, study.journey_tables(), study.settings)
    yield from outputs("describe_segments", found)


@step(settings=("confidence",))
def value_segments(
    customer_features: pd.DataFrame,
    segments: pd.DataFrame,
    customer_lifetime_value: pd.DataFrame,
    household_needs: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """Lifetime value across segments, and across what households come for."""
    from dunnhumby_pipeline.segmentation.lifetime.by_segment import lifetime_differences, segment_lifetime_value
    from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
    from dunnhumby_pipeline.segmentation.needs.value_need import ValueNeedError, household_value_need

    values = customer_lifetime_value
    with refusing(ValueNeedError, LifetimeValueError):
        households = household_value_need(values, household_needs, customer_features)
        found = {
            "segment_lifetime_value": segment_lifetime_value(values, segments, study.settings.confidence),
            "lifetime_differences": lifetime_differences(values, segments),
            "household_value_need": households,
        }
    yield from outputs("value_segments", found)


@step(
    settings=("seed", "confidence", "migration", "profile.tier_shares"),
    deps=["transactions", "products", "segment_model", "need_model"],
)
def follow_segments(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """The segments over rolling look-backs: who stays, who moves beyond noise, what drifts."""
    from dunnhumby_pipeline.engine.run import run
    from dunnhumby_pipeline.features.by_day import run_by_day
    from dunnhumby_pipeline.features.calendar import on_calendar
    from dunnhumby_pipeline.features.customer import customer_features, moved_parts
    from dunnhumby_pipeline.features.windows import observed_days
    from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError
    from dunnhumby_pipeline.segmentation.movement.halves import interleaved_halves, measured_pairs
    from dunnhumby_pipeline.segmentation.movement.measured import movement_measures, read
    from dunnhumby_pipeline.segmentation.movement.migration import MigrationError, migration_tables
    from dunnhumby_pipeline.segmentation.movement.periods import migration_windows
    from dunnhumby_pipeline.segmentation.needs.look_back import window_needs
    from dunnhumby_pipeline.segmentation.needs.store import NeedModelError, load_need_model
    from dunnhumby_pipeline.segmentation.segments.model_store import ModelFileError, load_model

    settings, shares = study.settings, study.settings.profile.tier_shares
    lines, products = study.table("transactions"), study.table("products")
    relations = {"transactions": lines, "products": products}
    with refusing(MigrationError, MatrixError, ModelFileError, NeedModelError):
        model, needs = load_model(study.table("segment_model")), load_need_model(study.table("need_model"))
        windows = migration_windows(*observed_days(lines, settings.engine), settings.migration)
        halves = interleaved_halves(windows, measured_pairs(windows, settings.migration.noise_pairs))
        periods = run_by_day(customer_features(), relations | {"windows": windows}, settings.engine)
        dealt = relations | {"windows": halves.windows, "calendar": halves.calendar}
        halved = run(on_calendar(customer_features(), *moved_parts()), dealt, settings.engine)
        of_periods = window_needs(periods, "window", windows, needs, lines, products, settings.engine)
        of_halves = window_needs(
            halved, "window", halves.windows, needs, lines, products, settings.engine, halves.calendar
        )
        seen = read(periods, model, shares, of_periods)
        found = migration_tables(periods, windows, lambda _: seen.labels["segment"], model.features, shares)
        measures = movement_measures(
            seen,
            windows,
            read(halved, model, shares, of_halves),
            halves.pairs,
            model,
            settings.migration,
            settings.confidence,
            settings.seed_for("movement"),
        )
    yield from outputs("follow_segments", vars(found) | vars(measures))
