"""Customer understanding: features, factors, segments, stability."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.resources import Study

GROUP = "segmentation"


@dg.asset(group_name=GROUP)
def customer_features(transactions: Path, products: Path, study: dg.ResourceParam[Study]) -> dg.Output[pd.DataFrame]:
    """The 33 features and tenure of every household over the whole history."""
    from dunnhumby_pipeline.engine import duck
    from dunnhumby_pipeline.features.customer import customer_features as expression
    from dunnhumby_pipeline.features.windows import observed_days, one_window

    first_day, last_day = observed_days(transactions, study.settings.engine)
    tables: dict[str, duck.Relation] = {"transactions": transactions, "products": products}
    tables["windows"] = one_window(first_day, last_day)
    frame = duck.run(expression(), tables, study.settings.engine).drop(columns="window")
    return dg.Output(frame, metadata={"first_day": first_day, "last_day": last_day})


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
