"""Cost scenarios: how an effect on gross profit and on sales becomes the profit of contacting a household.

Gross profit of a trial is margin x sales - (1 - margin) x match, the retailer's part of its coupons (sales are net of
it). Measured at one margin m0 it is known at every other uniform margin m, since it is linear in m and equals sales at
m = 1:

    profit at m = (1 - m) / (1 - m0) x profit at m0 + (m - m0) / (1 - m0) x sales.

So the same holds of AIPW scores and of effects, and no scenario fits anything again. Where the contact cost is what
coupons cost, the match is not taken off again: profit = m x sales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.settings.economics import AS_REDEEMED, CostScenario, EconomicsSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """A scenario as it is counted: contact costs to the retailer ($ per targeted household: lowest, likely, highest)
    after the share that manufacturers pay, one-off cost ($), and what an effect on gross profit (as measured) and on
    sales count for in profit.
    """

    name: str
    low: float
    contact_cost: float
    high: float
    margin: float
    funded_share: float
    one_off_cost: float
    stands_for_coupons: bool
    of_gross_profit: float
    of_sales: float
    used: bool

    def profit(self, gross_profit: Array, sales: Array) -> Array:
        """Profit before the contact ($), given effects on gross profit and on sales, or scores of them (n,)."""
        return self.of_gross_profit * gross_profit + self.of_sales * sales

    def break_even_effect(self) -> float:
        """Effect on spend ($) whose margin pays one contact, where no coupon is redeemed: contact cost / margin."""
        return self.contact_cost / self.margin


def scenarios(settings: EconomicsSettings, as_redeemed: float) -> tuple[Scenario, ...]:
    """The scenarios of the settings, the reference study's, and coupons as redeemed, and which is in use.

    `as_redeemed`: what redeemed coupons cost the retailer, $ per targeted household. A contact cost in
    the settings takes the place of what the scenario in use says.
    """
    redeemed = CostScenario(name=AS_REDEEMED, contact_cost=as_redeemed, stands_for_coupons=True)
    return tuple(_counted(scenario, settings) for scenario in (*settings.all_scenarios, redeemed))


def _counted(scenario: CostScenario, settings: EconomicsSettings) -> Scenario:
    used = scenario.name == settings.scenario
    costs = scenario.costs
    if used and settings.contact_cost is not None:
        costs = (settings.contact_cost,) * 3
    one_off = scenario.one_off_cost
    if used and settings.one_off_cost is not None:
        one_off = settings.one_off_cost
    low, likely, high = (cost * (1 - scenario.funded_share) for cost in costs)
    measured = settings.margin
    margin = measured if scenario.margin is None else scenario.margin
    if scenario.stands_for_coupons:
        of_gross_profit, of_sales = 0.0, margin
    else:
        of_gross_profit, of_sales = (1 - margin) / (1 - measured), (margin - measured) / (1 - measured)
    return Scenario(
        scenario.name,
        low,
        likely,
        high,
        margin,
        scenario.funded_share,
        one_off,
        scenario.stands_for_coupons,
        of_gross_profit,
        of_sales,
        used,
    )
