"""Do the estimators of one estimand agree? Their differences on the same trials, with errors of the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import Estimate, normal_quantile

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
PAIRED, INTERVALS = "paired", "intervals"
# Least error of a difference, as a share of the smaller error of the two.
LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Estimated:
    """An estimate on an outcome over the trials `rows` (n,)."""

    outcome: str
    estimator: str
    estimand: str
    population: str
    rows: Mask
    found: Estimate


def estimator_differences(
    estimates: Sequence[Estimated], households: NDArray[np.int64], confidence: float, primary: str
) -> pd.DataFrame:
    """One row per outcome and two estimators of one estimand, columns `COLUMNS`; `households` (n,) are of all trials.

    difference = a - b, in the outcome's unit. `paired`, where both are of the same trials: a and b are sums over the
    same households, so that the difference errs by the sum of the differences of their influences by household, which
    is far less than two independent estimates would (Hausman 1978 compares two estimators by their difference;
    influence functions as in Newey & McFadden 1994). Two estimators of nearly the same influence differ by what an
    influence function, a first-order term, leaves out: `se` is not taken for less than LEAST_SHARE of the smaller of
    both errors. ci_lower and ci_upper are normal; p_value is two-sided, p_adjusted is Holm's (1979) over the paired
    of an outcome; `apart` is p_adjusted below 1 - confidence. `intervals`: another population, or an estimator
    without an influence function; se, interval and p are null, and `apart` is that the intervals of the two share no
    point. Averages over different trials (ATE) are not compared, as their effects may differ.
    """
    rows = []
    for a, b in combinations(estimates, 2):
        if (a.outcome, a.estimand) != (b.outcome, b.estimand) or (a.estimand == "ATE" and a.population != b.population):
            continue
        row: dict[str, object] = {
            "outcome": a.outcome,
            "estimand": a.estimand,
            "estimator_a": a.estimator,
            "population_a": a.population,
            "estimator_b": b.estimator,
            "population_b": b.population,
            "difference": a.found[0] - b.found[0],
            "primary": a.outcome == primary,
        }
        rows.append({**row, **_compared(a, b, households, confidence)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_adjusted"] = table.groupby("outcome")["p_value"].transform(holm)
    paired = table["comparison"] == PAIRED
    table["apart"] = np.where(paired, table["p_adjusted"] < 1 - confidence, table["apart"].astype(bool))
    return table.astype({"apart": bool, "primary": bool, **dict.fromkeys(_NUMBERS, "float64")})


_NUMBERS = ("difference", "se", "ci_lower", "ci_upper", "p_value", "p_adjusted")
COLUMNS = [
    *("outcome", "estimand", "estimator_a", "population_a", "estimator_b", "population_b"),
    *_NUMBERS,
    *("comparison", "apart", "primary"),
]


def _compared(a: Estimated, b: Estimated, households: NDArray[np.int64], confidence: float) -> dict[str, object]:
    quantile, difference = normal_quantile(confidence), a.found[0] - b.found[0]
    if a.population != b.population or a.found.influence is None or b.found.influence is None:
        apart = abs(difference) > quantile * (a.found[1] + b.found[1])
        return {"comparison": INTERVALS, "apart": apart}
    se = paired_error(a.found, b.found, households[a.rows])
    z = abs(difference) / se if se > 0 else (np.inf if difference else 0.0)
    return {
        "comparison": PAIRED,
        "se": se,
        "ci_lower": difference - quantile * se,
        "ci_upper": difference + quantile * se,
        "p_value": 2 * float(scipy.stats.norm.sf(z)),
    }


def paired_error(a: Estimate, b: Estimate, households: NDArray[np.int64]) -> float:
    """Standard error of the difference of two estimates with influences on the same trials, clustered by household."""
    if a.influence is None or b.influence is None:
        raise ValueError("an estimate without an influence function has no paired error")
    totals = pd.Series(a.influence - b.influence).groupby(households).sum().to_numpy()
    error = float(np.sqrt(len(totals) / (len(totals) - 1) * (totals**2).sum()))
    return max(error, LEAST_SHARE * min(a[1], b[1]))


def holm(p_values: pd.Series) -> pd.Series:
    """Holm's adjusted p-values of those that are not null."""
    known = p_values.dropna().sort_values()
    steps = known * np.arange(len(known), 0, -1)
    return steps.cummax().clip(upper=1.0).reindex(p_values.index)
