"""What targeting is worth as the share of households grows, largest effects first, with bands that hold everywhere.

Of each trial's share in a curve a household's trials are summed, and Gaussian multipliers of these sums give how the
whole curve may lie: the band is the estimate -/+ the `confidence` quantile of the largest |t| among them, in standard
errors (the multiplier bootstrap of Chernozhukov, Chetverikov & Kato 2013, by household; sup-t).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.top_share import TopShare
from dunnhumby_pipeline.targeting.value import least_in_arm, weigh

Array = NDArray[np.float64]
PROFIT, ROI, QINI, OVER_LOT = "profit", "roi", "qini", "over_lot"
N_MULTIPLIERS = 4000
_MULTIPLIED_AT_ONCE = 4_000_000
COLUMNS = ["curve", "share_targeted", "spent", "value", "se", "ci_lower", "ci_upper", "band_lower", "band_upper"]


def policy_curves(evidence: Evidence, economics: Economics, n_steps: int, confidence: float, seed: int) -> pd.DataFrame:
    """Four curves over the share targeted, 0 to 1, in `n_steps` steps; columns `COLUMNS`. None where one effect for all
    leaves no order: a share could only be drawn by lot.

    profit: value ($ per household). roi: value per $ spent; none where contacts cost nothing. qini: gross profit that
    contacts bring before they are paid ($ per household), against what is `spent` on them ($ per household): the Qini
    curve with costs (Sverdrup, Wu, Athey & Wager 2024). over_lot: value above that of as many drawn by lot. ci_ hold at
    one share, band_ at all shares of a curve at once. Shares of too few households for a value are left out.
    """
    if not evidence.ranks():
        return pd.DataFrame(columns=COLUMNS).astype({"curve": "str"} | dict.fromkeys(COLUMNS[1:], "float64"))
    steps = [float(share) for share in np.linspace(0, 1, n_steps + 1)]
    weighed = [weights for _, weights in weigh(map(TopShare, steps), evidence, economics)]
    kept = [
        share == 0 or least_in_arm(own, evidence) >= FEWEST_HOUSEHOLDS
        for share, own in zip(steps, weighed, strict=True)
    ]
    shares, weights = np.array(steps)[kept], np.column_stack(weighed)[:, kept]
    gain, spent = economics.profit(evidence.scores), economics.contact_cost * shares
    profit = weights * gain[:, None]
    curves = {PROFIT: profit, QINI: weights * evidence.scores[:, None], OVER_LOT: profit - np.outer(gain, shares)}
    if economics.contact_cost > 0:
        curves[ROI] = np.divide(profit, spent, out=np.full_like(profit, np.nan), where=spent > 0)
    found = []
    for name in (PROFIT, ROI, QINI, OVER_LOT):
        if name in curves:
            known = np.isfinite(curves[name]).all(axis=0)
            place = {"curve": name, "share_targeted": shares[known], "spent": spent[known]}
            found.append(pd.DataFrame(place | banded(curves[name][:, known], evidence.households, confidence, seed)))
    return pd.concat(found, ignore_index=True)[COLUMNS]


def banded(each: Array, households: NDArray[np.int64], confidence: float, seed: int) -> dict[str, Array]:
    """value, se, ci_lower, ci_upper, band_lower, band_upper (k,) of the means of `each` (n, k), clustered by household:
    the band covers all k together.
    """
    n, mean = len(each), each.mean(axis=0)
    _, place = np.unique(households, return_inverse=True)
    totals = np.zeros((int(place.max()) + 1, each.shape[1]))
    np.add.at(totals, place, each - mean)
    totals *= np.sqrt(len(totals) / (len(totals) - 1)) / n
    se = np.sqrt((totals**2).sum(axis=0))
    pointwise = normal_quantile(confidence)
    half = max(pointwise, _furthest(totals, se, confidence, seed)) * se
    return {
        "value": mean,
        "se": se,
        "ci_lower": mean - pointwise * se,
        "ci_upper": mean + pointwise * se,
        "band_lower": mean - half,
        "band_upper": mean + half,
    }


def _furthest(totals: Array, se: Array, confidence: float, seed: int) -> float:
    """The `confidence` quantile of the largest |t| over all columns that vary, by multipliers of the households."""
    varies = se > 1e-9 * max(1.0, float(se.max()))
    if not varies.any():
        return 0.0
    rng, standard, largest = np.random.default_rng(seed), totals[:, varies] / se[varies], []
    at_once = max(1, min(N_MULTIPLIERS, _MULTIPLIED_AT_ONCE // len(totals)))
    for start in range(0, N_MULTIPLIERS, at_once):
        multipliers = rng.normal(size=(min(at_once, N_MULTIPLIERS - start), len(totals)))
        largest.append(np.abs(multipliers @ standard).max(axis=1))
    return float(np.quantile(np.concatenate(largest), confidence))
