"""Target whole look-back segments, or whole needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from dunnhumby_pipeline.settings import BY_NEED, BY_SEGMENT
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


SEGMENT, NEED = "lookback_segment", "lookback_need"


@dataclass(frozen=True)
class Labelled:
    """Targets all households whose `label` is among those `paying`, and none of a label that was not seen."""

    label: str
    paying: tuple[str, ...]

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return labels[self.label].isin(self.paying).to_numpy(dtype=float)


class BySegment(Rule):
    """Targets the look-back segments whose mean AIPW score pays a contact: no model of the effect is asked."""

    name = BY_SEGMENT
    label: ClassVar[str] = SEGMENT

    def fit(self, evidence: Evidence, economics: Economics) -> Labelled:
        profit = pd.Series(economics.profit(evidence.scores)).groupby(evidence.labels[self.label].to_numpy()).mean()
        return Labelled(self.label, tuple(profit.index[profit > 0]))


class ByNeed(BySegment):
    """Targets the needs of the look-back whose mean AIPW score pays a contact; households without one are a need."""

    name = BY_NEED
    label = NEED
