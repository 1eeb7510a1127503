"""DR-learner of boosted trees."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.boosted_effect import BoostedEffect
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_scores


@dataclass(eq=False)
class DRBoosted(BoostedEffect):
    """Boosted trees of AIPW scores with weight e (1 - e) (Kennedy 2023)."""

    name = "dr_xgboost"
    pseudo = staticmethod(of_scores)
