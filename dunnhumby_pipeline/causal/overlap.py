"""Are the arms comparable? Weights, effective sample sizes, and balance of covariates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from dunnhumby_pipeline.causal.names import ALL_WAVES, TRIAL_KEY
from dunnhumby_pipeline.settings import OverlapSettings

Array = NDArray[np.float64]
WEIGHTINGS = {"none": None, "overlap": "w_overlap", "entropy": "w_balance"}
BALANCE_RIDGE = 1e-3


def overlap_weights(treated: Array, propensity: Array) -> Array:
    """1 - e for the treated, e for controls (Li, Morgan & Zaslavsky 2018): the population where both arms occur."""
    return treated * (1 - propensity) + (1 - treated) * propensity


def inverse_propensity_weights(treated: Array, propensity: Array) -> Array:
    """1 / e for the treated, 1 / (1 - e) for controls."""
    return treated / propensity + (1 - treated) / (1 - propensity)


def entropy_weights(x: Array, target: Array) -> Array:
    """Positive weights of mean 1, as even as can be, that bring (n, p) covariates to the means `target` (p,).

    Entropy balancing (Hainmueller 2012) by its dual with a small ridge r: minimise
    log sum exp(z l) + r |l|^2 / 2, z the covariates about their targets in standard deviations. The ridge
    leaves r l of imbalance, next to nothing where the target can be reached; where it cannot, because an
    arm lacks a rare level, the weights come as near as the ridge allows and the balance table shows how
    near. Columns that do not vary in the arm are left out.
    """
    spread = x.std(axis=0)
    varies = spread > 0
    centred = (x[:, varies] - target[varies]) / spread[varies]

    def dual(multipliers: Array) -> tuple[float, Array]:
        tilt = centred @ multipliers
        value = special.logsumexp(tilt) + BALANCE_RIDGE * (multipliers @ multipliers) / 2
        return float(value), centred.T @ special.softmax(tilt) + BALANCE_RIDGE * multipliers

    start = np.zeros(centred.shape[1])
    solution = optimize.minimize(dual, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000})
    return special.softmax(centred @ solution.x) * len(x)


def propensity_table(nuisances: pd.DataFrame, x: Array, settings: OverlapSettings) -> pd.DataFrame:
    """One row a trial: treated, propensity, in_overlap, w_overlap, w_ipw, w_balance.

    `w_balance` gives each arm, within the overlap region, the covariate means of the overlap-weighted
    population; it is 0 outside the region.
    """
    treated = nuisances["treated"].to_numpy(dtype=float)
    propensity = nuisances["propensity"].to_numpy(dtype=float)
    inside = (propensity >= settings.lower) & (propensity <= settings.upper)
    w_overlap = overlap_weights(treated, propensity)
    tilt = (propensity * (1 - propensity))[inside]
    balance = np.zeros(len(nuisances))
    for arm in (0.0, 1.0):
        rows = inside & (treated == arm)
        if rows.any():
            balance[rows] = entropy_weights(x[rows], np.average(x[inside], axis=0, weights=tilt))
    return nuisances[[*TRIAL_KEY, "treated", "propensity"]].assign(
        in_overlap=inside,
        w_overlap=w_overlap,
        w_ipw=inverse_propensity_weights(treated, propensity),
        w_balance=balance,
    )


def effective_sample_size(weights: Array) -> float:
    """(sum of weights)^2 / sum of squared weights (Kish 1965); 0 without weight."""
    squared = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squared if squared > 0 else 0.0


def overlap_diagnostics(propensity: pd.DataFrame, waves: pd.Series) -> pd.DataFrame:
    """One row for all trials and one a wave: trials and arms, propensity AUC, share in overlap, effective sizes.

    `waves` (n,): index day of each trial. AUC is null where a wave has one arm only.
    """
    frame = propensity.assign(index_day=waves.to_numpy())
    rows = [_diagnose(ALL_WAVES, None, frame)]
    for (index_day, campaign), part in frame.groupby(["index_day", "campaign"]):
        rows.append(_diagnose(str(campaign), index_day, part))
    table = pd.DataFrame(rows)
    return table.astype({"index_day": "Int64"})


def _diagnose(wave: str, index_day: int | None, part: pd.DataFrame) -> dict[str, object]:
    from sklearn.metrics import roc_auc_score

    treated = part["treated"] == 1
    both = treated.any() and (~treated).any()
    return {
        "wave": wave,
        "index_day": index_day,
        "n_trials": len(part),
        "n_treated": int(treated.sum()),
        "n_control": int((~treated).sum()),
        "auc": float(roc_auc_score(treated, part["propensity"])) if both else np.nan,
        "share_in_overlap": float(part["in_overlap"].mean()),
        "ess_treated": effective_sample_size(part.loc[treated, "w_overlap"].to_numpy()),
        "ess_control": effective_sample_size(part.loc[~treated, "w_overlap"].to_numpy()),
    }


def covariate_balance(x: Array, names: tuple[str, ...], propensity: pd.DataFrame) -> pd.DataFrame:
    """Standardised mean difference of each covariate before and after weighting: covariate, weighting, smd.

    smd = (weighted mean of the treated - of the controls) / unweighted pooled standard deviation
    (Austin 2009), so that weighting changes the numerator only. Where a covariate is constant within each
    arm it is 0 when the arms agree and infinite when they do not.
    """
    treated = propensity["treated"].to_numpy() == 1
    pooled = np.sqrt((x[treated].var(axis=0) + x[~treated].var(axis=0)) / 2)
    frames = []
    for weighting, column in WEIGHTINGS.items():
        weights = np.ones(len(x)) if column is None else propensity[column].to_numpy()
        difference = np.average(x[treated], axis=0, weights=weights[treated]) - np.average(
            x[~treated], axis=0, weights=weights[~treated]
        )
        # Constant within each arm: alike, or told apart perfectly.
        undivided = np.where(np.isclose(difference, 0), 0.0, np.copysign(np.inf, difference))
        smd = np.divide(difference, pooled, out=undivided, where=pooled > 0)
        frames.append(pd.DataFrame({"covariate": names, "weighting": weighting, "smd": smd}))
    return pd.concat(frames, ignore_index=True)
