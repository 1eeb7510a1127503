"""Customer understanding: features, factors, segments, stability."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.features.catalogue import PROFILE_TABLES
from dunnhumby_pipeline.orchestration.resources import Study

GROUP = "segmentation"


@dg.multi_asset(
    name="describe_customers",
    group_name=GROUP,
    deps=PROFILE_TABLES,
    outs={
        "customer_features": dg.AssetOut(
            description="The features and tenure of every household over the whole history."
        ),
        "feature_drift": dg.AssetOut(description="How far each feature has moved since the table of the run before."),
    },
)
def describe_customers(study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """Features of every household, and their drift since the table that they replace."""
    from dunnhumby_pipeline.features.drift import feature_drift
    from dunnhumby_pipeline.features.profile import household_features
    from dunnhumby_pipeline.features.windows import observed_days, one_window

    tables, engine = study.journey_tables(), study.settings.engine
    first_day, last_day = observed_days(tables["transactions"], engine)
    frame = household_features(tables, one_window(first_day, last_day), engine).drop(columns="window")
    last = study.table("customer_features")
    drift = feature_drift(read_table(last) if last.is_file() else None, frame)
    yield dg.Output(frame, "customer_features", metadata={"first_day": first_day, "last_day": last_day})
    yield dg.Output(drift, "feature_drift")


@dg.multi_asset(
    name="fit_segments",
    group_name=GROUP,
    outs={
        "nmf_factors": dg.AssetOut(description="Factor scores of each household."),
        "factor_loadings": dg.AssetOut(description="Loading of each feature on each factor; largest is 1."),
        "factor_selection": dg.AssetOut(description="Explained variance by number of factors."),
        "segments": dg.AssetOut(description="Segment of each household, and the share of refits that agree."),
        "segment_centroids": dg.AssetOut(description="Mean factor scores of each segment."),
        "segment_stability": dg.AssetOut(description="Bootstrap ARI with everything refit, cold and warm."),
    },
)
def fit_segments(customer_features: pd.DataFrame, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """NMF factors of the scaled features, K-Means segments of the factors, and their bootstrap stability."""
    from dunnhumby_pipeline.segmentation.study import segment_households

    settings = study.settings
    result = segment_households(customer_features, settings.segmentation, settings.seed_for("segments"))
    yield dg.Output(result.nmf_factors, "nmf_factors")
    yield dg.Output(result.factor_loadings, "factor_loadings", metadata={"centred_r2": result.centred_r2})
    yield dg.Output(result.factor_selection, "factor_selection")
    yield dg.Output(result.segments, "segments", metadata={"smallest_share": result.smallest_share})
    yield dg.Output(result.segment_centroids, "segment_centroids")
    yield dg.Output(result.segment_stability, "segment_stability", metadata=result.mean_ari)
