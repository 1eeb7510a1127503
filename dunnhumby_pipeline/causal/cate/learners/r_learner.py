"""R-learner: lasso on what is left of outcome and treatment."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.lasso_effect import LassoEffect
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_residuals


@dataclass(eq=False)
class RLearner(LassoEffect):
    """Lasso of ry / rt with weight rt^2 (Nie & Wager 2021)."""

    name = "r_learner"
    pseudo = staticmethod(of_residuals)
