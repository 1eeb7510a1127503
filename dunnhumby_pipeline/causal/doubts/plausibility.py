"""Whether the effect can have come through the coupons: what each redeemer would have to have spent more.

A campaign reaches households with coupons. Where it moves spend by D and redemption by R (0 to 1), both per household,
every redeemer would have to have spent D / R more, if coupons are how it works. Beside that stands what redeemers
bought on coupon lines, C per redeemer. A multiple D / (R C) of one means that all the effect is the coupon lines
themselves; far beyond that, the effect is noise, or bias, or came by another way than coupons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import Estimate, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
ON_SPEND, ON_REDEMPTION, PER_REDEEMER, COUPON_LINES, MULTIPLE = (
    "effect_on_spend",
    "effect_on_redemption",
    "spend_per_redeemer",
    "coupon_lines_per_redeemer",
    "multiple",
)
TYPES = {
    "quantity": "str",
    "estimate": "float64",
    "se": "float64",
    "ci_lower": "float64",
    "ci_upper": "float64",
    "n_trials": "int64",
}


@dataclass(frozen=True)
class Judgement:
    """Whether the effect is beyond what redeemers can have spent: as estimated, and even at the lower end of its
    interval; in words.
    """

    beyond: bool
    surely: bool
    text: str


def plausibility(
    spend: Residuals, redemption: Residuals, redeemed: Array, on_coupon_lines: Array, confidence: float
) -> pd.DataFrame:
    """One row per quantity (columns `TYPES`): the overlap-weighted effects on spend ($) and on redemption (0-1), their
    ratio ($ per redeemer), what redeemers bought on coupon lines ($ per redeeming treated trial), and the ratio of
    these two (`multiple`).

    `redeemed`, `on_coupon_lines` (n,): whether a trial redeemed, and its sales ($) of lines bought with a coupon of
    its campaign. Errors are clustered by household, all three of them together, since the same households make them.
    Intervals of ratios are Fieller's (1954): null where the divisor may be zero, as they then have no end. Null ratios
    where redemption did not rise.
    """
    rows = np.ones(len(spend.y), dtype=bool)
    redeemers = (spend.treated == 1) & (redeemed > 0)
    effect, rise = overlap_weighted(spend, rows), overlap_weighted(redemption, rows)
    bought = _mean_of(on_coupon_lines, redeemers, spend.households)
    v = _covariance([effect, rise, bought], spend.households)
    quantile = normal_quantile(confidence)
    found = [
        _simple(ON_SPEND, effect, quantile, len(rows)),
        _simple(ON_REDEMPTION, rise, quantile, len(rows)),
        (PER_REDEEMER, *ratio(effect[0], rise[0], v[0, 0], v[1, 1], v[0, 1], quantile), len(rows)),
        _simple(COUPON_LINES, bought, quantile, int(redeemers.sum())),
    ]
    # The divisor of the multiple is a product: its error by the delta method.
    gradient = np.array([0.0, bought[0], rise[0]])
    through = rise[0] * bought[0]
    spread = (float(v[0, 0]), float(gradient @ v @ gradient), float(v[0] @ gradient))
    found.append((MULTIPLE, *ratio(effect[0], through, *spread, quantile), int(redeemers.sum())))
    return pd.DataFrame(found, columns=list(TYPES)).astype(TYPES)


def ratio(
    above: float, below: float, v_above: float, v_below: float, covariance: float, quantile: float
) -> tuple[float, float, float, float]:
    """(ratio, its standard error by the delta method, lower and upper end of Fieller's interval) of two estimates with
    these variances. All NaN where the divisor is not positive; ends NaN where it is not surely positive.

    The interval holds every r at which above - r below is within `quantile` standard errors of zero (Fieller 1954).
    """
    if not below > 0:
        return (np.nan,) * 4
    found = above / below
    se = float(np.sqrt(max(v_above - 2 * found * covariance + found**2 * v_below, 0.0)) / below)
    square = quantile**2
    a = below**2 - square * v_below
    if not a > 0:
        return found, se, np.nan, np.nan
    b = above * below - square * covariance
    c = above**2 - square * v_above
    root = float(np.sqrt(max(b**2 - a * c, 0.0)))
    return found, se, (b - root) / a, (b + root) / a


def judged(table: pd.DataFrame, most: float) -> Judgement:
    """What the table `plausibility` says, where an effect of more than `most` times what redeemers bought on coupon
    lines is beyond reason.
    """
    row = table.set_index("quantity")
    multiple, lower = row.loc[MULTIPLE, "estimate"], row.loc[MULTIPLE, "ci_lower"]
    effect = row.loc[ON_SPEND]
    if pd.isna(multiple):
        rises = bool(effect["ci_lower"] > 0)
        told = "no redemption that the campaign brought about is seen, so that no effect can have come through coupons"
        proven = f"; yet the effect on spend, ${effect['estimate']:.2f}, is proven"
        return Judgement(rises, rises, told + proven if rises else told)
    per, lines = row.loc[PER_REDEEMER], row.loc[COUPON_LINES, "estimate"]
    text = (
        f"if the effect came through coupons, every redeemer would have spent ${per['estimate']:.2f} more{_span(per)}; "
        f"they bought for ${lines:.2f} on coupon lines: {multiple:.1f} times that, at most {most:g} times expected"
    )
    beyond, surely = bool(multiple > most), bool(lower > most)
    if not beyond:
        return Judgement(False, False, text)
    if surely:
        return Judgement(True, True, f"{text}; even the lower end of its interval, {lower:.1f} times, is beyond that")
    least = "has no end, as redemption hardly rose" if pd.isna(lower) else f"reaches down to {lower:.1f} times"
    return Judgement(True, False, f"{text}; its interval {least}, so that noise may be all there is to it")


def _span(row: pd.Series) -> str:
    if pd.isna(row["ci_lower"]):
        return ""
    return f" ({row['ci_lower']:.2f} to {row['ci_upper']:.2f})"


def _simple(name: str, found: Estimate, quantile: float, n: int) -> tuple[object, ...]:
    estimate, se = found
    return name, estimate, se, estimate - quantile * se, estimate + quantile * se, n


def _mean_of(values: Array, rows: NDArray[np.bool_], households: NDArray[np.int64]) -> Estimate:
    """The mean of `values` over some of n trials, with an influence for each of the n; NaN where there are none."""
    if not rows.any():
        return Estimate(np.nan, np.nan, np.zeros(len(values)))
    return weighted_mean_se(values, rows.astype(float), households)


def _covariance(estimates: list[Estimate], households: NDArray[np.int64]) -> Array:
    """Covariance (k, k) of estimates of the same trials, clustered by household (Liang & Zeger 1986)."""
    influences = {str(place): one.influence for place, one in enumerate(estimates)}
    totals = pd.DataFrame(influences).groupby(households).sum().to_numpy()
    n = len(totals)
    return totals.T @ totals * (n / (n - 1))
