"""What coupons cost: the discounts on redeemed lines, per targeted household."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.engine.duck import connect, table_at, unit_of_money
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.settings import EngineSettings

COLUMNS = ["campaign", "n_targeted", "retailer_cost", "manufacturer_cost"]


def coupon_costs(tables: Mapping[str, TablePath], campaigns: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    """What coupons cost, for each campaign and for all of them (`COLUMNS`).

    That is what coupons of the campaign took off the prices, per targeted household ($): discounts on lines that a
    redeeming household bought on the day of redemption, of products the coupon is good for, during the campaign. A
    line counts once, whatever the number of coupons that fit it, and for the earlier campaign when coupons of two fit.
    `retailer_cost` is the retailer's own match (coupon_match_disc), which gross profit counts; `manufacturer_cost`
    (coupon_disc) is reimbursed.
    """
    with connect(engine) as connection:
        for name in ("transactions", "coupons", "coupon_redemptions", "campaign_targets"):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {table_at(connection, tables[name])}")
        connection.register("campaigns", campaigns[["campaign", "start_day", "end_day"]])
        units = 10.0 ** unit_of_money(connection, "transactions", engine).decimals
        found = connection.execute(_COST_BY_CAMPAIGN, {"units": units}).fetchdf()
    totals = found[["n_targeted", "retailer", "manufacturer"]].sum().to_dict()
    found = pd.concat([found, pd.DataFrame([{"campaign": ALL_CAMPAIGNS, **totals}])], ignore_index=True)
    n_targeted = found["n_targeted"].astype("int64")
    return pd.DataFrame(
        {
            "campaign": found["campaign"].astype(str),
            "n_targeted": n_targeted,
            "retailer_cost": found["retailer"] / n_targeted,
            "manufacturer_cost": found["manufacturer"] / n_targeted,
        }
    )


def as_redeemed(costs: pd.DataFrame) -> float:
    """What redeemed coupons cost the retailer over all campaigns, $ per targeted household."""
    return float(costs.loc[costs["campaign"].astype(str) == ALL_CAMPAIGNS, "retailer_cost"].iloc[0])


# Sums run over whole units of money, so that they do not depend on the order of the rows.
_COST_BY_CAMPAIGN = """
WITH redeemed_lines AS (
    SELECT DISTINCT ON (t.household_key, t.basket_id, t.product_id)
           w.campaign, t.coupon_match_disc, t.coupon_disc
    FROM coupon_redemptions r
    JOIN campaigns w ON r.campaign = w.campaign AND r.day BETWEEN w.start_day AND w.end_day
    JOIN coupons c ON c.campaign = r.campaign AND c.coupon_upc = r.coupon_upc
    JOIN transactions t
      ON t.household_key = r.household_key AND t.day = r.day AND t.product_id = c.product_id
    WHERE t.coupon_disc > 0 OR t.coupon_match_disc > 0
    ORDER BY t.household_key, t.basket_id, t.product_id, w.start_day, w.campaign
),
costs AS (
    SELECT campaign, sum(round(coupon_match_disc * $units)) / $units AS retailer,
           sum(round(coupon_disc * $units)) / $units AS manufacturer
    FROM redeemed_lines GROUP BY campaign
)
SELECT w.campaign, count(t.household_key) AS n_targeted,
       coalesce(any_value(costs.retailer), 0) AS retailer,
       coalesce(any_value(costs.manufacturer), 0) AS manufacturer
FROM campaigns w
JOIN campaign_targets t ON t.campaign = w.campaign
LEFT JOIN costs ON costs.campaign = w.campaign
GROUP BY w.campaign, w.start_day ORDER BY w.start_day, w.campaign
"""
