"""X-learner with boosted trees as its final stage."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.boosted_effect import BoostedEffect
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_imputed


@dataclass(eq=False)
class XBoosted(BoostedEffect):
    """Boosted trees of y - mu0 for the treated and mu1 - y for controls, as one regression (Kunzel et al. 2019)."""

    name = "x_xgboost"
    pseudo = staticmethod(of_imputed)
