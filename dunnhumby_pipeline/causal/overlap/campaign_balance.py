"""Are the arms alike, and does the propensity mean what it says, within each campaign, given how many trials it has?

Differences of one campaign can cancel those of another, so that all campaigns together look balanced. Those of a small
campaign are never small: what its trials would show if the propensity were right is told beside them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.overlap.calibration import recalibration

Array = NDArray[np.float64]
Values = NDArray[np.floating]
# Fewer trials of an arm say nothing about noise: a draw may leave none.
FEWEST_TRIALS = 10
_CELLS = 20_000_000


def campaign_balance(
    x: Array, names: tuple[str, ...], propensity: pd.DataFrame, confidence: float, n_draws: int, seed: int
) -> pd.DataFrame:
    """One row per campaign, by number, and covariate (p) that varies in it: how far the arms differ, and how far they
    would by chance.

    `propensity`: campaign, treated and propensity of each row of `x` (n, p). campaign, covariate, smd_unweighted, smd,
    noise, noise_any, ess_treated, ess_control. `smd`: difference of the arms' overlap-weighted means (Li, Morgan &
    Zaslavsky 2018) over the campaign's own unweighted pooled standard deviation, as in `covariate_balance`. `noise`:
    the `confidence` quantile of |smd| of this covariate over `n_draws` draws of the arms, in which each trial of the
    campaign is treated with its propensity and weighted anew: what a right propensity leaves by chance. `noise_any`:
    likewise for all covariates at once, correlated as they are: all of them lie under it with that confidence (noise
    times the quantile of the largest |smd| / noise; the maximum as in Westfall & Young 1993). Both are null in a
    campaign with fewer than FEWEST_TRIALS of an arm. A campaign holds a household once, so that its trials are
    independent. Effective sizes are Kish's (1965).
    """
    campaigns = propensity["campaign"].to_numpy()
    treated = propensity["treated"].to_numpy(dtype=float)
    e = propensity["propensity"].to_numpy(dtype=float)
    parts = []
    for number, campaign in enumerate(np.unique(campaigns)):
        rows = campaigns == campaign
        generator = np.random.default_rng([seed, number])
        own = _of_campaign(x[rows], names, treated[rows], e[rows], confidence, n_draws, generator)
        parts.append(own.assign(campaign=str(campaign)))
    columns = ["campaign", "covariate", "smd_unweighted", "smd", "noise", "noise_any", "ess_treated", "ess_control"]
    return pd.concat(parts, ignore_index=True)[columns]


def _of_campaign(
    x: Array,
    names: tuple[str, ...],
    treated: Array,
    e: Array,
    confidence: float,
    n_draws: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    varies = np.ptp(x, axis=0) > 0
    z = x[:, varies]
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    level = np.full(len(e), 0.5)
    observed, unweighted = (_differences(z, treated[None], weight)[0] for weight in (e, level))
    noise = noise_any = np.full(z.shape[1], np.nan)
    n_treated = int(treated.sum())
    if min(n_treated, len(e) - n_treated) >= FEWEST_TRIALS:
        single = z.astype("float32")
        each = max(1, _CELLS // len(e))
        sizes = [min(each, n_draws - start) for start in range(0, n_draws, each)]
        draws = np.concatenate([_differences(single, generator.random((size, len(e))) < e, e) for size in sizes])
        draws = draws[np.isfinite(draws).all(axis=1)]
        noise = np.quantile(np.abs(draws), confidence, axis=0)
        # Scaled by a quantile rather than a standard error: rare levels have long tails, and would widen all others.
        noise_any = noise * np.quantile((np.abs(draws) / noise).max(axis=1), confidence)
    arms = {"ess_treated": (1 - e)[treated == 1], "ess_control": e[treated == 0]}
    sizes_of = {name: w.sum() ** 2 / (w**2).sum() if len(w) else 0.0 for name, w in arms.items()}
    return pd.DataFrame(
        {
            "covariate": np.array(names, dtype=object)[varies],
            "smd_unweighted": unweighted,
            "smd": observed,
            "noise": noise,
            "noise_any": noise_any,
            **sizes_of,
        }
    ).astype({"covariate": "str"})


def _differences(z: Values, treated: Array | NDArray[np.bool_], e: Array) -> Array:
    """Overlap-weighted standardised differences (d, p) of covariates `z` (n, p) under d assignments `treated` (d, n).

    All sums are products of matrices in the precision of `z`, of covariates about their means. NaN where an arm is
    empty, infinite where a covariate tells the arms apart.
    """
    t, propensity = treated.astype(z.dtype), e.astype(z.dtype)
    of_treated = t * (1 - propensity)
    of_control = propensity - t * propensity
    n = t.sum(axis=1, keepdims=True)
    squares = z**2
    with np.errstate(divide="ignore", invalid="ignore"):
        sums, of_squares = t @ z, t @ squares
        first = of_squares / n - (sums / n) ** 2
        second = (squares.sum(axis=0) - of_squares) / (len(e) - n) - ((z.sum(axis=0) - sums) / (len(e) - n)) ** 2
        pooled = np.sqrt(np.maximum(first + second, 0) / 2)
        difference = of_treated @ z / of_treated.sum(axis=1, keepdims=True)
        difference -= of_control @ z / of_control.sum(axis=1, keepdims=True)
        # Nothing varies within the arms but rounding.
        pooled = np.where(pooled < 1e-3, 0.0, pooled)
        difference = np.where(np.abs(difference) < 1e-6, 0.0, difference)
        return np.where((pooled == 0) & (difference == 0), 0.0, difference / pooled).astype(float)


def campaign_calibration(nuisances: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row per campaign, by number: does a propensity of 0.3 mean that three in ten are targeted there?

    campaign, n_treated, n_control, slope and intercept of the treatment on the propensity's logit (`recalibration`),
    slope_se, noise_lower and noise_upper, slope_as_fitted. `slope_se`: the error of the slope at this campaign's
    propensities if they are right, from the information of the logistic likelihood at intercept 0 and slope 1; noise
    alone keeps the slope between the bounds with `confidence`. `slope_as_fitted`: before the propensity was
    recalibrated within the campaign. Slopes are null where no finite line fits, and the error where propensities do
    not vary.
    """
    rows = []
    for campaign, part in nuisances.groupby("campaign"):
        treated, e = part["treated"].to_numpy() == 1, part["propensity"].to_numpy(dtype=float)
        intercept, slope = recalibration(treated, e)
        se = _slope_error(e)
        half = normal_quantile(confidence) * se
        rows.append(
            {
                "campaign": str(campaign),
                "n_treated": int(treated.sum()),
                "n_control": int((~treated).sum()),
                "intercept": intercept,
                "slope": slope,
                "slope_se": se,
                "noise_lower": 1 - half,
                "noise_upper": 1 + half,
                "slope_as_fitted": recalibration(treated, part["propensity_as_fitted"].to_numpy(dtype=float))[1],
            }
        )
    return pd.DataFrame(rows)


def _slope_error(e: Array) -> float:
    logit, weight = np.log(e / (1 - e)), e * (1 - e)
    information = (weight * (logit - np.average(logit, weights=weight)) ** 2).sum()
    return float(1 / np.sqrt(information)) if np.ptp(e) > 0 else np.nan
