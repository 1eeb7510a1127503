"""Effects per row in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from dunnhumby_pipeline.causal.cate.estimation import Estimate, estimate
from dunnhumby_pipeline.causal.cate.gate import r_loss
from dunnhumby_pipeline.causal.cate.inputs import Inputs, read_inputs, read_scored, select, settings_of
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, mu_column, predict_fold
from dunnhumby_pipeline.causal.nuisance.models import BOTH
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
_OUTCOME = "outcome"


class EffectEstimator(BaseEstimator):
    """`estimate` as an estimator: what it finds is in `result_` after `fit`.

    >>> EffectEstimator(settings={"cate": {"n_trees": 100}}).fit(X, treatment, outcome).predict(X_new)  # doctest: +SKIP

    `settings`: Settings of a study, a mapping of those to change, or None for the defaults.
    """

    def __init__(self, settings: Settings | Mapping[str, Any] | None = None) -> None:
        self.settings = settings

    def fit(
        self,
        X: Any,
        treatment: Any,
        outcome: Any,
        groups: Any = None,
        campaigns: Any = None,
    ) -> EffectEstimator:
        """Estimate effects of a treatment, 0 or 1, on an outcome, both (n,), at covariates (n, p); returns itself.

        Raises InputError as `estimate` does.
        """
        self.result_: Estimate = estimate(X, treatment, outcome, groups, campaigns, self.settings)
        self.n_features_in_ = len(self.result_.columns)
        own = settings_of(self.settings)
        self._fitted: Inputs = read_inputs(X, treatment, outcome, groups, campaigns, own.nuisance)
        return self

    def predict(self, X: Any) -> Array:
        """Effect (m,) at new covariates (m, p)."""
        check_is_fitted(self)
        return self.result_.predict(X)

    def interval(self, X: Any) -> tuple[Array, Array]:
        """Lower and upper ends, (m,) each; NaN where there is no honest interval."""
        check_is_fitted(self)
        return self.result_.interval(X)

    def score(self, X: Any, treatment: Any, outcome: Any) -> float:
        """1 - R-loss of the effects / R-loss of one effect for all, on other data (the R-score of Schuler et al. 2018).

        Above 0 the effects predict better than the overlap-weighted average of the rows fitted to. Propensity and
        means of the new rows are by models of the rows fitted to.
        """
        check_is_fitted(self)
        own, old = settings_of(self.settings), self._fitted
        x = select(X, self.result_.used, self.result_.columns)
        treated, y = read_scored(treatment, outcome, len(x))
        data = _residuals_of_new(old, x, treated, y, own)
        constant = float(self.result_.average.set_index("estimand").at["ATO", "estimate"])
        of_effect = float(r_loss(data, self.result_.model.predict(x)).mean())
        of_constant = float(r_loss(data, np.full(len(x), constant)).mean())
        return 1.0 - of_effect / of_constant if of_constant > 0 else 0.0


def _residuals_of_new(old: Inputs, x: Array, treated: NDArray[np.int64], y: Array, settings: Settings) -> Residuals:
    n_old, n_new = len(old.x), len(x)
    groups = np.concatenate([old.groups, old.groups.max() + 1 + np.arange(n_new)])
    new = np.arange(n_old + n_new) >= n_old
    found, _ = predict_fold(
        np.vstack([old.x, x]),
        np.concatenate([old.treated, treated]),
        groups,
        {_OUTCOME: np.concatenate([old.outcome, y])},
        new,
        settings.nuisance.max_trials,
        settings.seed_for("nuisances"),
        BOTH,
    )
    bound = settings.nuisance.propensity_bound
    propensity = np.clip(found["propensity"], bound, 1 - bound)
    means = (found[mu_column(arm, _OUTCOME)] for arm in (0, 1))
    return Residuals(y, treated.astype(float), propensity, *means, groups[new], np.zeros(n_new, dtype="int64"))
