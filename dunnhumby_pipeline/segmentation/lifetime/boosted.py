"""Boosted trees that correct smoothed spend, trained on earlier windows of the same households only (walk-forward).

At each earlier week the features are what was known by then, and the target is what was spent in the weeks after, up to
half of the history, less the smoothed level: trees start from the level and add what recency, rhythm and trend say
beyond it. No window reaches past the history, so that what is to be forecast is never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.segmentation.lifetime.smoothing import AHEAD, Smoothing
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError, Vector
from dunnhumby_pipeline.segmentation.lifetime.weeks import Weeks

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

# Weights of (1 - alpha)^k: over about 33, 16, 8 and 3 weeks.
_FADES: Final = (0.03, 0.06, 0.12, 0.30)
_RECENT: Final = (1, 2, 4)
# Of a mean that hardly depends on more than the level, few and small trees of many households each.
_TREES: Final = {"max_iter": 60, "learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 200}
_STEP, _MOST_ROWS = 2, 100_000
# Ratios of $ to the mean are taken to here, so that no last digit of a currency decides a split.
_DIGITS = 9


@dataclass(frozen=True, eq=False)
class Boosted:
    """Trees on top of `smoothing`; `n_rows` households at earlier weeks, of `n_origins` weeks, that they learned from.

    None where the history is too short for a window before it: then the forecast is the smoothed level.
    """

    smoothing: Smoothing
    model: HistGradientBoostingRegressor | None
    n_rows: int
    n_origins: int

    def rate(self, weeks: Weeks) -> Vector:
        """Expected spend per week of each household, $, 0 or more."""
        level, unit = self.smoothing.level(weeks), weeks.mean
        if self.model is None or unit <= 0:
            return level
        with one_thread():
            added = self.model.predict(_features(weeks, weeks.n_weeks, level, unit))
        return np.maximum(level + unit * added, 0.0)


def fit_boosted(weeks: Weeks, smoothing: Smoothing) -> Boosted:
    """Trees on all windows within `weeks` whose features come before what they are to foretell.

    Raises LifetimeValueError when nobody spent anything.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    if weeks.mean <= 0:
        raise LifetimeValueError("boosted trees: no household spent anything in the history")
    origins = training_origins(weeks.n_weeks)
    some = weeks.rows(slice(None, None, max(1, -(-len(weeks.spend) * len(origins) // _MOST_ROWS))))
    known, gained = [], []
    for origin, ahead in origins:
        seen = some.first < origin
        if not seen.any():
            continue
        before = Weeks(some.spend[seen, :origin], some.trips[seen, :origin], some.first[seen])
        if before.mean <= 0:
            continue
        level = smoothing.level(before)
        known.append(_features(before, origin, level, weeks.mean))
        after = some.spend[seen, origin : origin + ahead].mean(axis=1)
        gained.append(np.round((after - level) / weeks.mean, _DIGITS))
    if not known:
        return Boosted(smoothing, None, 0, 0)
    features, target = np.concatenate(known), np.concatenate(gained)
    with one_thread():
        model = HistGradientBoostingRegressor(early_stopping=False, random_state=0, **_TREES).fit(features, target)
    return Boosted(smoothing, model, len(target), len(known))


def training_origins(n_weeks: int) -> list[tuple[int, int]]:
    """(week, weeks ahead) of the windows within `n_weeks`: at least a quarter of the weeks before, at most half after,
    and four where there are as many, every other week."""
    least = max(1, min(AHEAD, n_weeks // 2))
    latest, earliest = n_weeks - least, max(1, n_weeks // 4)
    return [(week, min(n_weeks - week, max(n_weeks // 2, 1))) for week in range(latest, earliest - 1, -_STEP)]


def _features(weeks: Weeks, origin: int, level: Vector, unit: float) -> npt.NDArray[np.float64]:
    """What is known of each household after `origin` weeks, $ over `unit`: (n, features)."""
    spend, trips = weeks.spend / unit, weeks.trips
    ago = np.arange(origin)[::-1]
    columns = [level / unit]
    for fade in _FADES:
        weights = (1 - fade) ** ago
        weights = weights / weights.sum()
        columns += [spend @ weights, trips @ weights]
    weights = (1 - _FADES[1]) ** ago
    weights = weights / weights.sum()
    mean, often = spend @ weights, trips @ weights
    columns += [spend[:, -n:].mean(axis=1) for n in _RECENT] + [trips[:, -n:].mean(axis=1) for n in _RECENT]
    bought = trips > 0
    silent = np.where(bought.any(axis=1), bought[:, ::-1].argmax(axis=1), origin).astype(float)
    columns += [
        np.sqrt(np.maximum((spend**2) @ weights - mean**2, 0.0)),
        bought @ weights,
        silent,
        # Silence in trips that would have come at the household's own rate.
        silent * often,
        (origin - weeks.first).astype(float),
        np.divide(mean, often, out=np.zeros_like(mean), where=often > 0),
    ]
    table: Vector = np.column_stack(columns).astype(np.float64)
    return np.round(table, _DIGITS)
