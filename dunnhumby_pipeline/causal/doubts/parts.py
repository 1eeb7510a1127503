"""The effect on spend by its parts: products that the campaign's coupons cover and others, and when.

During the campaign, after it to the end of the outcome window, and in the weeks after the window, where purchases that
the campaign only pulled forward are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.doubts.period_spend import campaign_days, estimable
from dunnhumby_pipeline.causal.effects.average import interval, obstacle
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.engine.duck import connect, table_at, unit_of_money
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.settings import EngineSettings

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
PROMOTED, OTHER, EVERY = "promoted", "other", "all"
DURING, AFTER, WINDOW, LATER = "during", "after", "window", "later"
PERIODS = (DURING, AFTER, LATER)
_NO_DAYS = "the data have no days of it"
COLUMNS = [
    *("products", "period", "days", "estimate", "se", "ci_lower", "ci_upper", "control_mean"),
    *("n_trials", "share_reached_treated", "share_reached_control", "reason"),
]


@dataclass(frozen=True)
class PartSpend:
    """What n trials spent ($), by period (`PERIODS`) and product (promoted, other): `spend` (n, 3, 2), NaN in a period
    that the data do not cover whole, and `days` (n, 3) of it. `on_coupon_lines` (n,): $ of lines bought with a
    coupon of the campaign in the outcome window. `reached` (n,): whether another campaign of the type listed the
    household in the weeks after the window.
    """

    spend: Array
    days: Array
    on_coupon_lines: Array
    reached: Mask


def periods_of(campaigns: pd.DataFrame, trials: pd.DataFrame, weeks_later: int, last_day: int) -> pd.DataFrame:
    """One row per campaign of the trials and period that the data cover: campaign, period, first_day, last_day.

    During: from the index day to the campaign's last day, or the window's where that comes first. After: from there
    to the window's end; none where nothing is left. Later: `weeks_later` weeks from there, where all of them lie
    in the data. Raises ValueError as `campaign_days` does.
    """
    own = campaign_days(trials)[["campaign", "index_day", "outcome_end"]].astype({"campaign": str})
    ends = campaigns[["campaign", "end_day"]].astype({"campaign": str})
    rows: list[tuple[str, str, int, int]] = []
    for one in own.merge(ends, on="campaign", validate="one_to_one").itertuples():
        end, stop = min(int(one.end_day), int(one.outcome_end)), int(one.outcome_end)
        rows.append((one.campaign, DURING, int(one.index_day), end))
        rows.append((one.campaign, AFTER, end + 1, stop))
        rows.append((one.campaign, LATER, stop + 1, stop + 7 * weeks_later))
    found = pd.DataFrame(rows, columns=["campaign", "period", "first_day", "last_day"])
    inside = (found["last_day"] >= found["first_day"]) & (found["last_day"] <= last_day)
    return found.loc[inside].reset_index(drop=True)


def part_spend(
    tables: Mapping[str, TablePath],
    trials: pd.DataFrame,
    campaign_type: str,
    weeks_later: int,
    engine: EngineSettings,
) -> PartSpend:
    """What the households of trials spent in the parts of their campaign, by one query over the lines."""
    with connect(engine) as connection:
        for name in ("transactions", "campaigns", "coupons", "coupon_redemptions", "campaign_targets"):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {table_at(connection, tables[name])}")
        campaigns = connection.execute("SELECT CAST(campaign AS VARCHAR) AS campaign, end_day FROM campaigns").fetchdf()
        last_day = int(connection.execute("SELECT max(day) AS day FROM transactions").fetchdf()["day"].iloc[0])
        periods = periods_of(campaigns, trials, weeks_later, last_day)
        connection.register("periods", periods)
        keys = trials[["household_key", "campaign", "index_day", "outcome_end"]].astype({"campaign": str})
        connection.register("trials", keys.assign(trial=np.arange(len(keys))))
        units = 10.0 ** unit_of_money(connection, "transactions", engine).decimals
        bought = connection.execute(_SPEND, {"units": units}).fetchdf()
        lines = connection.execute(_ON_COUPON_LINES, {"units": units}).fetchdf()
        reached = connection.execute(_REACHED, {"type": campaign_type, "days": 7 * weeks_later}).fetchdf()
    spend, days = np.full((len(trials), len(PERIODS), 2), np.nan), np.zeros((len(trials), len(PERIODS)))
    of_trial = keys["campaign"].to_numpy()
    for one in periods.itertuples():
        rows, place = of_trial == one.campaign, PERIODS.index(one.period)
        spend[rows, place] = 0.0
        days[rows, place] = one.last_day - one.first_day + 1
    place = bought["period"].map({name: place for place, name in enumerate(PERIODS)}).to_numpy(dtype=int)
    row = bought["trial"].to_numpy()
    spend[row, place, 0] = bought["promoted"]
    spend[row, place, 1] = bought["spend"] - bought["promoted"]
    on_lines, again = np.zeros(len(trials)), np.zeros(len(trials), dtype=bool)
    on_lines[lines["trial"].to_numpy()] = lines["sales"]
    again[reached["trial"].to_numpy()] = True
    return PartSpend(spend, days, on_lines, again)


def effect_by_part(x: Array, data: Residuals, parts: PartSpend, confidence: float) -> pd.DataFrame:
    """Overlap-weighted effect on spend, $ per household, by products and period (`COLUMNS`).

    Means of the parts are linear and cross-fitted on the folds of the study, its propensity is shared, and what is
    said of several parts together is the sum of their means: so the parts add up exactly to `window` and `all`. Beside
    each the overlap-weighted mean of the controls. A part that too few households, or none, have stands there with
    its reason. `share_reached_*`: trials of each arm that another campaign of the type listed in the weeks after the
    window; what is later is an effect of that, too.
    """
    inside = np.isfinite(parts.spend[:, :, 0])
    means = [_fitted(x, data, parts.spend[:, place], inside[:, place]) for place in range(len(PERIODS))]
    rows = []
    for period, wanted in ((DURING, (0,)), (AFTER, (1,)), (WINDOW, (0, 1)), (LATER, (2,))):
        # A window may end with its campaign: nothing is left after it then.
        places = [place for place in wanted if inside[:, place].any()]
        held: Mask = np.zeros(len(x), dtype=bool)
        lacking = None if places else _NO_DAYS
        for place in places:
            held = held | inside[:, place]
            lacking = lacking or means[place].lacking
        for products, which in ((PROMOTED, [0]), (OTHER, [1]), (EVERY, [0, 1])):
            row: dict[str, object] = {"products": products, "period": period, "n_trials": int(held.sum())}
            if lacking is None:
                y = np.nansum(parts.spend[:, places][:, :, which], axis=(1, 2))
                mean = np.nansum([means[place].values[:, which].sum(axis=1) for place in places], axis=0)
                row |= _told(data, y, mean, held, parts, places, period, confidence)
            rows.append(row | {"reason": lacking})
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def _told(
    data: Residuals,
    y: Array,
    mean: Array,
    held: Mask,
    parts: PartSpend,
    places: list[int],
    period: str,
    confidence: float,
) -> dict[str, object]:
    found = interval(*overlap_weighted(with_outcome(data, y, mean), held), confidence)
    control, treated = held & (data.treated == 0), held & (data.treated == 1)
    told = {
        "days": float(parts.days[held][:, places].sum(axis=1).mean()),
        "control_mean": float(np.average(y[control], weights=data.propensity[control])),
    }
    if period == LATER:
        told["share_reached_treated"] = float(parts.reached[treated].mean())
        told["share_reached_control"] = float(parts.reached[control].mean())
    return {**found, **told}


@dataclass(frozen=True)
class _Means:
    """Means (n, 2) of what was spent in a period, NaN outside it; `lacking`: why there are none."""

    values: Array
    lacking: str | None = None


def _fitted(x: Array, data: Residuals, spend: Array, inside: Mask) -> _Means:
    """Means of the spend of one period, out of fold."""
    means = np.full(spend.shape, np.nan)
    few = obstacle(data, inside, _NO_DAYS, FEWEST_HOUSEHOLDS)
    if few:
        return _Means(means, few)
    if not estimable(data.treated[inside], data.folds[inside]):
        return _Means(means, "some folds hold one arm alone")
    # What nobody bought has a mean of nothing.
    varies = np.ptp(spend[inside], axis=0) > 0
    means[inside] = spend[inside].mean(axis=0)
    if varies.any():
        means[np.ix_(inside, varies)] = linear_means(x[inside], spend[np.ix_(inside, varies)], data.folds[inside])
    return _Means(means)


# Sums run over whole units of money, so that they do not depend on the order of the rows.
_SPEND = """
WITH covered AS (SELECT DISTINCT CAST(campaign AS VARCHAR) AS campaign, product_id FROM coupons)
SELECT r.trial, p.period,
       sum(round(t.sales_value * $units)) / $units AS spend,
       sum(CASE WHEN c.product_id IS NULL THEN 0 ELSE round(t.sales_value * $units) END) / $units AS promoted
