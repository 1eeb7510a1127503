"""What a contact costs, what coupons cost, and the effect at which a contact pays for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.engine.duck import connect, table_at, unit_of_money
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.settings import EconomicsSettings, EngineSettings
from dunnhumby_pipeline.targeting.scenarios import Scenario, scenarios

# Where a cost is from: the settings, or the coupons in the data.
FIXED, COUPONS = "fixed", "coupons"
COLUMNS = [
    "source",
    "campaign",
    "n_targeted",
    "retailer_cost",
    "manufacturer_cost",
    "contact_cost",
    "margin",
    "break_even_effect",
    "used",
]


@dataclass(frozen=True)
class Economics:
    """What turns an effect on gross profit into profit: the contact cost ($). `margin`: profit per $ of sales, by which
    gross profit was measured.
    """

    contact_cost: float
    margin: float

    @property
    def break_even_effect(self) -> float:
        """Effect on spend ($) whose margin pays one contact, where no coupon is redeemed."""
        return break_even_effect(self.contact_cost, self.margin)

    def profit(self, effect: NDArray[np.float64]) -> NDArray[np.float64]:
        """Profit ($) of contacting each household, given effects on gross profit ($) or scores of them."""
        return effect - self.contact_cost


def break_even_effect(contact_cost: float, margin: float) -> float:
    """Effect on spend ($) whose margin pays one contact: contact_cost / margin."""
    return contact_cost / margin


def campaign_economics(
    tables: Mapping[str, TablePath], campaigns: pd.DataFrame, settings: EconomicsSettings, engine: EngineSettings
) -> pd.DataFrame:
    """The cost of a contact, and beside it what coupons cost, for each campaign and for all of them (`COLUMNS`).

    The contact is the row `fixed`, at the cost of the scenario in use, which the list follows. The rows `coupons` have
    no contact cost: gross profit counts what coupons cost already. They are what coupons of the campaign took off the
    prices, per targeted household ($): discounts on lines that a redeeming household bought on the day of redemption,
    of products the coupon is good for, during the campaign. A line counts once, whatever the number of coupons that
    fit it, and for the earlier campaign when coupons of two fit.
    `retailer_cost` is the retailer's own match (coupon_match_disc); `manufacturer_cost` (coupon_disc) is reimbursed
    and stands beside it.
    """
    with connect(engine) as connection:
        for name in ("transactions", "coupons", "coupon_redemptions", "campaign_targets"):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {table_at(connection, tables[name])}")
        connection.register("campaigns", campaigns[["campaign", "start_day", "end_day"]])
        units = 10.0 ** unit_of_money(connection, "transactions", engine).decimals
        by_campaign = connection.execute(_COST_BY_CAMPAIGN, {"units": units}).fetchdf()
    rows = [
        _row(COUPONS, str(row.campaign), row.n_targeted, row.retailer, row.manufacturer)
        for row in by_campaign.itertuples()
    ]
    totals = by_campaign[["n_targeted", "retailer", "manufacturer"]].sum()
    rows.append(_row(COUPONS, ALL_CAMPAIGNS, int(totals["n_targeted"]), totals["retailer"], totals["manufacturer"]))
    frame = pd.DataFrame(rows).assign(margin=settings.margin)
    in_use = next(one for one in scenarios(settings, rows[-1]["retailer_cost"]) if one.used)
    fixed = {
        "source": FIXED,
        "campaign": ALL_CAMPAIGNS,
        "n_targeted": int(totals["n_targeted"]),
        "contact_cost": in_use.contact_cost,
        "margin": in_use.margin,
    }
    frame = pd.concat([pd.DataFrame([fixed]), frame], ignore_index=True)
    frame["break_even_effect"] = frame["contact_cost"] / frame["margin"]
    frame["used"] = frame["source"] == FIXED
    return frame[COLUMNS]


def _row(source: str, campaign: str, n_targeted: int, retailer: float, manufacturer: float) -> dict[str, Any]:
    return {
        "source": source,
        "campaign": campaign,
        "n_targeted": int(n_targeted),
        "retailer_cost": retailer / n_targeted,
        "manufacturer_cost": manufacturer / n_targeted,
        "contact_cost": np.nan,
    }


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


def used_economics(economics: pd.DataFrame) -> Economics:
    """The cost and margin that decisions use."""
    row = economics.loc[economics["used"]].iloc[0]
    return Economics(float(row["contact_cost"]), float(row["margin"]))


def study_scenarios(economics: pd.DataFrame, settings: EconomicsSettings) -> tuple[Scenario, ...]:
    """The cost scenarios of a study: those of the settings, and what coupons cost by the table `campaign_economics`."""
    coupons = economics.loc[(economics["source"] == COUPONS) & (economics["campaign"].astype(str) == ALL_CAMPAIGNS)]
    return scenarios(settings, float(coupons["retailer_cost"].iloc[0]))


def scenario_in_use(economics: pd.DataFrame, settings: EconomicsSettings) -> Scenario:
    """The scenario that the list follows."""
    return next(scenario for scenario in study_scenarios(economics, settings) if scenario.used)
