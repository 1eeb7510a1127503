"""Target the largest effects that pay, as many as money or capacity allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import BUDGET, CAPACITY, PolicySettings, SettingsError
from dunnhumby_pipeline.targeting.policies.base import Array
from dunnhumby_pipeline.targeting.policies.top_share import largest

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


# Products of shares and sizes that are whole numbers but for rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Limited:
    """Targets the largest effects ($) above `threshold`, at most the `share` of the households given."""

    share: float
    threshold: float

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        pays = effect > self.threshold
        weights = np.zeros(len(effect))
        weights[pays] = largest(effect[pays], min(int(self.share * len(effect) + _ROUNDING), int(pays.sum())))
        return weights


@dataclass(frozen=True)
class WithinBudget:
    """What $ `budget` per campaign pays for, of the households that the next campaign can choose among."""

    budget: float
    name: str = BUDGET

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[WithinBudget]:
        return [] if settings.budget is None else [cls(settings.budget)]

    def fit(self, evidence: Evidence, economics: Economics) -> Limited:
        """Raises SettingsError when the budget pays for no contact."""
        if self.budget < economics.contact_cost:
            raise SettingsError(
                f"policy.budget is ${self.budget:,.2f}, less than one contact, which costs "
                f"${economics.contact_cost:,.2f}; expected at least that, or no budget"
            )
        whole = economics.contact_cost * evidence.n_listed
        return Limited(1.0 if whole <= self.budget else self.budget / whole, economics.contact_cost)


@dataclass(frozen=True)
class WithinCapacity:
    """At most `capacity` households per campaign, of those that the next campaign can choose among."""

    capacity: int
    name: str = CAPACITY

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[WithinCapacity]:
        return [] if settings.capacity is None else [cls(settings.capacity)]

    def fit(self, evidence: Evidence, economics: Economics) -> Limited:
        """Raises SettingsError when there are fewer households than the capacity."""
        if self.capacity > evidence.n_listed:
            raise SettingsError(
                f"policy.capacity is {self.capacity:,}, and the next campaign can choose among "
                f"{evidence.n_listed:,} households; expected at most that, or no capacity"
            )
        return Limited(self.capacity / evidence.n_listed, economics.contact_cost)
