"""What a policy brings in all: over the trials in overlap, and carried to the households that can be chosen next.

Households of today are not those of the trials. Each trial in overlap is weighed by the odds that a household like it
is one of today's, by a logistic model with a ridge penalty of its covariates, as strong as predicts best out of fold
(inverse odds weights; Stuart, Cole, Bradshaw & Leaf 2011; Dahabreh et al. 2019). What the model does not even out is
told (`largest_difference`), as is how few trials the weights leave (`effective_trials`, Kish). Errors take the weights
as given, so that what is carried is flagged and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.contracts.names import TODAY, TRIALS
from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.settings import CURRENT_PRACTICE
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.value import Valued

Array = NDArray[np.float64]
# Inverse strengths of the penalty that are tried.
_STRENGTHS = tuple(float(10.0**step) for step in np.arange(-4, 0.1, 0.5))
_N_FOLDS = 5
# More trials and households do not make the weights better.
_MAX_FITTED = 50_000
COLUMNS = [
    "policy",
    "population",
    "carried",
    "n_households",
    "share_targeted",
    "value",
    "se",
    "ci_lower",
    "ci_upper",
    "total",
    "total_lower",
    "total_upper",
    "effective_trials",
    "largest_difference",
]


@dataclass(frozen=True)
class Carried:
    """`weights` (n,) of the trials, of mean 1, that make them like today's households, and the largest difference of a
    covariate's mean that is left, in its standard deviations.
    """

    weights: Array
    largest_difference: float

    @property
    def effective_trials(self) -> float:
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


def value_in_all(
    policies: Sequence[Valued], evidence: Evidence, today: Array, keys: NDArray[np.int64], confidence: float, seed: int
) -> pd.DataFrame:
    """One row per policy that competes and of what was done, by population, trials and today (columns `COLUMNS`):
    value ($ per household) and total ($) with intervals, clustered by household. `today` (m, p): covariates of the
    households that the next campaign can choose among, and `keys` (m,) theirs.

    None of today with fewer than FEWEST_HOUSEHOLDS of them, nor of what was done, which is no rule for them.
    """
    quantile, rows = normal_quantile(confidence), []
    populations = [(TRIALS, False, len(evidence), Carried(np.ones(len(evidence)), 0.0))]
    if len(today) >= FEWEST_HOUSEHOLDS:
        populations.append((TODAY, True, len(today), carried_to(evidence, today, keys, seed)))
    for name, carried, size, onto in populations:
        for one in policies:
            done = one.policy == CURRENT_PRACTICE
            if one.lacking is not None or not (one.competes or done) or (carried and done):
                continue
            value, se = weighted_mean_se(one.profit, onto.weights, evidence.households)
            low, high = value - quantile * se, value + quantile * se
            share = float(np.average(one.weights, weights=onto.weights))
            told = (value, se, low, high, value * size, low * size, high * size)
            rows.append((one.policy, name, carried, size, share, *told, onto.effective_trials, onto.largest_difference))
    return pd.DataFrame(rows, columns=COLUMNS)


def carried_to(evidence: Evidence, today: Array, keys: NDArray[np.int64], seed: int) -> Carried:
    """The weights that make the trials like the households `keys` (m,) with covariates `today` (m, p).

    The campaign is none of them: today's households have seen none yet.
    """
    from sklearn.linear_model import LogisticRegression

    lasting = [
        column for column, name in enumerate(evidence.covariate_names) if not re.fullmatch(r"campaign_\d+", name)
    ]
    both = np.vstack([evidence.covariates[:, lasting], today[:, lasting]])
    is_today = np.repeat([0, 1], [len(evidence), len(today)])
    households = np.concatenate([evidence.households, keys])
    spread = both.std(axis=0)
    z = np.divide(both - both.mean(axis=0), spread, out=np.zeros_like(both), where=spread > 0)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(z))[:_MAX_FITTED])
    known, place = np.unique(households[rows], return_inverse=True)
    fold = rng.permutation(np.arange(len(known)) % _N_FOLDS)[place]
    known_z, known_today = z[rows], is_today[rows]
    losses = side_by_side(lambda strength: _loss(known_z, known_today, fold, strength), _STRENGTHS)
    model = LogisticRegression(C=_STRENGTHS[int(np.argmin(losses))], solver="newton-cholesky", max_iter=200)
    chance = model.fit(z[rows], is_today[rows]).predict_proba(z[: len(evidence)])[:, 1]
    odds = chance / (1 - chance)
    weights = odds / odds.mean()
    left = np.average(z[: len(evidence)], weights=weights, axis=0) - z[len(evidence) :].mean(axis=0)
    return Carried(weights, float(np.abs(left).max()))


def _loss(z: Array, is_today: NDArray[np.int64], fold: NDArray[np.int64], strength: float) -> float:
    """Log loss out of fold, folds by household; without limit where a fold leaves but one kind to learn from."""
    from sklearn.linear_model import LogisticRegression

    total = 0.0
    for own in range(_N_FOLDS):
        held, seen = fold == own, fold != own
        if not held.any():
            continue
        if np.ptp(is_today[seen]) == 0:
            return float("inf")
        model = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200).fit(z[seen], is_today[seen])
        chance = model.predict_proba(z[held])[:, 1].clip(1e-12, 1 - 1e-12)
        total -= float(np.log(np.where(is_today[held] == 1, chance, 1 - chance)).sum())
    return total
