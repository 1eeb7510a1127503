"""What a policy is: fitted to evidence, it says which share of households like these it targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.settings import PolicySettings

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence

Array = NDArray[np.float64]


class FittedPolicy(Protocol):
    """A policy that has seen its evidence."""

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        """Share (n,) of each of n households that is targeted, 0 to 1, given their (n, p) covariates, their labels
        (lookback_segment, lookback_need, campaign; where trials are valued, treated too), and the effect on gross
        profit ($) estimated for them with its standard error ($, or null). Between 0 and 1 it is a draw among equals.
        """


class Policy(Protocol):
    """A rule for whom to target. `name` stands in the tables; `words.terms` words it."""

    @property
    def name(self) -> str: ...

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[Policy]:
        """The policies of this kind that the settings ask for."""

    def fit(self, evidence: Evidence, economics: Economics) -> FittedPolicy:
        """Learn from trials other than those it will be judged on."""


class Rule(ABC):
    """A policy with nothing to learn and nothing to set, of which there is one."""

    name: ClassVar[str]

    @classmethod
    def from_settings(cls, settings: PolicySettings) -> Iterable[Policy]:
        return (cls(),)

    @abstractmethod
    def fit(self, evidence: Evidence, economics: Economics) -> FittedPolicy: ...