FROM trials r
JOIN periods p ON p.campaign = r.campaign
JOIN transactions t ON t.household_key = r.household_key AND t.day BETWEEN p.first_day AND p.last_day
LEFT JOIN covered c ON c.campaign = r.campaign AND c.product_id = t.product_id
GROUP BY r.trial, p.period
"""
# A line counts once, whatever the number of coupons of the campaign that fit it.
_ON_COUPON_LINES = """
WITH lines AS (
    SELECT DISTINCT ON (r.trial, t.basket_id, t.product_id) r.trial, t.sales_value
    FROM trials r
    JOIN coupon_redemptions d ON d.household_key = r.household_key AND CAST(d.campaign AS VARCHAR) = r.campaign
         AND d.day BETWEEN r.index_day AND r.outcome_end
    JOIN coupons c ON c.campaign = d.campaign AND c.coupon_upc = d.coupon_upc
    JOIN transactions t ON t.household_key = d.household_key AND t.day = d.day AND t.product_id = c.product_id
    WHERE t.coupon_disc > 0 OR t.coupon_match_disc > 0
    ORDER BY r.trial, t.basket_id, t.product_id, t.sales_value
)
SELECT trial, sum(round(sales_value * $units)) / $units AS sales FROM lines GROUP BY trial
"""
_REACHED = """
SELECT DISTINCT r.trial
FROM trials r
JOIN campaign_targets g ON g.household_key = r.household_key AND CAST(g.campaign AS VARCHAR) <> r.campaign
JOIN campaigns k ON k.campaign = g.campaign
WHERE g.description = $type AND k.start_day BETWEEN r.outcome_end + 1 AND r.outcome_end + $days
"""
