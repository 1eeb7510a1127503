"""Lifetime value from purchases to tables: per household, the parameters behind it, and its errors on a hold-out half.

The data are halved. All forecasts are made from the first half and judged on the second, whose spend is known; how to
weigh them, and how far they may be off, is learned within the first half alone. Then all of it is repeated one half
later, for the time to come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.lifetime.candidates import CANDIDATES, Candidates, History, fit_candidates
from dunnhumby_pipeline.segmentation.lifetime.forecast import age_in_weeks, amount_of, recency_in_weeks
from dunnhumby_pipeline.segmentation.lifetime.lessons import FORECASTS, STACKS, Lesson, Outcome, learn
from dunnhumby_pipeline.segmentation.lifetime.parameters import parameter_table
from dunnhumby_pipeline.segmentation.lifetime.purchases import (
    FIRST_HALF,
    FIRST_QUARTER,
    SECOND_HALF,
    SECOND_QUARTER,
    WHOLE,
    Purchases,
)
from dunnhumby_pipeline.segmentation.lifetime.validation import Judged, judged
from dunnhumby_pipeline.segmentation.lifetime.value import Vector
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import rfm_scores, value_tiers
from dunnhumby_pipeline.segmentation.lifetime.weeks import DAYS_PER_WEEK, weeks_of
from dunnhumby_pipeline.settings import LifetimeValueSettings

HORIZONS = (13, 26, 52)


@dataclass(frozen=True)
class LifetimeTables:
    """Lifetime value of each household and what it rests on; columns as in `lifetime_tables`."""

    customer_lifetime_value: pd.DataFrame
    clv_parameters: pd.DataFrame
    clv_validation: pd.DataFrame
    clv_calibration: pd.DataFrame


def lifetime_tables(
    purchases: Purchases,
    settings: LifetimeValueSettings,
    tier_shares: tuple[float, float],
    confidence: float,
) -> LifetimeTables:
    """Lifetime value from `purchases`. The tables:

    - customer_lifetime_value, a row per household with a trip: household_key, trips, repeats, last and age (weeks),
      mean_spend ($ per trip), rule, probability_alive, expected_trips_13w/_26w/_52w, expected_spend_13w/_26w/_52w
      ($, BG/NBD with Gamma-Gamma), stacked_spend_13w/_26w/_52w ($), in 52 weeks naive_, nbd_, smoothed_, boosted_ and
      stacked_absolute_spend_52w ($), clv ($ of sales in 52 weeks, undiscounted, by the forecast that `settings`
      choose) with its interval clv_lower and clv_upper, profit_rate, clv_gross_profit and its interval, value_tier,
      scores of `rfm_scores`.
      rule: 'repeat'; 'one trip', whose chance of being alive is 1 as it had none to leave; 'no spend', whose trips
      cost $0, and whose expected spend per trip is drawn up towards the mean of all.
    - clv_parameters: of the stretches 'first half' and 'whole', see `parameter_table`.
    - clv_validation and clv_calibration: of spend, gross profit and trips on the second half, see `judged`; chosen:
      whether tiers rest on the forecast.

    Of more than `max_households`, every n-th teaches and is judged; all are forecast. Households first seen in the
    second half have no forecast there: they are counted (n_new), not scored.
    Raises LifetimeValueError as `fit_candidates` and `weeks_of` do.
    """
    quarter = _history(purchases, FIRST_QUARTER).sampled(settings.max_households)
    half = _history(purchases, FIRST_HALF).sampled(settings.max_households)
    before = fit_candidates(quarter, settings)
    then = fit_candidates(half, settings)
    outcome = _outcome(purchases, SECOND_HALF, half)
    past = learn(before, quarter, _outcome(purchases, SECOND_QUARTER, quarter), settings, confidence)
    now = learn(then, half, outcome, settings, confidence)
    validation, calibration = _validated(half, then, past, outcome, settings, confidence)
    whole = _history(purchases, WHOLE)
    last = fit_candidates(whole.sampled(settings.max_households), settings)
    return LifetimeTables(
        customer_lifetime_value=_households(whole, last, now, settings, tier_shares),
        clv_parameters=pd.concat(
            [
                parameter_table("first half", then, past, half, settings),
                parameter_table("whole", last, now, whole, settings),
            ],
            ignore_index=True,
        ),
        clv_validation=validation.assign(**_new(purchases)),
        clv_calibration=calibration,
    )


def _rows(purchases: Purchases, window: int) -> pd.DataFrame:
    """Trips of one window with the gross profit of each household there."""
    trips, profit = (table[table["window"] == window] for table in (purchases.trips, purchases.gross_profit))
    return trips.merge(profit[["household_key", "gross_profit"]], on="household_key", how="left", validate="1:1")


def _span(purchases: Purchases, window: int) -> tuple[int, int]:
    row = purchases.windows.set_index("window").loc[window]
    return int(row["first_day"]), int(row["index_day"])


def _history(purchases: Purchases, window: int) -> History:
    first_day, index_day = _span(purchases, window)
    trips = _rows(purchases, window)
    weeks = weeks_of(purchases.weekly(window), trips, first_day, index_day)
    return History(first_day, index_day - 1, trips, weeks)


def _outcome(purchases: Purchases, window: int, history: History) -> Outcome:
    """What the households of `history` did in the window after it."""
    first_day, index_day = _span(purchases, window)
    rows = _rows(purchases, window)
    spend, profit, trips = (amount_of(rows, name, history.trips) for name in ("sales", "gross_profit", "trips"))
    return Outcome((index_day - first_day) / DAYS_PER_WEEK, spend, profit, trips)


def _new(purchases: Purchases) -> dict[str, object]:
    """Households first seen in the second half, and their share of its spend."""
    known, after = _rows(purchases, FIRST_HALF), _rows(purchases, SECOND_HALF)
    new = ~after["household_key"].isin(known["household_key"])
    return {"n_new": int(new.sum()), "new_spend_share": float(after.loc[new, "sales"].sum() / after["sales"].sum())}


def _validated(
    history: History,
    candidates: Candidates,
    lesson: Lesson,
    outcome: Outcome,
    settings: LifetimeValueSettings,
    confidence: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors and calibration on the `outcome` after `history`, by what the `lesson` from before it says."""
    spend = lesson.forecasts(candidates, history, outcome.weeks)
    rates = candidates.profit_rates(history)
    profit: dict[str, Vector] = {name: each * rates for name, each in spend.items()}
    cases = (
        Judged("spend", spend, outcome.spend, {name: lesson.spend[name].around(spend[name]) for name in FORECASTS}),
        Judged(
            "gross_profit",
            profit,
            outcome.gross_profit,
            {name: lesson.gross_profit[name].around(profit[name]) for name in FORECASTS},
        ),
        Judged("trips", candidates.trips(history, outcome.weeks), outcome.trips, {}),
    )
    found = [judged(case, settings.n_bins, confidence) for case in cases]
    errors, calibration = (pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True))
    chosen = (errors["target"] == "spend") & (errors["forecast"] == settings.forecast)
    return errors.assign(chosen=chosen), calibration


