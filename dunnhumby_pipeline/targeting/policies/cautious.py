"""Target whom a contact pays for even when the effect is less than estimated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.settings import CONSERVATIVE, PolicySettings, risk_adjusted_policy
from dunnhumby_pipeline.targeting.policies.base import Array

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


# Half-width of the interval, 95 %, in standard errors.
_HALF_WIDTH = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Discounted:
    """Targets households for whom (1 - `aversion`) x effect + `aversion` x lower bound of its 95 % interval exceeds
    `threshold` ($); none of those without an interval.
    """

    aversion: float
    threshold: float

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return (effect - self.aversion * _HALF_WIDTH * standard_error > self.threshold).astype(float)


@dataclass(frozen=True)
class RiskAdjusted:
    """Weighs the lower bound by `aversion`, 0 to 1."""

    aversion: float

    @property
    def name(self) -> str:
        return risk_adjusted_policy(self.aversion)

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[RiskAdjusted]:
        return [cls(aversion) for aversion in settings.risk_aversion]

    def fit(self, evidence: Evidence, economics: Economics) -> Discounted:
        return Discounted(self.aversion, economics.contact_cost)


class Conservative(RiskAdjusted):
    """Goes by the lower bound alone."""

    @property
    def name(self) -> str:
        return CONSERVATIVE

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[Conservative]:
        return [cls(1.0)]
