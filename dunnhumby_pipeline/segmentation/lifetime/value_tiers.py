"""Who is worth how much: value tiers, the Pareto curve of revenue, and recency-frequency-monetary scores."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Vector = npt.NDArray[np.float64]

TIERS: Final = ("high", "mid", "low")
CURVE_STEPS = 100
RFM_SCORES = 5


def value_tiers(values: pd.Series, shares: tuple[float, float]) -> pd.Series:
    """Tier of each household: 'high' for the `shares[0]` of households with the largest values, 'mid' for the
    next `shares[1]`, 'low' for the rest.

    A household at the border is in the higher tier when part of it is; of equal values the earlier row goes
    first. Raises ValueError when a value is missing.
    """
    if values.isna().any():
        raise ValueError(f"{values.name}: {int(values.isna().sum())} households have no value, so they have no tier")
    place = values.rank(method="first", ascending=False) - 1
    borders = np.array([shares[0], shares[0] + shares[1]]) * len(values)
    # 0.3 of 10 households is 3.0000000000000004 of them.
    tier = np.searchsorted(borders - 1e-9, place.to_numpy(dtype=float), side="right")
    return pd.Series(np.array(TIERS)[tier], index=values.index, name="tier")


def gini(values: Vector) -> float:
    """Gini coefficient of `values` (n,), 0 or more: 0 when all are equal, (n - 1) / n when one has all.

    sum_i (2 i - n - 1) x_(i) / (n sum x), with x sorted upwards; NaN when all are 0.
    Raises ValueError when a value is missing or below 0.
    """
    ordered = _not_negative(values)
    n, total = len(ordered), float(ordered.sum())
    if total == 0:
        return float("nan")
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return float((ranks * ordered).sum() / (n * total))


def pareto_curve(values: Vector) -> pd.DataFrame:
    """What share of all revenue comes from the best households: share_of_households, share_of_revenue (0-1), gini.

    From (0, 0) to (1, 1) in percents of households; between two households the curve is a straight line. gini: that of
    all households (`gini`), the same in every row.
    Raises ValueError when a value is missing or below 0, or all are 0.
    """
    ordered = _not_negative(values)[::-1]
    total = float(ordered.sum())
    if total == 0:
        raise ValueError("pareto_curve: no household has any revenue")
    reached = np.concatenate([[0.0], np.cumsum(ordered) / total])
    shares = np.linspace(0, 1, CURVE_STEPS + 1)
    revenue = np.interp(shares * len(ordered), np.arange(len(reached)), reached)
    return pd.DataFrame({"share_of_households": shares, "share_of_revenue": revenue, "gini": gini(values)})


def rfm_scores(last_trip: pd.Series, trips: pd.Series, sales: pd.Series) -> pd.DataFrame:
    """Scores of 1 to 5, 5 best, of how lately, how often and for how much each household bought.

    Columns: recency_score, frequency_score, monetary_score (Hughes 1994, Strategic Database Marketing). A score is the
    fifth of households in which the middle rank of a household's equals lies, so that equal households have equal
    scores; fifths are then not always equally large. The scores have no names: who is worth much and who stays away is
    said by `household_status` alone.
    """
    return pd.DataFrame(
        {
            "recency_score": _fifth(last_trip),
            "frequency_score": _fifth(trips),
            "monetary_score": _fifth(sales),
        }
    )


def _fifth(values: pd.Series) -> pd.Series:
    # The middle of n ranks is (n + 1) / 2, and so (rank - 1/2) / n lies strictly between 0 and 1.
    place = (values.rank(method="average") - 0.5) / len(values)
    return (np.floor(place * RFM_SCORES) + 1).astype("int64")


def _not_negative(values: Vector) -> Vector:
    ordered = np.sort(np.asarray(values, dtype=float))
    if len(ordered) == 0 or not np.isfinite(ordered).all() or ordered[0] < 0:
        raise ValueError("revenue of households must be given, finite, and $0 or more for each")
    return ordered
