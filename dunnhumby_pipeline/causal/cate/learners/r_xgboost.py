"""R-learner of boosted trees."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.boosted_effect import BoostedEffect
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_residuals


@dataclass(eq=False)
class RBoosted(BoostedEffect):
    """Boosted trees of ry / rt with weight rt^2 (Nie & Wager 2021)."""

    name = "r_xgboost"
    pseudo = staticmethod(of_residuals)
