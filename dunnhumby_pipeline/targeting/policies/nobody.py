"""Target nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import TREAT_NONE
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


class Nobody(Rule):
    """Targets none of the households: what every policy's value is measured against."""

    name = TREAT_NONE

    def fit(self, evidence: Evidence, economics: Economics) -> Nobody:
        return self

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return np.zeros(len(effect))
