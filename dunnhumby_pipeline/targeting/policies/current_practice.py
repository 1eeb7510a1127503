"""What was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.settings import CURRENT_PRACTICE
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


class CurrentPractice(Rule):
    """Targets whom the campaign targeted: what has to be beaten. It says nothing of the next campaign."""

    name = CURRENT_PRACTICE

    def fit(self, evidence: Evidence, economics: Economics) -> CurrentPractice:
        return self

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return labels["treated"].to_numpy(dtype=float)
