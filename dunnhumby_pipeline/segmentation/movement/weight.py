"""The weight of smoothing: how much of what a household is taken for comes from its latest period, by forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.movement.borders import Borders
from dunnhumby_pipeline.segmentation.movement.prediction import explained
from dunnhumby_pipeline.segmentation.movement.smoothing import Smoothed, smooth, weight_of
from dunnhumby_pipeline.segmentation.movement.trails import Array, Trails
from dunnhumby_pipeline.settings import MigrationSettings

# Of `MONTH` days. 1 is no smoothing at all.
WEIGHTS = (0.1, 0.15, 0.2, 0.25, 0.33, 0.4, 0.5, 0.7, 1.0)
R2_OF = {"r2_spend": "log spend", "r2_basket": "basket", "r2_discount": "discount use"}


@dataclass(frozen=True)
class Choice:
    """The weight of `MONTH` days that is used, and the table `smoothing_weights`."""

    weight: float
    table: pd.DataFrame


def choose_weight(
    trail: Trails, overlap: Array, borders: Borders, pairs: list[tuple[int, int]], settings: MigrationSettings
) -> Choice:
    """The weight of which smoothed scores forecast those of a period that shares no day best, among `WEIGHTS`.

    `pairs`: of such periods. smoothing_weights: weight, forecast_error (mean squared error of factor scores),
    share_staying (in the segment nearest to the smoothed scores), r2_spend, r2_basket, r2_discount (of those segments,
    in the later period), chosen, reason. Of equal errors, the larger weight. Without pairs nothing can be measured,
    and the latest period stands alone.
    """
    asked = settings.smoothing_weight
    tried = sorted({*WEIGHTS, *([] if asked is None else [asked])})
    rows = [_scored(trail, overlap, borders, pairs, weight, settings.step_days) for weight in tried]
    table = pd.DataFrame(rows)
    if asked is not None:
        weight, reason = asked, f"migration.smoothing_weight is {asked:g}"
    elif table["forecast_error"].isna().all():
        weight, reason = 1.0, "no two periods that share no day to forecast between: the latest stands alone"
    else:
        best = table["forecast_error"].min()
        weight = float(table.loc[table["forecast_error"] <= best, "weight"].max())
        reason = "forecasts the factor scores of the next period that shares no day best"
    table["chosen"] = table["weight"] == weight
    table["reason"] = np.where(table["chosen"], reason, "")
    return Choice(weight, table.astype({"reason": "str"}))


def _scored(
    trail: Trails, overlap: Array, borders: Borders, pairs: list[tuple[int, int]], weight: float, step_days: int
) -> dict[str, float]:
    smoothed = smooth(trail.scores, borders.levels(trail.baskets), overlap, weight_of(weight, step_days), borders, 0.0)
    found: dict[str, list[float]] = {name: [] for name in ("forecast_error", "share_staying", *R2_OF)}
    for before, after in pairs:
        both = trail.seen[before] & trail.seen[after]
        if not both.any():
            continue
        found["forecast_error"].append(float(((smoothed.scores[before] - trail.scores[after])[both] ** 2).mean()))
        found["share_staying"].append(stays(smoothed, both, before, after))
        for name, outcome in R2_OF.items():
            known = both & np.isfinite(trail.outcomes[outcome][after])
            codes, values = smoothed.segments[before, known], trail.outcomes[outcome][after, known]
            found[name].append(float(explained(codes, values, np.ones((1, len(codes))))[0]))
    return {"weight": weight} | {
        name: float(np.mean(values)) if values else float("nan") for name, values in found.items()
    }


def stays(smoothed: Smoothed, both: np.ndarray, before: int, after: int) -> float:
    """Share of the households `both` (n,) that are in the same smoothed segment in two periods; NaN of none."""
    same = smoothed.segments[before, both] == smoothed.segments[after, both]
    return float(same.mean()) if both.any() else float("nan")
