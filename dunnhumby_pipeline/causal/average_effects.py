"""Average effects with household-clustered intervals: naive, AIPW, overlap-weighted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.clustered import clustered_se, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.names import ALL_WAVES, OUTCOMES
from dunnhumby_pipeline.causal.nuisance import Residuals, residuals

Mask = NDArray[np.bool_]


def naive(data: Residuals, rows: Mask) -> tuple[float, float]:
    """Difference in mean outcome between the arms, adjusted for nothing: an association."""
    y, treated = data.y[rows], data.treated[rows]
    share = treated.mean()
    mean1, mean0 = y[treated == 1].mean(), y[treated == 0].mean()
    influence = treated * (y - mean1) / share - (1 - treated) * (y - mean0) / (1 - share)
    return float(mean1 - mean0), clustered_se(influence, data.households[rows])


def aipw(data: Residuals, rows: Mask) -> tuple[float, float]:
    """Mean AIPW score: the average effect over these trials (ATE)."""
    scores = data.scores[rows]
    return weighted_mean_se(scores, np.ones(len(scores)), data.households[rows])


def overlap_weighted(data: Residuals, rows: Mask) -> tuple[float, float]:
    """sum(rt ry) / sum(rt^2): the average effect weighted by e (1 - e), where both arms occur (ATO).

    Robinson (1988); its estimand is that of overlap weights (Crump et al. 2006; Li, Morgan & Zaslavsky 2018).
    Errors of propensity and outcome models enter as a product only. Weighting AIPW scores by an estimated
    e (1 - e) does not have that property: its interval covers too seldom when effects vary with e.
    """
    ry, rt = data.outcome_residual[rows], data.treatment_residual[rows]
    weight = float((rt**2).mean())
    effect = float((rt * ry).mean()) / weight
    return effect, clustered_se(rt * (ry - effect * rt) / weight, data.households[rows])


def average_effects(
    trials: pd.DataFrame, nuisances: pd.DataFrame, in_overlap: pd.Series, confidence: float
) -> pd.DataFrame:
    """One row an outcome, estimator, population and wave: estimate, se, ci_lower, ci_upper, n_trials, n_households.

    Spend in $, visits in baskets, redemption as a share, each per household over its outcome window. An
    estimate needs both arms; a wave without one of them has no row.
    """
    quantile = normal_quantile(confidence)
    rows = []
    for outcome in OUTCOMES:
        data = residuals(trials, nuisances, outcome)
        for wave, wave_rows in _waves(trials):
            for name, estimand, population, selected, estimator in _estimators(wave_rows, in_overlap):
                if len(np.unique(data.treated[selected])) < 2:
                    continue
                estimate, se = estimator(data, selected)
                rows.append(
                    {
                        "outcome": outcome,
                        "estimator": name,
                        "estimand": estimand,
                        "population": population,
                        "wave": wave,
                        "estimate": estimate,
                        "se": se,
                        "ci_lower": estimate - quantile * se,
                        "ci_upper": estimate + quantile * se,
                        "n_trials": int(selected.sum()),
                        "n_households": len(np.unique(data.households[selected])),
                    }
                )
    return pd.DataFrame(rows)


def _waves(trials: pd.DataFrame) -> Iterator[tuple[str, Mask]]:
    yield ALL_WAVES, np.ones(len(trials), dtype=bool)
    for campaign in trials.sort_values("index_day")["campaign"].unique():
        yield str(campaign), (trials["campaign"] == campaign).to_numpy()


def _estimators(wave_rows: Mask, in_overlap: pd.Series) -> list[tuple]:
    inside = wave_rows & in_overlap.to_numpy()
    return [
        ("naive", "association", "all", wave_rows, naive),
        ("aipw", "ATE", "all", wave_rows, aipw),
        ("aipw", "ATE", "overlap", inside, aipw),
        ("overlap_weighted", "ATO", "all", wave_rows, overlap_weighted),
    ]
