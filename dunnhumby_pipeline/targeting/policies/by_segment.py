"""Target whole look-back segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.settings import BY_SEGMENT
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


SEGMENT = "lookback_segment"


@dataclass(frozen=True)
class Segments:
    """Targets all households of the segments `paying`, and none of a segment that was not seen."""

    paying: tuple[str, ...]

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return labels[SEGMENT].isin(self.paying).to_numpy(dtype=float)


class BySegment(Rule):
    """Targets the look-back segments whose mean AIPW score pays a contact: no model of the effect is asked."""

    name = BY_SEGMENT

    def fit(self, evidence: Evidence, economics: Economics) -> Segments:
        profit = pd.Series(economics.profit(evidence.scores)).groupby(evidence.labels[SEGMENT].to_numpy()).mean()
        return Segments(tuple(profit.index[profit > 0]))
