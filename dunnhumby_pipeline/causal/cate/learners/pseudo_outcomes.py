"""What a learner regresses on covariates: pseudo-outcomes of the shared nuisances, and weights of their rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

# Target (n,) in units of the outcome, and weight (n,).
Pseudo = Callable[[Residuals], tuple[Array, Array]]


def of_residuals(data: Residuals) -> tuple[Array, Array]:
    """ry / rt with weight rt^2: its weighted squared error is the R-loss (Nie & Wager 2021).

    A trial whose treatment was certain has no weight.
    """
    rt = data.treatment_residual
    return data.outcome_residual / np.where(rt == 0, 1.0, rt), rt**2


def of_scores(data: Residuals) -> tuple[Array, Array]:
    """AIPW scores with weight e (1 - e) (Kennedy 2023, with the overlap weights of Morzywolek, Decruyenaere &
    Vansteelandt 2023): unweighted, scores at extreme propensities would decide all."""
    return data.scores, data.propensity * (1 - data.propensity)


def of_imputed(data: Residuals) -> tuple[Array, Array]:
    """y - mu0 of the treated and mu1 - y of the controls, with weight (t - e)^2.

    The weights make one regression of the X-learner's two (Kunzel et al. 2019): where the arms' regressions say tau1
    and tau0, the weighted mean of all rows is e (1 - e)^2 tau1 + (1 - e) e^2 tau0 over e (1 - e), which is
    (1 - e) tau1 + e tau0.
    """
    imputed = np.where(data.treated == 1, data.y - data.mu0, data.mu1 - data.y)
    return imputed, data.treatment_residual**2
