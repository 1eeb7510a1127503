"""What every policy is fitted to and every evaluator reads: the trials in overlap, with scores that no policy chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.matrix_store import CovariateMatrix
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import TRIAL_KEY

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
LABELS = ["lookback_segment", "lookback_need", "campaign"]


@dataclass(frozen=True)
class Evidence:
    """n trials in overlap. `scores` (n,): AIPW scores of gross profit ($), `outcome` (n,): gross profit ($). `treated`
    (n,): 0 or 1. `covariates` (n, p) and their `covariate_names` (p,). `labels`: lookback_segment, lookback_need and
    campaign of each trial. `cate` (n,) and `standard_error` (n,): the effect ($) by the chosen model as fitted to other
    folds, and its error, null where the model has none. `by_model`: out-of-fold effects (n,) of every learner. `folds`,
    `households` (n,). `as_done` (n,): scores ($) of what the treatments that were given brought. `n_listed`: households
    that the next campaign can choose among.
    """

    scores: Array
    outcome: Array
    as_done: Array
    treated: Array
    covariates: Array
    covariate_names: tuple[str, ...]
    labels: pd.DataFrame
    cate: Array
    standard_error: Array
    by_model: Mapping[str, Array]
    folds: NDArray[np.int64]
    households: NDArray[np.int64]
    n_listed: int

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, rows: Mask) -> Evidence:
        """The evidence of some of the trials."""
        return replace(
            self,
            scores=self.scores[rows],
            outcome=self.outcome[rows],
            as_done=self.as_done[rows],
            treated=self.treated[rows],
            covariates=self.covariates[rows],
            labels=self.labels[rows],
            cate=self.cate[rows],
            standard_error=self.standard_error[rows],
            by_model={name: effect[rows] for name, effect in self.by_model.items()},
            folds=self.folds[rows],
            households=self.households[rows],
        )

    def ranks(self) -> bool:
        """Whether the effects order households within any fold: one effect for all does not."""
        return any(bool(np.ptp(self.cate[self.folds == fold]) > 0) for fold in np.unique(self.folds))

    def divisions(self) -> Iterator[tuple[int, Mask, Evidence, Evidence]]:
        """Each fold with the mask (n,) of its trials, the evidence of the other folds, and its own."""
        for fold in np.unique(self.folds):
            rows = self.folds == fold
            yield int(fold), rows, self.where(~rows), self.where(rows)


def gather_evidence(
    trials: pd.DataFrame,
    data: Residuals,
    matrix: CovariateMatrix,
    estimates: pd.DataFrame,
    by_model: pd.DataFrame,
    in_overlap: Mask,
    confidence: float,
    n_listed: int,
) -> Evidence:
    """The evidence of the trials in overlap; outside it, scores divide by propensities near 0.

    `estimates` and `by_model` are the tables cate_estimates and cate_by_model, whose intervals have `confidence`.
    Raises ValueError when they are not of these trials, in their order.
    """
    effects = {str(name): rows for name, rows in by_model.groupby("model", sort=False)}
    for rows in (estimates, *effects.values()):
        if not rows[TRIAL_KEY].reset_index(drop=True).equals(trials[TRIAL_KEY].reset_index(drop=True)):
            raise ValueError("the effects and the trials list different trials; materialise cate_estimates again")
    return Evidence(
        scores=data.scores,
        outcome=data.y,
        as_done=scores_as_done(data),
        treated=data.treated,
        covariates=matrix.x,
        covariate_names=matrix.names,
        labels=trials[LABELS].reset_index(drop=True),
        cate=estimates["cate"].to_numpy(dtype=float),
        standard_error=standard_errors(estimates, confidence),
        by_model={name: rows["cate"].to_numpy(dtype=float) for name, rows in effects.items()},
        folds=data.folds,
        households=data.households,
        n_listed=n_listed,
    ).where(in_overlap)


def scores_as_done(data: Residuals) -> Array:
    """Scores (n,) whose mean is the mean over all trials of treatment x effect: treated x (y - mu0) less
    odds of treatment x (y - mu0) of the controls, doubly robust for what was done (Heckman & Robb's effect on the
    treated, as in Sant'Anna & Zhao 2020).
    """
    residual, e = data.y - data.mu0, data.propensity
    return data.treated * residual - (1 - data.treated) * e / (1 - e) * residual


def standard_errors(effects: pd.DataFrame, confidence: float) -> Array:
    """The errors ($) behind intervals of `confidence`: columns cate_lower and cate_upper."""
    width = effects["cate_upper"] - effects["cate_lower"]
    return (width / (2 * normal_quantile(confidence))).to_numpy(dtype=float)
