"""What all households of the simulated retailer share: its plan, products and calendar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.contracts.schema import week_of_day
from dunnhumby_pipeline.simulate.catalogue import Catalogue, build_catalogue
from dunnhumby_pipeline.simulate.plan import Campaign, Ints, RetailerPlan, plan_campaigns, stream


@dataclass(frozen=True)
class Retailer:
    """What all households share. `week` [n_days + 1] is the week of each day."""

    plan: RetailerPlan
    catalogue: Catalogue
    campaigns: tuple[Campaign, ...]
    week: Ints

    @classmethod
    def open(cls, plan: RetailerPlan) -> Retailer:
        week = np.array([week_of_day(day) for day in range(plan.n_days + 1)])
        return cls(plan, build_catalogue(plan, stream(plan, 0)), plan_campaigns(plan, stream(plan, 1)), week)

    def store_id(self, store: Ints) -> Ints:
        return 286 + 7 * store

    @property
    def type_a(self) -> tuple[Campaign, ...]:
        return tuple(campaign for campaign in self.campaigns if campaign.type == "TypeA")