def _households(
    history: History,
    candidates: Candidates,
    lesson: Lesson,
    settings: LifetimeValueSettings,
    tier_shares: tuple[float, float],
) -> pd.DataFrame:
    known, last_day = history.trips, history.last_day
    columns: dict[str, object] = {
        "household_key": known["household_key"],
        "trips": known["trips"],
        "repeats": known["trips"] - 1,
        "last": recency_in_weeks(known),
        "age": age_in_weeks(known, last_day),
        "mean_spend": known["sales"] / known["trips"],
        "rule": np.select([known["sales"] <= 0, known["trips"] == 1], ["no spend", "one trip"], default="repeat"),
        "probability_alive": candidates.models.probability_alive(known, last_day),
    }
    spend = {weeks: lesson.forecasts(candidates, history, weeks) for weeks in HORIZONS}
    year = spend[HORIZONS[-1]]
    columns |= {f"expected_trips_{weeks}w": candidates.trips(history, weeks)["model"] for weeks in HORIZONS}
    columns |= {f"expected_spend_{weeks}w": spend[weeks]["model"] for weeks in HORIZONS}
    columns |= {f"stacked_spend_{weeks}w": spend[weeks]["stacked"] for weeks in HORIZONS}
    beside = [name for name in (*CANDIDATES, *STACKS) if name not in ("model", "stacked")]
    columns |= {f"{name}_spend_{HORIZONS[-1]}w": year[name] for name in beside}
    chosen, rates = year[settings.forecast], candidates.profit_rates(history)
    columns["clv"] = chosen
    columns["clv_lower"], columns["clv_upper"] = lesson.spend[settings.forecast].around(chosen)
    profit = chosen * rates
    columns |= {"profit_rate": rates, "clv_gross_profit": profit}
    ends = lesson.gross_profit[settings.forecast].around(profit)
    columns["clv_gross_profit_lower"], columns["clv_gross_profit_upper"] = ends
    frame = pd.DataFrame(columns)
    frame["value_tier"] = value_tiers(frame["clv"], tier_shares)
    return frame.join(rfm_scores(known["last_trip"], known["trips"], known["sales"]))
