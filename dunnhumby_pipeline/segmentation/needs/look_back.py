"""Needs of households as they stood before an index day, from look-back features alone."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.segmentation.factors.factors import Factors
from dunnhumby_pipeline.segmentation.factors.matrix import Treatment, fit_scaling
from dunnhumby_pipeline.segmentation.needs.needs import NEEDS, Needs, leading_needs


def window_needs(features: pd.DataFrame, window: str, needs: Needs, treatment: Treatment = "percentile") -> pd.Series:
    """Leading need of each row of `features` (one row per household and window), by the loadings of fitted `needs`.

    Features are placed among the households of the same window (column `window`), as for the look-back segment: no
    household's later purchases enter; the loadings themselves come from the whole history. `treatment`: of the
    features that the needs' factors were fitted to. A row that lacks a feature of what is bought has the need 'none',
    as one that scores on no need. Raises MatrixError when another feature of the factors is missing.
    """
    loadings = needs.loadings.pivot(index="factor", columns="feature", values="loading")
    loadings = loadings.loc[list(needs.needs["factor"])]
    factors = Factors(tuple(loadings.columns), loadings.to_numpy(dtype=float))
    bought = [name for name in factors.features if name in NEEDS]
    known = features.loc[features.reindex(columns=bought).notna().all(axis=1)]
    found = pd.Series(NO_NEED, index=features.index, dtype=object)
    for _, rows in known.groupby(window):
        matrix = fit_scaling(rows, factors.features, treatment=treatment, constant_ok=True).apply(rows)
        scores = pd.DataFrame(factors.scores(matrix), columns=list(loadings.index))
        scores.insert(0, "household_key", rows["household_key"].to_numpy())
        found.loc[rows.index] = leading_needs(scores, needs.needs)["need"].to_numpy(dtype=object)
    return found
