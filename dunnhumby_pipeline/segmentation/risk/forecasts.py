"""Forecasts of who falls: a logistic regression, one with splines, boosted trees, and a naive one beside them.

All see a household as its place among those learned from: each measure becomes a normal score, so that heavy tails
decide nothing. A forecast is a chance; `Line` moves it by what earlier quarters, not seen in the fit, asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from dunnhumby_pipeline.segmentation.risk.signs import LAST_CHANGE, NAMES

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

NAIVE = "last change"
_LEAST = 1e-4
_PENALTY = 0.1
_N_QUANTILES = 100
# Splines bend at the median and at two standard deviations on either side, and go on straight beyond.
_KNOTS = (-2.0, 0.0, 2.0)


@dataclass(frozen=True)
class Forecast:
    """A fitted forecast: `chances` of the rows of `signs_of`, from the measures `names`."""

    names: tuple[str, ...]
    model: Any

    def chances(self, signs: pd.DataFrame) -> Array:
        """Chance of a fall of each row, away from 0 and 1."""
        found = self.model.predict_proba(signs[list(self.names)].to_numpy())[:, 1]
        return np.clip(found, _LEAST, 1 - _LEAST)


def _scores() -> Any:
    from sklearn.preprocessing import QuantileTransformer

    return QuantileTransformer(n_quantiles=_N_QUANTILES, output_distribution="normal", subsample=None)


def _logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_scores(), LogisticRegression(C=_PENALTY, max_iter=500))


def _splines(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    knots = np.repeat(np.array(_KNOTS)[:, None], len(NAMES), axis=1)
    splines = SplineTransformer(degree=3, knots=knots, extrapolation="linear", include_bias=False)
    return make_pipeline(_scores(), splines, LogisticRegression(C=_PENALTY, max_iter=500))


def _boosted(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.05, max_leaf_nodes=5, min_samples_leaf=40, l2_regularization=5.0, random_state=seed
    )


# The first is in use where no earlier quarter tells which to choose.
CANDIDATES: dict[str, Callable[[int], Any]] = {"logistic": _logistic, "splines": _splines, "boosted": _boosted}


def fit(name: str, signs: pd.DataFrame, fell: Flags, seed: int) -> Forecast:
    """The forecast `name`, a candidate or the naive one, fitted to households (n rows) and whether each `fell` (n,)."""
    if name == NAIVE:
        return Forecast((LAST_CHANGE,), _logistic(seed).fit(signs[[LAST_CHANGE]].to_numpy(), fell))
    return Forecast(NAMES, CANDIDATES[name](seed).fit(signs[list(NAMES)].to_numpy(), fell))


@dataclass(frozen=True)
class Line:
    """A line on the logit of a chance (Cox 1958; Platt 1999)."""

    intercept: float = 0.0
    slope: float = 1.0

    def moved(self, chances: Array) -> Array:
        return np.asarray(np.clip(expit(self.intercept + self.slope * logit(chances)), _LEAST, 1 - _LEAST))


def fit_line(chances: Array, fell: Flags, weights: Array | None = None) -> Line | None:
    """The line that falls ask for, by logistic regression of them on the logit; None where no finite line fits."""
    from sklearn.linear_model import LogisticRegression

    seen = np.ones(len(fell), dtype=bool) if weights is None else weights > 0
    of_fallen, of_others = chances[seen & fell], chances[seen & ~fell]
    if len(of_fallen) == 0 or len(of_others) == 0:
        return None
    if of_fallen.min() >= of_others.max() or of_fallen.max() <= of_others.min():
        return None
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    model.fit(logit(chances)[:, None], fell, sample_weight=weights)
    return Line(float(model.intercept_[0]), float(model.coef_[0, 0]))


def log_loss(chances: Array, fell: Flags) -> float:
    """Mean log loss of chances (n,) of what happened (n,)."""
    return float(-np.log(np.where(fell, chances, 1 - chances)).mean())


def calibration_errors(
    chances: Array, fell: Flags, households: NDArray[np.int64], line: Line | None
) -> tuple[float, float]:
    """Standard errors, clustered by household, of the line's slope and of the mean of chance less fall.

    The slope's is the sandwich of the logistic regression (Liang & Zeger 1986); NaN without a line.
    """
    codes, _ = pd.factorize(households)

    def by_household(scores: Array) -> Array:
        return np.asarray(np.bincount(codes, scores), dtype=float)

    gap = chances - fell
    of_gap = float(np.sqrt((by_household(gap - gap.mean()) ** 2).sum()) / len(gap))
    if line is None:
        return float("nan"), of_gap
    x = logit(chances)
    p = expit(line.intercept + line.slope * x)
    information = np.array([[(p * (1 - p)).sum(), (p * (1 - p) * x).sum()], [0.0, (p * (1 - p) * x**2).sum()]])
    information[1, 0] = information[0, 1]
    scores = np.column_stack([by_household(fell - p), by_household((fell - p) * x)])
    inverse = np.linalg.inv(information)
    return float(np.sqrt((inverse @ (scores.T @ scores) @ inverse)[1, 1])), of_gap
