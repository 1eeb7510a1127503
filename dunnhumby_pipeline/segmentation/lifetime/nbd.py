"""The NBD: trips of households that differ in how often they come, and of whom nobody leaves.

Gamma(r, alpha) rates of Poisson trips (Ehrenberg 1959, The Pattern of Consumer Purchases, Applied Statistics 8). Where
weeks count from the first day of the data, all trips count, and households are those with at least one: the NBD without
its zeros. Where they count from a household's first trip, that trip is what made it a household and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.segmentation.lifetime.likelihoods import BOUND, PoissonTrips, minimised
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError, Vector

_STARTS = ((0.0, 0.0), (-2.0, 1.0), (1.0, -2.0))


@dataclass(frozen=True)
class Nbd:
    """Gamma(r, alpha) trip rates per week; `log_likelihood` of the fit."""

    r: float
    alpha: float
    log_likelihood: float

    def expected_trips(self, trips: Vector, weeks: Vector, horizon: float) -> Vector:
        """Trips in the next `horizon` weeks of who came `trips` times in `weeks`: (r + trips) / (alpha + weeks)."""
        return horizon * (self.r + trips) / (self.alpha + weeks)


def fit_nbd(trips: Vector, weeks: Vector, *, without_zeros: bool) -> Nbd:
    """Fit on the trips of each household in its `weeks` of time, above 0.

    Raises LifetimeValueError when a history cannot be, or the fit does not converge.
    """
    least = 1 if without_zeros else 0
    possible = (trips >= least) & (weeks > 0) & np.isfinite(weeks)
    if not possible.all():
        row = int(np.argmin(possible))
        raise LifetimeValueError(
            f"NBD: {int((~possible).sum())} histories cannot be; expected {least} or more trips in a time above 0; the "
            f"first has {trips[row]:g} trips in {weeks[row]:g} weeks"
        )
    histories = PoissonTrips(trips.astype(np.int64), weeks, without_zeros)
    rate = max(float(trips.sum() / weeks.sum()), 1e-6)
    starts = tuple((np.log(rate) + shift, spread) for shift, spread in _STARTS)
    found = minimised(histories.negative, starts, ((-BOUND, BOUND),) * 2)
    if found is None:
        raise LifetimeValueError("NBD: the likelihood has no maximum that the search can find")
    (log_rate, log_spread), least_value = found
    r = float(np.exp(-log_spread))
    return Nbd(r, r / float(np.exp(log_rate)), -least_value * len(trips))
