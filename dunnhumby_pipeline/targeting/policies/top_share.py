"""Target the households with the largest effects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import PolicySettings, top_policy
from dunnhumby_pipeline.targeting.policies.base import Array

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


def largest(effect: Array, n_targeted: int) -> Array:
    """Weights (n,) that target the `n_targeted` largest of the effects (n,); those equal at the edge share what is
    left.
    """
    if n_targeted == 0:
        return np.zeros(len(effect))
    edge = np.sort(effect)[-n_targeted]
    above, tied = effect > edge, effect == edge
    return np.where(above, 1.0, np.where(tied, (n_targeted - above.sum()) / tied.sum(), 0.0))


@dataclass(frozen=True)
class TopShare:
    """Targets the `share` of the households given with the largest effects; equal effects at its edge share what
    is left of it.
    """

    share: float

    @property
    def name(self) -> str:
        return top_policy(self.share)

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[TopShare]:
        return [cls(share) for share in settings.top_shares]

    def fit(self, evidence: Evidence, economics: Economics) -> TopShare:
        return self

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return largest(effect, round(self.share * len(effect)))
