"""Who fell, and how much of the loss is expected back without a campaign.

Who is picked for a fall was, in part, unlucky in the quarter that picked them, or lucky in the one before: some of it
comes back by itself (regression to the mean, Galton 1886), and is no success of whoever called. How much is learned
from those who fell earlier, and held against what came back in quarters that were not learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.segmentation.risk.quarters import Quarters, households_of_value
from dunnhumby_pipeline.segmentation.risk.signs import usual_quarter
from dunnhumby_pipeline.settings.risk import RiskSettings

Array = NDArray[np.float64]

NOTHING, SHARE, REGRESSION = "nothing back", "share of the loss", "regression"
# What a recovery is read off: sales before and after the fall, and in a quarter at the usual rate ($ each).
_SEEN = ["spend_before", "spend_after", "usual_spend"]
SPENDS = ["spend_before", "spend_after", "next_sales"]


def _nothing(known: pd.DataFrame) -> Callable[[pd.DataFrame], Array]:
    return lambda rows: np.zeros(len(rows))


def _share(known: pd.DataFrame) -> Callable[[pd.DataFrame], Array]:
    share = (known["next_sales"] - known["spend_after"]).sum() / (known["spend_before"] - known["spend_after"]).sum()
    return lambda rows: share * (rows["spend_before"] - rows["spend_after"]).to_numpy()


def _regression(known: pd.DataFrame) -> Callable[[pd.DataFrame], Array]:
    from sklearn.linear_model import LinearRegression

    # Weights of 0 or more: nobody is expected to spend less for having spent more.
    model = LinearRegression(positive=True).fit(known[_SEEN].to_numpy(), known["next_sales"].to_numpy())
    return lambda rows: model.predict(rows[_SEEN].to_numpy()) - rows["spend_after"].to_numpy()


FORECASTS = {NOTHING: _nothing, SHARE: _share, REGRESSION: _regression}
# The first is in use where no earlier quarter tells which to choose.
CANDIDATES = (SHARE, REGRESSION)


@dataclass(frozen=True)
class Recovered:
    """A quarter whose recovery was forecast: its end, how many quarters it learned from, expected recovery (n,) in $
    of those who fell by each forecast, and the candidate in use; `reason` why nothing was forecast."""

    end: int
    n_quarters: int
    expected: Mapping[str, Array]
    chosen: str = ""
    reason: str | None = None


def fallers(frame: pd.DataFrame, quarters: Quarters, settings: RiskSettings) -> pd.DataFrame:
    """A row per end and household that was of value in the quarter before the one that ended there (`sales_around`).

    Columns: end, household_key, last_trip (DAY), spend_before, spend_after, next_sales, usual_spend ($ a quarter), and
    whether it `fell` by the share that is set.
    """
    rows = households_of_value(frame, "before_sales", quarters, settings)
    spends = {"spend_before": rows["before_sales"], "spend_after": rows["quarter_sales"]}
    fell = spends["spend_after"] <= (1 - settings.fall) * spends["spend_before"]
    kept = rows[["end", "household_key", "last_trip", "next_sales"]]
    return kept.assign(**spends, usual_spend=usual_quarter(rows, quarters), fell=fell)


def recover(rows: pd.DataFrame, quarters: Quarters, settings: RiskSettings) -> tuple[Recovered, ...]:
    """Every end at which the recovery of those who fell can be forecast, today's last; in order."""
    found: list[Recovered] = []
    for end in sorted(rows["end"].unique()):
        fallen = rows[rows["fell"] & (rows["end"] == end)]
        known = rows[rows["fell"] & (rows["end"] + quarters.days <= end)]
        n_quarters = int(known["end"].nunique())
        n_known = known["household_key"].nunique()
        if n_known < settings.min_falls:
            if end == quarters.today and n_quarters:
                reason = (
                    f"what comes back is learned from households that fell at least a quarter ago: found {n_known}; "
                    f"risk.min_falls asks for {settings.min_falls}"
                )
                found.append(Recovered(int(end), n_quarters, {}, reason=reason))
            continue
        expected = {name: make(known)(fallen) for name, make in FORECASTS.items()}
        earlier = [one for one in found if one.end + quarters.days <= end and one.reason is None]
        chosen = _best(earlier, rows)
        found.append(Recovered(int(end), n_quarters, {**expected, IN_USE: expected[chosen]}, chosen))
    return tuple(found)


def _best(earlier: list[Recovered], rows: pd.DataFrame) -> str:
    errors = {
        name: sum(float(((one.expected[name] - _came_back(rows, one.end)) ** 2).sum()) for one in earlier)
        for name in CANDIDATES
    }
    return min(errors, key=lambda name: errors[name])


def _came_back(rows: pd.DataFrame, end: int) -> Array:
    own = rows[rows["fell"] & (rows["end"] == end)]
    return (own["next_sales"] - own["spend_after"]).to_numpy()


def recovery_validation(
    recovered: tuple[Recovered, ...], rows: pd.DataFrame, quarters: Quarters, confidence: float
) -> pd.DataFrame:
    """The table of that name: a row per quarter and forecast, and for all quarters together; empty where there is none
    whose outcome is known. Intervals are of the mean error, clustered by household.
    """
    judged = [
        one
        for one in recovered
        if one.reason is None and one.end + quarters.days <= quarters.today and len(one.expected[IN_USE])
    ]
    tables = []
    for number, one in enumerate(judged):
        tables += _judged([one], rows, quarters, confidence, number)
    tables += _judged(judged, rows, quarters, confidence, ALL_FOLDS) if judged else []
    return pd.DataFrame(tables)


def _judged(
    quarters_judged: list[Recovered], rows: pd.DataFrame, quarters: Quarters, confidence: float, number: int
) -> list[dict[str, object]]:
    ends = [one.end for one in quarters_judged]
    here = rows[rows["end"].isin(ends)].sort_values("end", kind="stable")
    fallen, others = here[here["fell"]], here[~here["fell"]]
    came = (fallen["next_sales"] - fallen["spend_after"]).to_numpy()
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    codes, _ = pd.factorize(fallen["household_key"])
    common = {
        "fold": number,
        "first_day": ends[0],
        "last_day": ends[-1] + quarters.days - 1,
        "n_quarters": max(one.n_quarters for one in quarters_judged),
        "n_households": len(fallen),
        **dict(zip(("spend_before", "spend_at", "spend_after"), fallen[SPENDS].mean(), strict=True)),
        "recovery": float(came.mean()),
        "n_others": len(others),
        **dict(zip(("others_before", "others_at", "others_after"), others[SPENDS].mean(), strict=True)),
    }
    found = []
    for name in (*FORECASTS, IN_USE):
        expected = np.concatenate([one.expected[name] for one in quarters_judged])
        error = expected - came
        se = float(np.sqrt((np.bincount(codes, error - error.mean()) ** 2).sum()) / len(error))
        bias = float(error.mean())
        found.append(
            {
                **common,
                "forecast": name,
                "expected_recovery": float(expected.mean()),
                "bias": bias,
                "ci_lower": bias - z * se,
                "ci_upper": bias + z * se,
                "mae": float(np.abs(error).mean()),
                "chosen": name == IN_USE or (len(quarters_judged) == 1 and name == quarters_judged[0].chosen),
            }
        )
    return found
