"""The models of the effect that are fitted and compared. One more is one file beside this and one entry here."""

from __future__ import annotations

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.causal_forest import CausalForest
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.dr_forest import DRForest
from dunnhumby_pipeline.causal.cate.learners.dr_linear import DRLinear
from dunnhumby_pipeline.causal.cate.learners.dr_xgboost import DRBoosted
from dunnhumby_pipeline.causal.cate.learners.forest_dr import ForestDR
from dunnhumby_pipeline.causal.cate.learners.linear_dml import LinearDML
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.r_xgboost import RBoosted
from dunnhumby_pipeline.causal.cate.learners.s_learner import SLearner
from dunnhumby_pipeline.causal.cate.learners.t_gaussian_process import TGaussianProcess
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner
from dunnhumby_pipeline.causal.cate.learners.t_xgboost import TBoosted
from dunnhumby_pipeline.causal.cate.learners.tuned_forest import TunedForest
from dunnhumby_pipeline.causal.cate.learners.x_learner import XLearner
from dunnhumby_pipeline.causal.cate.learners.x_own_trees import XOwnTrees
from dunnhumby_pipeline.causal.cate.learners.x_xgboost import XBoosted

_MEANS = (SLearner, TLearner, TBoosted, TGaussianProcess)
_LINEAR = (XLearner, RLearner, DRLinear, LinearDML)
_TREES = (XBoosted, XOwnTrees, RBoosted, DRBoosted, DRForest, CausalForest, ForestDR)
# Fitted to effects of rows in any table, but for those that refuse so many trials.
KINDS: tuple[type[Learner], ...] = (Constant, *_MEANS, *_LINEAR, *_TREES)
LEARNERS: dict[str, type[Learner]] = {kind.name: kind for kind in KINDS}
# What a study leaves to `dunnhumby certify`: on the sample a quarter of the time, and no weight in any stack.
LEFT_TO_CERTIFICATE = frozenset(kind.name for kind in KINDS if kind.left_to_certificate)
# Fitted by benchmarks alone, and read from models that were stored.
DEAR: dict[str, type[Learner]] = {kind.name: kind for kind in (TunedForest,)}
