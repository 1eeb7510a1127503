"""Track 1 from customer features to tables: factors, segments with names, stability."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.features.catalogue import FACTORED
from dunnhumby_pipeline.segmentation.clusters import clusters_table, fit_segmentation
from dunnhumby_pipeline.segmentation.factors import loadings_table, scan_factors
from dunnhumby_pipeline.segmentation.identity import segment_names, slug
from dunnhumby_pipeline.segmentation.stability import bootstrap_stability
from dunnhumby_pipeline.settings import SegmentationSettings


@dataclass(frozen=True)
class SegmentationTables:
    """The tables of Track 1; columns as in the assets of the same names."""

    nmf_factors: pd.DataFrame
    factor_loadings: pd.DataFrame
    factor_selection: pd.DataFrame
    segments: pd.DataFrame
    segment_centroids: pd.DataFrame
    segment_stability: pd.DataFrame

    @property
    def mean_ari(self) -> dict[str, float]:
        """Mean bootstrap ARI by start, 'cold' and 'warm'."""
        means = self.segment_stability.groupby("start")["ari"].mean()
        return {f"mean_ari_{start}": float(ari) for start, ari in means.items()}

    @property
    def smallest_share(self) -> float:
        """Share of households in the smallest segment."""
        return float(self.segments["segment"].value_counts(normalize=True).min())

    @property
    def centred_r2(self) -> float:
        """Column-centred R2 of the chosen number of factors."""
        n_factors = self.nmf_factors.shape[1] - 1
        chosen = self.factor_selection["n_factors"] == n_factors
        return float(self.factor_selection.loc[chosen, "centred_r2"].iloc[0])


def segment_households(features: pd.DataFrame, settings: SegmentationSettings, seed: int) -> SegmentationTables:
    """Fit factors and segments to one row of features a household, name them, and refit them on bootstraps.

    Raises MatrixError for unusable features and ValueError for more factors or segments than the
    households allow.
    """
    fitted = fit_segmentation(features, FACTORED, settings, seed)
    scores, labels = fitted.scores(features), fitted.labels(features)
    names = segment_names(features, labels)
    slugs = tuple(slug(names[label]) for label in sorted(names))
    stability = bootstrap_stability(features, fitted, settings, seed)
    factors = pd.DataFrame(scores, columns=list(fitted.factors.names))
    factors.insert(0, "household_key", features["household_key"].to_numpy())
    segments = pd.DataFrame(
        {
            "household_key": features["household_key"].to_numpy(),
            "segment": [slugs[label] for label in labels],
            "segment_name": [names[label] for label in labels],
            "stability": stability.agreement,
        }
    )
    matrix = fitted.scaling.apply(features)
    largest = max(settings.max_factors, settings.n_factors)
    return SegmentationTables(
        nmf_factors=factors,
        factor_loadings=loadings_table(fitted.factors),
        factor_selection=scan_factors(matrix, FACTORED, largest, seed),
        segments=segments,
        segment_centroids=clusters_table(fitted.clusters, slugs, fitted.factors.names),
        segment_stability=stability.replicates,
    )
