"""What to simulate: the plan of a retailer, its random streams, and the calendar of its campaigns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LOOK_BACK_DAYS = 182
FOLLOW_UP_DAYS = 28
FIRST_CAMPAIGN_DAY = 224
CAMPAIGN_SPACING = 92
CAMPAIGN_LENGTHS = (41, 47, 49, 48, 46)


# Standard deviation of TypeA propensity logits: how much decides who is contacted, and so how little the arms overlap.
OVERLAPS = {"good": 0.4, "fair": 0.75, "poor": 2.0}
# By how much the hidden trait moves the log of trips while a TypeA campaign counts, per unit of the plan's confounder.
CONFOUNDED_TRIPS = 0.5


class PlanError(ValueError):
    """A plan that no retailer can have. The message names the setting, what was found and what is expected."""


class RetailerPlan(BaseModel):
    """What to simulate. Immutable; a ValidationError names the setting, its bound and what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_households: int = Field(default=2500, ge=1, le=50_000_000, description="households")
    n_days: int = Field(default=711, ge=300, le=1100, description="days; TypeA campaigns fill them")
    seed: int = Field(default=20261122, ge=0, description="the same plan gives the same bytes")
    n_products: int = Field(default=4000, ge=400, le=50_000, description="products")
    n_stores: int = Field(default=40, ge=2, le=1000, description="stores")
    trips_per_week: float = Field(default=1.2, ge=0.05, le=3, description="trips of an average household")
    lines_per_basket: float = Field(default=9.0, ge=1.5, le=20, description="mean draws in a basket")
    target_share: float = Field(default=0.28, gt=0.01, lt=0.9, description="share TypeA targets")
    targeting_strength: float = Field(default=0.75, ge=0, le=3, description="sd of TypeA propensity logits")
    effect_mean: float = Field(default=60.0, ge=-1000, le=1000, description="$ in the outcome window")
    effect_sd: float = Field(default=40.0, ge=0, le=1000, description="$; spread of the effect over trials")
    n_type_b: int = Field(default=6, ge=0, le=40, description="TypeB campaigns, without effect")
    n_type_c: int = Field(default=3, ge=0, le=20, description="TypeC campaigns, without effect")
    demographics_share: float = Field(default=0.30, ge=0, le=1, description="share of known households")
    confounder: float = Field(
        default=0.0,
        ge=-2,
        le=2,
        description="log odds of a TypeA contact per sd of a hidden trait that moves spend too; below 0: the other way",
    )
    needs: float = Field(
        default=0.0, ge=0, le=50, description="times as much as others that a household buys of what it comes for"
    )


def stream(plan: RetailerPlan, *key: int) -> np.random.Generator:
    """The random stream of one purpose (and chunk): the same whatever else was drawn."""
    return np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=key))


@dataclass(frozen=True)
class Campaign:
    """One campaign: its days are inclusive. `type` is TypeA, TypeB or TypeC."""

    campaign: int
    type: str
    start: int
    end: int

    @property
    def outcome_end(self) -> int:
        return self.end + FOLLOW_UP_DAYS


def plan_campaigns(plan: RetailerPlan, rng: np.random.Generator) -> tuple[Campaign, ...]:
    """The calendar, ordered by start day; TypeA outcome windows `[start, end + 28]` never overlap."""
    starts = range(FIRST_CAMPAIGN_DAY, plan.n_days, CAMPAIGN_SPACING)
    spans = [("TypeA", s, s + CAMPAIGN_LENGTHS[i % len(CAMPAIGN_LENGTHS)] - 1) for i, s in enumerate(starts)]
    spans = [span for span in spans if span[2] + FOLLOW_UP_DAYS <= plan.n_days]
    for kind, count, length in (("TypeB", plan.n_type_b, 33), ("TypeC", plan.n_type_c, 54)):
        days = np.linspace(100, plan.n_days - length - 14, count).astype(int)
        spans += [(kind, int(day), int(day) + length - 1) for day in days]
    ids = rng.permutation(len(spans)) + 1
    campaigns = (Campaign(int(i), *span) for i, span in zip(ids, spans, strict=True))
    return tuple(sorted(campaigns, key=lambda campaign: (campaign.start, campaign.campaign)))
