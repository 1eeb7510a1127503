"""The economics in force: what a contact costs in every scenario, which of them is in use, and what follows from it.

One table holds them (`economics`, a row per cost scenario), and whatever a cost decides reads them from there and not
from the settings: a run may say them in place of the settings, and no two tables may rest on different costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.settings import EconomicsSettings, PolicySettings
from dunnhumby_pipeline.targeting.scenarios import Scenario, scenarios


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


@dataclass(frozen=True)
class InForce:
    """The economics that decisions are made by: the cost scenarios, the margin by which gross profit was measured, the
    campaigns over which what a test teaches is used, and what a test costs beside its contacts ($). `said`: what the
    run said in place of the settings, in words, empty when nothing.
    """

    scenarios: tuple[Scenario, ...]
    measured_margin: float
    campaigns_to_come: int
    test_cost: float
    said: str = ""

    @property
    def used(self) -> Scenario:
        """The scenario that the list follows."""
        return next(scenario for scenario in self.scenarios if scenario.used)

    @property
    def price(self) -> Economics:
        """The cost and margin that decisions use."""
        return Economics(self.used.contact_cost, self.used.margin)


def economics_of(settings: EconomicsSettings, as_redeemed: float, said: str = "") -> InForce:
    """The economics that settings say. `as_redeemed`: what redeemed coupons cost the retailer, $ per targeted
    household.
    """
    return InForce(
        scenarios(settings, as_redeemed), settings.margin, settings.campaigns_to_come, settings.test_cost, said
    )


def economics_table(terms: InForce, policy: PolicySettings) -> pd.DataFrame:
    """One row per cost scenario. What holds for all of them (measured_margin, campaigns_to_come, test_cost, budget,
    policy, said) is the same in every row.
    """
    return pd.DataFrame(
        [
            {
                "scenario": one.name,
                "used": one.used,
                "contact_cost_low": one.low,
                "contact_cost": one.contact_cost,
                "contact_cost_high": one.high,
                "funded_share": one.funded_share,
                "one_off_cost": one.one_off_cost,
                "margin": one.margin,
                "stands_for_coupons": one.stands_for_coupons,
                "of_gross_profit": one.of_gross_profit,
                "of_sales": one.of_sales,
                "break_even_effect": one.break_even_effect(),
                "measured_margin": terms.measured_margin,
                "campaigns_to_come": terms.campaigns_to_come,
                "test_cost": terms.test_cost,
                "budget": np.nan if policy.budget is None else policy.budget,
                "policy": policy.chosen,
                "said": terms.said or None,
            }
            for one in terms.scenarios
        ]
    )


def policy_in_force(settings: PolicySettings, economics: pd.DataFrame) -> PolicySettings:
    """The settings of policies with the budget and the policy that the table `economics` holds."""
    first = economics.iloc[0]
    budget = None if pd.isna(first["budget"]) else float(first["budget"])
    return settings.model_copy(update={"budget": budget, "chosen": str(first["policy"])})


def in_force(economics: pd.DataFrame) -> InForce:
    """The economics that the table `economics` holds."""
    known = tuple(
        Scenario(
            name=str(row["scenario"]),
            low=float(row["contact_cost_low"]),
            contact_cost=float(row["contact_cost"]),
            high=float(row["contact_cost_high"]),
            margin=float(row["margin"]),
            funded_share=float(row["funded_share"]),
            one_off_cost=float(row["one_off_cost"]),
            stands_for_coupons=bool(row["stands_for_coupons"]),
            of_gross_profit=float(row["of_gross_profit"]),
            of_sales=float(row["of_sales"]),
            used=bool(row["used"]),
        )
        for _, row in economics.iterrows()
    )
    first = economics.iloc[0]
    said = first["said"] if isinstance(first["said"], str) else ""
    return InForce(
        known, float(first["measured_margin"]), int(first["campaigns_to_come"]), float(first["test_cost"]), said
    )
