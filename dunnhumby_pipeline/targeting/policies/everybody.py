"""Target everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import TREAT_ALL
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


class Everybody(Rule):
    """Targets all households: what a choice among them must beat."""

    name = TREAT_ALL

    def fit(self, evidence: Evidence, economics: Economics) -> Everybody:
        return self

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return np.ones(len(effect))
