"""X-learner: lasso on effects imputed with the means of the other arm."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.lasso_effect import LassoEffect
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_imputed


@dataclass(eq=False)
class XLearner(LassoEffect):
    """Lasso of y - mu0 for the treated and mu1 - y for controls, as one regression (Kunzel et al. 2019)."""

    name = "x_learner"
    pseudo = staticmethod(of_imputed)
