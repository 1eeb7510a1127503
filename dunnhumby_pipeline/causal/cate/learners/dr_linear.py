"""DR-learner that is linear: lasso on doubly robust scores."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.lasso_effect import LassoEffect
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_scores


@dataclass(eq=False)
class DRLinear(LassoEffect):
    """Lasso of AIPW scores with weight e (1 - e) (Kennedy 2023)."""

    name = "dr_linear"
    pseudo = staticmethod(of_scores)
