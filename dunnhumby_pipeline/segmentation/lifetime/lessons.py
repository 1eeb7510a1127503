"""What one stretch of the data teaches for the next: weights of the stack, and how far each forecast was off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from dunnhumby_pipeline.segmentation.lifetime.candidates import CANDIDATES, Candidates, History
from dunnhumby_pipeline.segmentation.lifetime.intervals import Intervals, fit_intervals
from dunnhumby_pipeline.segmentation.lifetime.stack import Loss, fit_stack, weighed
from dunnhumby_pipeline.segmentation.lifetime.value import Vector
from dunnhumby_pipeline.settings import LifetimeValueSettings

# Weighed for the mean, which lifetime value is; and for the median, to be compared.
STACKS: Final[Mapping[str, Loss]] = {"stacked": "squared", "stacked_absolute": "absolute"}
FORECASTS: Final = (*CANDIDATES, *STACKS)


@dataclass(frozen=True)
class Outcome:
    """What households of a history did in the `weeks` after it: spend, gross profit ($) and trips, each (n,)."""

    weeks: float
    spend: Vector
    gross_profit: Vector
    trips: Vector


@dataclass(frozen=True, eq=False)
class Lesson:
    """Weights by stack and forecast, and intervals by forecast, of spend and of gross profit."""

    weights: Mapping[str, Mapping[str, float]]
    spend: Mapping[str, Intervals]
    gross_profit: Mapping[str, Intervals]

    def forecasts(self, candidates: Candidates, history: History, weeks: float) -> dict[str, Vector]:
        """$ in the next `weeks`, by each of FORECASTS."""
        parts = candidates.spend(history, weeks)
        return parts | {name: weighed(parts, weights) for name, weights in self.weights.items()}


def learn(
    candidates: Candidates, history: History, outcome: Outcome, settings: LifetimeValueSettings, confidence: float
) -> Lesson:
    """From forecasts of `candidates`, fitted to `history`, and the `outcome` after it.

    Weights are those of all households. Intervals of a stack are from forecasts whose weights are of the other half of
    the households, so that no household's outcome is in its own forecast.
    """
    parts = candidates.spend(history, outcome.weeks)
    stacked = {name: parts[name] for name in candidates.stacked}
    weights = {name: fit_stack(stacked, outcome.spend, loss) for name, loss in STACKS.items()}
    apart = parts | {name: _of_the_other_half(stacked, outcome.spend, loss) for name, loss in STACKS.items()}
    rates = candidates.profit_rates(history)

    def intervals(forecast: Vector, actual: Vector, *, signed: bool) -> Intervals:
        return fit_intervals(forecast, actual, settings.n_bins, confidence, signed=signed)

    return Lesson(
        weights=weights,
        spend={name: intervals(each, outcome.spend, signed=False) for name, each in apart.items()},
        gross_profit={name: intervals(each * rates, outcome.gross_profit, signed=True) for name, each in apart.items()},
    )


def _of_the_other_half(parts: Mapping[str, Vector], actual: Vector, loss: Loss) -> Vector:
    forecast = np.empty(len(actual))
    odd = np.arange(len(actual)) % 2 == 1
    for half in (odd, ~odd):
        weights = fit_stack({name: part[~half] for name, part in parts.items()}, actual[~half], loss)
        forecast[half] = weighed({name: part[half] for name, part in parts.items()}, weights)
    return forecast
