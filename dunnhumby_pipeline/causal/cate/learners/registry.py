"""The models of the effect that are fitted and compared. One more is one file beside this and one entry here."""

from __future__ import annotations

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.causal_forest import CausalForest
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner

KINDS: tuple[type[Learner], ...] = (Constant, TLearner, RLearner, CausalForest)
LEARNERS = {kind.name: kind for kind in KINDS}
