"""Effects of groups of trials, with intervals that hold for all groups at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.ranking import overlap_weights, rank
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
_DRAWS = 4000
BY_EFFECT, BY_PROPENSITY = "effect", "propensity"


@dataclass(frozen=True)
class Means:
    """Weighted means (q,) of groups, and the covariance (q, q) of their errors, clustered by household. Groups with
    fewer than FEWEST_HOUSEHOLDS in an arm have neither. `smaller_arm` (q,): households of the arm that has fewer."""

    estimate: Array
    covariance: Array
    smaller_arm: Array

    @property
    def se(self) -> Array:
        return np.sqrt(np.diag(self.covariance))

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.estimate)

    def simultaneous(self, confidence: float, seed: int) -> tuple[Array, Array]:
        """Lower and upper ends (q,) of intervals that cover all means together (max-t)."""
        half = max_t(self.covariance[np.ix_(self.known, self.known)], confidence, seed) * self.se
        return self.estimate - half, self.estimate + half

    def differ(self) -> tuple[float, float]:
        """Chi-square and p of "the means are all the same" (Wald); null with fewer than two."""
        known = self.known
        if known.sum() < 2:
            return float("nan"), float("nan")
        contrast = np.diff(np.eye(int(known.sum())), axis=0)
        found = contrast @ self.estimate[known]
        spread = contrast @ self.covariance[np.ix_(known, known)] @ contrast.T
        statistic = float(found @ np.linalg.pinv(spread) @ found)
        return statistic, float(scipy.stats.chi2.sf(statistic, len(found)))


def group_means(values: Array, members: Array, data: Residuals) -> Means:
    """Overlap-weighted means of `values` (n,) in groups that `members` (n, q) gives the share of each trial in.

    With AIPW scores as values they are the effects of the groups (GATES; Chernozhukov et al. 2018).
    """
    shares = overlap_weights(data)[:, None] * members
    total = shares.sum(axis=0)
    smaller_arm = households_in_smaller_arm(members, data)
    few = smaller_arm < FEWEST_HOUSEHOLDS
    divisor = np.where(total > 0, total, np.nan)
    estimate = np.where(few, np.nan, (values @ shares) / divisor)
    influence = shares * (values[:, None] - estimate) / divisor
    household = pd.factorize(data.households)[0]
    totals = np.column_stack([np.bincount(household, own) for own in influence.T])
    return Means(estimate, len(totals) / (len(totals) - 1) * totals.T @ totals, smaller_arm)


def households_in_smaller_arm(members: Array, data: Residuals) -> Array:
    """Households (q,) of each group in the arm that has fewer; of each the largest share of its trials."""
    arms = []
    for arm in (0.0, 1.0):
        own = pd.DataFrame(members * (data.treated == arm)[:, None]).groupby(data.households).max()
        arms.append(own.to_numpy().sum(axis=0))
    return np.minimum(*arms)


def max_t(covariance: Array, confidence: float, seed: int) -> float:
    """Standard errors on either side so that all intervals together cover with `confidence`.

    The quantile of the largest |t| among Gaussian multipliers of the households' influence, whose distribution given
    the data is normal with `covariance` (Chernozhukov, Chetverikov & Kato 2013); at least that of a single interval.
    """
    if len(covariance) == 0:
        return normal_quantile(confidence)
    se = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(se, se)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    draws = np.random.default_rng(seed).normal(size=(_DRAWS, len(se))) @ root.T
    return max(float(np.quantile(np.abs(draws).max(axis=1), confidence)), normal_quantile(confidence))


def effects_by_group(
    data: Residuals, effect: Array, members: Array, names: list[str], grouping: str, confidence: float, seed: int
) -> tuple[pd.DataFrame, Means]:
    """One row per group: grouping, group, position (from 1), n_trials, n_smaller_arm (households), predicted (mean of
    `effect`), estimate, se, ci_lower, ci_upper ($ per household; intervals hold for all groups at once)."""
    means = group_means(data.scores, members, data)
    lower, upper = means.simultaneous(confidence, seed)
    shares = overlap_weights(data)[:, None] * members
    frame = pd.DataFrame(
        {
            "grouping": grouping,
            "group": names,
            "position": np.arange(len(names)) + 1,
            "n_trials": np.round(members.sum(axis=0)).astype("int64"),
            "n_smaller_arm": np.round(means.smaller_arm).astype("int64"),
            "predicted": (effect @ shares) / np.where(shares.sum(axis=0) > 0, shares.sum(axis=0), np.nan),
            "estimate": means.estimate,
            "se": means.se,
            "ci_lower": lower,
            "ci_upper": upper,
        }
    )
    return frame, means


def by_effect(data: Residuals, effect: Array, n_groups: int) -> tuple[Array, list[str]]:
    """Members (n, n_groups) and names of equal groups by effect within fold, the smallest effects first."""
    last = n_groups - 1
    names = [
        f"{place + 1} (smallest effects)"
        if place == 0
        else f"{place + 1} (largest effects)"
        if place == last
        else str(place + 1)
        for place in range(n_groups)
    ]
    return rank(effect, overlap_weights(data), data.folds).groups(n_groups), names


def by_label(labels: pd.Series) -> tuple[Array, list[str]]:
    """Members and names of the groups of a label, in the order of their names."""
    names = sorted(labels.dropna().astype(str).unique())
    return np.column_stack([(labels.astype(str) == name).to_numpy(dtype=float) for name in names]), names


def by_propensity(data: Residuals, lower: float, upper: float) -> tuple[Array, list[str]]:
    """Members and names of regions of the propensity that hold a trial: below the overlap from `lower` to `upper`, its
    three thirds, above it; all in one where nothing is in overlap."""
    edges = [0.0, *(np.linspace(lower, upper, 4) if lower < upper else ()), 1.0]
    names = [f"{low:.2f} to {high:.2f}" for low, high in pairwise(edges)]
    region = np.digitize(data.propensity, edges[1:-1])
    occupied = np.unique(region)
    return np.eye(len(names))[region][:, occupied], [names[place] for place in occupied]
