"""Target whom a contact pays for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.settings import ABOVE_BREAK_EVEN
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


@dataclass(frozen=True)
class AboveThreshold:
    """Targets households whose effect exceeds `threshold` ($)."""

    threshold: float

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return (effect > self.threshold).astype(float)


class AboveBreakEven(Rule):
    """Targets households whose effect on gross profit exceeds the cost of a contact."""

    name = ABOVE_BREAK_EVEN

    def fit(self, evidence: Evidence, economics: Economics) -> AboveThreshold:
        return AboveThreshold(economics.contact_cost)
