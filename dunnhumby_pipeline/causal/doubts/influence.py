"""How much each household moves the numbers that a study leads with: what each becomes without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import PRIMARY_OUTCOME

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
TYPES = {
    "quantity": "str",
    "outcome": "str",
    "household_key": "int64",
    "n_trials": "int64",
    "estimate": "float64",
    "se": "float64",
    "without": "float64",
    "without_se": "float64",
    "without_lower": "float64",
    "without_upper": "float64",
    "by_influence": "float64",
    "change_in_se": "float64",
    "share_of_variance": "float64",
    "n_households": "int64",
    "effective_households": "float64",
}
# As many of each number are listed as `share_of_variance` is quoted of.
_MOST = 10


@dataclass(frozen=True)
class Headline:
    """A number that a study leads with, as a ratio of sums over trials: sum(`top`) / sum(`bottom`), each (n,).

    A weighted mean of scores is one, with weights at the bottom, and so is every estimator with an orthogonal score
    that is linear in the effect. `outcome`: what it is an effect on, whose unit it has.
    """

    name: str
    outcome: str
    top: Array
    bottom: Array
    households: Groups


def headlines(data: Residuals, outcome: str, controls: Mapping[str, Residuals]) -> list[Headline]:
    """ATO and ATE (by AIPW) on `outcome`, and the placebo effect on spend of each of the negative `controls`."""
    return [
        _overlap("ATO", outcome, data),
        Headline("ATE", outcome, data.scores, np.ones(len(data.y)), data.households),
        *(_overlap(name, PRIMARY_OUTCOME, own) for name, own in controls.items()),
    ]


def _overlap(name: str, outcome: str, data: Residuals) -> Headline:
    rt = data.treatment_residual
    return Headline(name, outcome, rt * data.outcome_residual, rt**2, data.households)


def leave_one_household_out(headline: Headline, confidence: float) -> pd.DataFrame:
    """One row per household: what the number becomes when all of its trials are left out, columns `TYPES`.

    With A_h and B_h the sums of a household at top and bottom, `without` is (A - A_h) / (B - B_h), exact for the final
    stage with propensity and means as fitted, and `without_se` its clustered error: both for all households at once
    from the sums, without a fit. `by_influence` is what the influence function says instead, the estimate less
    (A_h - estimate B_h) / B. `share_of_variance`: the household's square of that over all households' sum of squares;
    `effective_households` is 1 over the sum of the squares of these shares, the number of households of equal shares
    that would be as concentrated. `change_in_se`: without less estimate, in standard errors of the estimate. What
    cannot be known is NaN: everything without the only household, shares and changes where nothing varies.
    """
    keys, place = np.unique(headline.households, return_inverse=True)
    top, bottom = (np.bincount(place, each).astype(float) for each in (headline.top, headline.bottom))
    n = len(keys)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = top.sum() / bottom.sum()
        own = top - estimate * bottom
        se = np.sqrt(n / (n - 1) * (own**2).sum()) / bottom.sum() if n > 1 else np.nan
        left_top, left_bottom = top.sum() - top, bottom.sum() - bottom
        without = left_top / left_bottom
        squares = _squares_of_others(top, bottom, without)
        without_se = np.sqrt((n - 1) / (n - 2) * squares) / left_bottom if n > 2 else np.full(n, np.nan)
        shares = own**2 / (own**2).sum()
        change = (without - estimate) / se
        effective = 1 / (shares**2).sum()
    half = normal_quantile(confidence) * without_se
    frame = pd.DataFrame(
        {
            "quantity": headline.name,
            "outcome": headline.outcome,
            "household_key": keys,
            "n_trials": np.bincount(place),
            "estimate": estimate,
            "se": se,
            "without": without,
            "without_se": without_se,
            "without_lower": without - half,
            "without_upper": without + half,
            "by_influence": estimate - own / bottom.sum(),
            "change_in_se": change,
            "share_of_variance": shares,
            "n_households": n,
            "effective_households": effective,
        }
    )
    return frame.astype(TYPES).replace([np.inf, -np.inf], np.nan)


def _squares_of_others(top: Array, bottom: Array, effect: Array) -> Array:
    """For each household h, the sum over the others of (A_k - effect_h B_k)^2; sums of few terms, so none is lost."""
    both = (top**2).sum() - 2 * effect * (top * bottom).sum() + effect**2 * (bottom**2).sum()
    return np.maximum(both - (top - effect * bottom) ** 2, 0.0)


def influence(numbers: Sequence[Headline], confidence: float, most: int = _MOST) -> pd.DataFrame:
    """The households that move a number most, with what each of `numbers` becomes without them, columns `TYPES`.

    A household is listed for all numbers that it has trials in, when it is among the `most` by its share of one
    number's variance or by how far it moves it. By number, largest share first.
    """
    every = [leave_one_household_out(headline, confidence) for headline in numbers]
    listed: set[int] = set()
    for found in every:
        for size in (found["share_of_variance"], found["change_in_se"].abs()):
            listed |= set(found.loc[size.nlargest(most).index, "household_key"])
    rows = [
        found.loc[found["household_key"].isin(listed)].sort_values(
            ["share_of_variance", "household_key"], ascending=[False, True]
        )
        for found in every
    ]
    return pd.concat(rows, ignore_index=True).astype(TYPES)
