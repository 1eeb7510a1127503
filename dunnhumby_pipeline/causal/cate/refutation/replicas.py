"""The study's trials, changed so that one knows what an honest analysis must find in them.

Where treatment or outcome is drawn by lot, there is nothing to find; where a cause without effects is added, or some
households are left out or drawn again, the answer must stay. Nuisances of trials that stay as they are stay too; those
of what is drawn are known, as it is drawn. See Sharma & Kiciman (2020) for such refutations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

PLACEBO, RANDOM_CAUSE, SUBSET = "placebo treatment", "random common cause", "data subset"
DUMMY, BOOTSTRAP, UNOBSERVED = "dummy outcome", "bootstrap", "unobserved common cause"
_N_STRATA = 5


@dataclass(frozen=True)
class Trials:
    """Covariates `x` (n, p) and residuals of n trials; `campaigns` (n,)."""

    x: Array
    data: Residuals
    campaigns: Groups

    def at_most(self, most: int, seed: int) -> Trials:
        """These, or of more than `most` those of households drawn at random."""
        rows = drawn(np.ones(len(self.x), dtype=bool), self.data.households, most, seed)
        return self if rows.all() else _rows(self, np.flatnonzero(rows))


@dataclass(frozen=True)
class Strengths:
    """Shares of what is left of outcome and treatment that a cause explains, 0 to below 1."""

    of_outcome: float
    of_treatment: float


Replica = Callable[[Trials, np.random.Generator], Trials]


def placebo_treatment(trials: Trials, rng: np.random.Generator) -> Trials:
    """Treatment permuted between the households of a campaign and a fifth of its propensities.

    A campaign has a household once, so each keeps its own trials, outcomes and covariates, and its fold. The propensity
    of the placebo is the share treated in the stratum, which is known; strata with one arm only are left out, unless
    all are, when campaigns are the strata. The outcome mean m(x) is that of the study.
    """
    data = trials.data
    rank = pd.Series(data.propensity).groupby(trials.campaigns).rank(pct=True, method="first").to_numpy()
    fifth = np.minimum(np.ceil(rank * _N_STRATA), _N_STRATA).astype(int)
    strata = pd.factorize(pd.Series(trials.campaigns).astype(str) + "/" + pd.Series(fifth).astype(str))[0]
    if not pd.Series(data.treated).groupby(strata).nunique().max() > 1:
        strata = pd.factorize(trials.campaigns)[0]
    treated, share = data.treated.copy(), np.empty(len(data.y))
    for stratum in range(strata.max() + 1):
        own = np.flatnonzero(strata == stratum)
        treated[own] = rng.permutation(data.treated[own])
        share[own] = treated[own].mean()
    mean = data.y - data.outcome_residual
    both = (share > 0) & (share < 1)
    drawn = replace(data, treated=treated, propensity=share, mu0=mean, mu1=mean)
    return _rows(Trials(trials.x, drawn, trials.campaigns), np.flatnonzero(both))


def dummy_outcome(trials: Trials, rng: np.random.Generator) -> Trials:
    """An outcome that no treatment has moved: m(x) and what is left of the household's own, with a sign by lot.

    Each household keeps the size of its noise, all its trials together.
    """
    data = trials.data
    effect = data.treatment_residual @ data.outcome_residual / (data.treatment_residual**2).sum()
    mean = data.y - data.outcome_residual
    names, inverse = np.unique(data.households, return_inverse=True)
    noise = rng.choice([-1.0, 1.0], len(names))[inverse] * (data.outcome_residual - effect * data.treatment_residual)
    return replace_data(trials, replace(data, y=mean + noise, mu0=mean, mu1=mean))


def random_common_cause(trials: Trials, rng: np.random.Generator) -> Trials:
    """A covariate more, the same for all trials of a household, that is nothing but noise."""
    names, inverse = np.unique(trials.data.households, return_inverse=True)
    return with_cause(trials, rng.standard_normal(len(names))[inverse])


def unobserved_cause(strengths: Strengths) -> Replica:
    """A cause that nobody measured, as strong as given, is found after all and adjusted for.

    It is a normal variable of which rt explains the share `of_treatment` and what is left of ry without the effect
    the share `of_outcome`; the signs are those that make the effect's estimate smaller once it is known.
    """

    def replica(trials: Trials, rng: np.random.Generator) -> Trials:
        data = trials.data
        rt, ry = data.treatment_residual, data.outcome_residual
        effect = rt @ ry / (rt @ rt)
        left = ry - effect * rt
        sign = 1.0 if effect >= 0 else -1.0
        a, b = np.sqrt(strengths.of_treatment), sign * np.sqrt(strengths.of_outcome)
        rest = np.sqrt(max(1 - a**2 - b**2, 0.0))
        cause = a * rt / _root_mean_square(rt) + b * left / _root_mean_square(left)
        return with_cause(trials, cause + rest * rng.standard_normal(len(rt)))

    return replica


def data_subset(share: float) -> Replica:
    """A share of the households, drawn by lot, with all their trials."""

    def replica(trials: Trials, rng: np.random.Generator) -> Trials:
        names = np.unique(trials.data.households)
        kept = rng.permutation(names)[: max(2, round(share * len(names)))]
        return _rows(trials, np.flatnonzero(np.isin(trials.data.households, kept)))

    return replica


def bootstrap(trials: Trials, rng: np.random.Generator) -> Trials:
    """As many households, drawn with replacement. A copy is a household of its own to the errors, in the same fold."""
    households = trials.data.households
    order = np.argsort(households, kind="stable")
    names, first, sizes = np.unique(households[order], return_index=True, return_counts=True)
    drawn = rng.integers(len(names), size=len(names))
    rows = np.concatenate([order[first[own] : first[own] + sizes[own]] for own in drawn])
    copies = _rows(trials, rows)
    return replace_data(copies, replace(copies.data, households=np.repeat(np.arange(len(drawn)), sizes[drawn])))


def with_cause(trials: Trials, cause: Array) -> Trials:
    """The trials with one covariate (n,) more, and with nuisances that know it: what it explains of ry and rt, by least
    squares on the other folds, is taken from both.

    The propensity that results lies where the treatment residual puts it, kept from 0 and 1 by the bounds it had.
    """
    data = trials.data
    ry, rt = data.outcome_residual, data.treatment_residual
    new_y, new_t = ry.copy(), rt.copy()
    for fold in np.unique(data.folds):
        out, others = data.folds == fold, data.folds != fold
        centre = cause[others].mean()
        z = cause[others] - centre
        spread = z @ z
        new_y[out] -= (cause[out] - centre) * (z @ ry[others]) / spread
        new_t[out] -= (cause[out] - centre) * (z @ rt[others]) / spread
    propensity = np.clip(data.treated - new_t, data.propensity.min(), data.propensity.max())
    mean = data.y - new_y
    known = replace(data, propensity=propensity, mu0=mean, mu1=mean)
    return Trials(np.column_stack([trials.x, cause]), known, trials.campaigns)


def replace_data(trials: Trials, data: Residuals) -> Trials:
    return Trials(trials.x, data, trials.campaigns)


def _rows(trials: Trials, rows: Groups) -> Trials:
    return Trials(trials.x[rows], subset(trials.data, rows), trials.campaigns[rows])


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))
