"""Are both arms found for the same households? Weights, the region of overlap, and what is left of the trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from dunnhumby_pipeline.causal.overlap.balance import covariate_balance
from dunnhumby_pipeline.causal.overlap.calibration import recalibration
from dunnhumby_pipeline.causal.overlap.positivity import effective_sample_size, overlap_region
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, TRIAL_KEY
from dunnhumby_pipeline.settings import OverlapSettings

__all__ = [
    "covariate_balance",
    "crump_threshold",
    "effective_sample_size",
    "entropy_weights",
    "inverse_propensity_weights",
    "overlap_diagnostics",
    "overlap_weights",
    "propensity_table",
]

Array = NDArray[np.float64]
BALANCE_RIDGE = 1e-3
# Largest slope of the balancing dual at its minimum, in standard deviations of a covariate.
_BALANCE_TOLERANCE = 1e-5


def overlap_weights(treated: Array, propensity: Array) -> Array:
    """1 - e for the treated, e for controls (Li, Morgan & Zaslavsky 2018): the population where both arms occur."""
    return treated * (1 - propensity) + (1 - treated) * propensity


def inverse_propensity_weights(treated: Array, propensity: Array) -> Array:
    """1 / e for the treated, 1 / (1 - e) for controls."""
    return treated / propensity + (1 - treated) / (1 - propensity)


def entropy_weights(x: Array, target: Array) -> Array:
    """Weights of mean 1, as even as can be, that bring (n, p) covariates to the means `target` (p,).

    Entropy balancing (Hainmueller 2012) by its dual with a small ridge r: minimise
    log sum exp(z l) + r |l|^2 / 2, z the covariates about their targets in standard deviations. The ridge
    leaves r l of imbalance, next to nothing where the target can be reached; where it cannot, because an
    arm lacks a rare level, the weights come as near as the ridge allows and the balance table shows how
    near. Columns that do not vary in the arm are left out. Weights are positive, but one far from a target
    out of reach may be too small for a float and come out as 0. Raises RuntimeError if Newton's method does
    not arrive.
    """
    varies = x.max(axis=0) > x.min(axis=0)
    if not varies.any():
        return np.ones(len(x))
    centred = x[:, varies]
    centred -= target[varies]
    centred /= centred.std(axis=0)

    def dual(multipliers: Array) -> tuple[float, Array]:
        tilt = centred @ multipliers
        value = special.logsumexp(tilt) + BALANCE_RIDGE * (multipliers @ multipliers) / 2
        return float(value), centred.T @ special.softmax(tilt) + BALANCE_RIDGE * multipliers

    def curvature(multipliers: Array) -> Array:
        shares = special.softmax(centred @ multipliers)
        mean = centred.T @ shares
        rooted = np.sqrt(shares)[:, None] * centred
        return rooted.T @ rooted - np.outer(mean, mean) + BALANCE_RIDGE * np.eye(len(mean))

    # Newton in a trust region: a dozen steps, where quasi-Newton takes hundreds and stops further off.
    solution = optimize.minimize(
        dual,
        np.zeros(centred.shape[1]),
        jac=True,
        hess=curvature,
        method="trust-exact",
        options={"gtol": _BALANCE_TOLERANCE, "maxiter": 1000},
    )
    if not solution.success:
        raise RuntimeError(f"entropy balancing of {x.shape[0]} x {x.shape[1]} covariates stopped: {solution.message}")
    return special.softmax(centred @ solution.x) * len(x)


def crump_threshold(propensity: Array) -> float:
    """Least alpha for which the trials with alpha <= e <= 1 - alpha tell an average effect most precisely.

    Crump, Hotz, Imbens & Mitnik (2009): with g = 1 / (e (1 - e)), the k trials of the smallest g estimate
    their own average effect with a variance proportional to sum(g) / k^2. At its minimum alpha solves
    1 / (alpha (1 - alpha)) = 2 mean(g) over the trials kept. 0 when leaving trials out would not help.
    """
    g = np.sort(1 / (propensity * (1 - propensity)))
    kept = np.arange(1, len(g) + 1)
    total = np.cumsum(g)
    # The last of equal minima. The next g is above 2 mean(g), so trials of the same g stay or go together.
    best = len(g) - 1 - int(np.argmin((total / kept**2)[::-1]))
    if best == len(g) - 1:
        return 0.0
    return float(0.5 - np.sqrt(0.25 - kept[best] / (2 * total[best])))


def propensity_table(nuisances: pd.DataFrame, x: Array, settings: OverlapSettings) -> pd.DataFrame:
    """One row per trial: treated, propensity, in_overlap, in_crump, w_overlap, w_ipw, w_balance, w_treated.

    `in_overlap`: within `overlap_region`, relative to how often the campaign treats. `in_crump`: kept by Crump's
    optimal trimming of all trials. `w_balance` gives each arm, within the overlap region, the covariate means of
    the overlap-weighted population; it is 0 outside the region. `w_treated` is 1 for the treated and gives
    controls, wherever they lie, the covariate means of the treated: the weights of the effect on the treated. Both
    have mean 1 among the trials of an arm that they weigh; an arm without another to be weighed to has 0.
    Raises ValueError when a propensity is not strictly between 0 and 1.
    """
    treated = nuisances["treated"].to_numpy(dtype=float)
    propensity = nuisances["propensity"].to_numpy(dtype=float)
    certain = ~((propensity > 0) & (propensity < 1))
    if certain.any():
        raise ValueError(f"{certain.sum()} of {len(propensity)} propensities are not strictly between 0 and 1")
    bounded = nuisances["propensity_bounded"].to_numpy(dtype=bool)
    inside = overlap_region(treated, propensity, bounded, settings).holds(propensity)
    alpha = crump_threshold(propensity)
    return nuisances[[*TRIAL_KEY, "treated", "propensity"]].assign(
        in_overlap=inside,
        in_crump=(propensity >= alpha) & (propensity <= 1 - alpha),
        w_overlap=overlap_weights(treated, propensity),
        w_ipw=inverse_propensity_weights(treated, propensity),
        w_balance=_balanced_to_overlap(x, treated, propensity, inside),
        w_treated=_balanced_to_treated(x, treated),
    )


def _balanced_to_overlap(x: Array, treated: Array, propensity: Array, inside: NDArray[np.bool_]) -> Array:
    weights = np.zeros(len(x))
    if inside.any():
        tilt = np.where(inside, propensity * (1 - propensity), 0.0)
        target = tilt @ x / tilt.sum()
        for arm in (0, 1):
            rows = inside & (treated == arm)
            if rows.any():
                weights[rows] = entropy_weights(x[rows], target)
    return weights


def _balanced_to_treated(x: Array, treated: Array) -> Array:
    weights = treated.copy()
    control = treated == 0
    if control.any() and not control.all():
        weights[control] = entropy_weights(x[control], x[~control].mean(axis=0))
    return weights


def overlap_diagnostics(propensity: pd.DataFrame, campaigns: pd.Series) -> pd.DataFrame:
    """One row for all trials, then one per campaign by index day: how well the propensity tells, what overlap leaves.

    `campaigns` (n,): index day of each trial. auc and brier (mean squared error) of the propensity, its
    calibration intercept and slope (see `recalibration`); shares of trials inside, below and above the
    overlap region, and of each arm those that the other has counterparts of (share_treated_comparable: not above it;
    share_control_comparable: not below it); crump_alpha, the threshold of all trials that `in_crump` rests on, the
    same in every row, and the row's share inside it; effective sample sizes in trials (Kish 1965): of each arm under
    overlap weights (ess_), inverse propensity (ess_ipw_) and entropy balancing to the overlap population
    (ess_balance_), and of the controls weighted to the treated (ess_control_as_treated). auc and calibration are null
    where a campaign has one arm only; calibration also where the propensities of the arms do not interleave.
    """
    frame = propensity.assign(index_day=campaigns.to_numpy())
    alpha = crump_threshold(propensity["propensity"].to_numpy(dtype=float))
    prevalence = float(propensity["treated"].mean())
    rows = [_diagnose(ALL_CAMPAIGNS, None, frame, alpha, prevalence)]
    for (index_day, campaign), part in frame.groupby(["index_day", "campaign"]):
        rows.append(_diagnose(str(campaign), index_day, part, alpha, prevalence))
    table = pd.DataFrame(rows)
    return table.astype({"index_day": "Int64"})


def _diagnose(
    campaign: str, index_day: int | None, part: pd.DataFrame, alpha: float, prevalence: float
) -> dict[str, object]:
    from sklearn.metrics import roc_auc_score

    treated = part["treated"].to_numpy() == 1
    e = part["propensity"].to_numpy(dtype=float)
    both = treated.any() and not treated.all()
    intercept, slope = recalibration(treated, e)
    # A trial targeted as often as others is in the region: one outside lies below or above it as it does of those.
    outside = ~part["in_overlap"].to_numpy()
    below, above = outside & (e < prevalence), outside & (e >= prevalence)

    def size(column: str, arm: NDArray[np.bool_]) -> float:
        return effective_sample_size(part[column].to_numpy(dtype=float)[arm])

    return {
        "campaign": campaign,
        "index_day": index_day,
        "n_trials": len(part),
        "n_treated": int(treated.sum()),
        "n_control": int((~treated).sum()),
        "auc": float(roc_auc_score(treated, e)) if both else np.nan,
        "brier": float(((treated - e) ** 2).mean()),
        "calibration_intercept": intercept,
        "calibration_slope": slope,
        "share_in_overlap": float((~outside).mean()),
        "share_below": float(below.mean()),
        "share_above": float(above.mean()),
        "share_treated_comparable": 1 - float(above[treated].mean()) if treated.any() else np.nan,
        "share_control_comparable": 1 - float(below[~treated].mean()) if not treated.all() else np.nan,
        "crump_alpha": alpha,
        "share_in_crump": float(part["in_crump"].mean()),
        "ess_treated": size("w_overlap", treated),
        "ess_control": size("w_overlap", ~treated),
        "ess_ipw_treated": size("w_ipw", treated),
        "ess_ipw_control": size("w_ipw", ~treated),
        "ess_balance_treated": size("w_balance", treated),
        "ess_balance_control": size("w_balance", ~treated),
        "ess_control_as_treated": size("w_treated", ~treated),
    }
