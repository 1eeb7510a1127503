"""How well falls are foreseen: each quarter is forecast from those that were over before it began.

Which candidate is in use for a quarter, whether it is calibrated and by which line, come from still earlier quarters
that were forecast in the same way: nothing that a row of the result rests on was known later than the day it speaks
for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.segmentation.risk.forecasts import (
    CANDIDATES,
    NAIVE,
    Array,
    Flags,
    Forecast,
    Line,
    calibration_errors,
    fit,
    fit_line,
    log_loss,
)
from dunnhumby_pipeline.segmentation.risk.quarters import Quarters
from dunnhumby_pipeline.segmentation.risk.resampling import Counts, auc, household_weights, interval
from dunnhumby_pipeline.settings.risk import RiskSettings


@dataclass(frozen=True)
class Learned:
    """What households of value (n rows) are learned from: their ends, keys, signs, sales, and who fell afterwards.

    `fell` means nothing where `next_sales` is NaN: the next quarter is not over.
    """

    ends: pd.Series
    households: pd.Series
    signs: pd.DataFrame
    sales: pd.Series
    next_sales: pd.Series
    fell: Flags

    def rows(self, end: int) -> Flags:
        return (self.ends == end).to_numpy()

    def known_by(self, end: int, quarters: Quarters) -> Flags:
        """Rows whose next quarter is over at `end`."""
        return (self.ends + quarters.days <= end).to_numpy()


@dataclass(frozen=True)
class Fold:
    """A quarter that was forecast: its end, what its forecasts learned from, and the chances (n,) of each of them.

    `calibrated`: those of each candidate as earlier quarters ask for them. `chosen`: the candidate in use, `is_moved`:
    whether calibrated; `share_lost`: what a household that falls loses, as a share of its sales. `reason`: why nothing
    was forecast, then the rest is empty.
    """

    end: int
    n_quarters: int
    chances: Mapping[str, Array]
    calibrated: Mapping[str, Array]
    chosen: str = ""
    is_moved: bool = False
    share_lost: float = float("nan")
    reason: str | None = None


def why_not(fell: Flags, households: pd.Series, least: int) -> str | None:
    """Why nothing can be learned from whether `households` (n,) `fell` (n,); None when it can.

    A household that falls time and again is one household.
    """
    n_fell, n_not = households[fell].nunique(), households[~fell].nunique()
    if min(n_fell, n_not) >= least:
        return None
    return (
        f"in the quarters to learn from {n_fell} of {households.nunique()} households of value fell and {n_not} did "
        f"not; risk.min_falls asks for {least} of either"
    )


def walk(learned: Learned, quarters: Quarters, settings: RiskSettings, seed: int) -> tuple[Fold, ...]:
    """Every quarter that can be forecast from earlier ones, in order."""
    folds: list[Fold] = []
    for end in quarters.ends:
        train = learned.known_by(end, quarters)
        if train.any() and end + quarters.days <= quarters.today:
            folds.append(forecast_at(end, learned, quarters, tuple(folds), settings, seed))
    return tuple(folds)


def forecast_at(
    end: int, learned: Learned, quarters: Quarters, folds: tuple[Fold, ...], settings: RiskSettings, seed: int
) -> Fold:
    """The forecasts of the quarter that begins at `end`, from quarters that are over then and `folds` of such."""
    return fitted_at(end, learned, quarters, folds, settings, seed)[0]


def fitted_at(
    end: int, learned: Learned, quarters: Quarters, folds: tuple[Fold, ...], settings: RiskSettings, seed: int
) -> tuple[Fold, Forecast | None]:
    """As `forecast_at`, with the candidate in use; None where nothing was forecast."""
    train, own = learned.known_by(end, quarters), learned.rows(end)
    n_quarters = int(learned.ends[train].nunique())
    reason = why_not(learned.fell[train], learned.households[train], settings.min_falls)
    if reason is not None:
        return Fold(end, n_quarters, {}, {}, reason=reason), None
    fell, signs = learned.fell[train], learned.signs[train]
    models = {name: fit(name, signs, fell, seed) for name in (NAIVE, *CANDIDATES)}
    chances = {name: model.chances(learned.signs[own]) for name, model in models.items()}
    earlier = [fold for fold in folds if fold.reason is None and fold.end + quarters.days <= end]
    calibrated = {name: _line(name, earlier, learned, settings).moved(chances[name]) for name in CANDIDATES}
    chosen, is_moved = _best(earlier, learned)
    in_use = (calibrated if is_moved else chances)[chosen]
    lost = (learned.sales - learned.next_sales)[train][fell].sum() / learned.sales[train][fell].sum()
    fold = Fold(end, n_quarters, {**chances, IN_USE: in_use}, calibrated, chosen, is_moved, float(lost))
    return fold, models[chosen]


def _best(folds: list[Fold], learned: Learned) -> tuple[str, bool]:
    """The candidate with the least log loss over `folds`, and whether calibrated: moved by a line that still earlier
    folds had asked for. Of equals, and where there are no folds, the first, as fitted.

    A line is no gain as such: early folds have few quarters to learn from, and ask for what later ones do not need.
    """
    losses = {
        (name, is_moved): sum(
            log_loss((fold.calibrated if is_moved else fold.chances)[name], learned.fell[learned.rows(fold.end)])
            for fold in folds
        )
        for is_moved in (False, True)
        for name in CANDIDATES
    }
    return min(losses, key=lambda each: losses[each])


def _line(name: str, folds: list[Fold], learned: Learned, settings: RiskSettings) -> Line:
    """The line that the falls of `folds` ask for of the candidate's chances; none of too few falls."""
    if not folds:
        return Line()
    chances = np.concatenate([fold.chances[name] for fold in folds])
    fell = np.concatenate([learned.fell[learned.rows(fold.end)] for fold in folds])
    households = pd.concat([learned.households[learned.rows(fold.end)] for fold in folds])
    line = fit_line(chances, fell) if why_not(fell, households, settings.min_falls) is None else None
    return line or Line()


def risk_validation(
    folds: tuple[Fold, ...], learned: Learned, quarters: Quarters, settings: RiskSettings, confidence: float, seed: int
) -> pd.DataFrame:
    """The table of that name, of at least one fold: a row per fold and forecast, and for all folds together."""
    draws = _draws(folds, learned, settings, seed)
    judged = [fold for fold in folds if fold.reason is None]
    rows = []
    for number, fold in enumerate(folds):
        place = {"fold": number, "first_day": fold.end, "last_day": fold.end + quarters.days - 1}
        if fold.reason is not None:
            rows.append(place | {"forecast": IN_USE, "n_quarters": fold.n_quarters, "reason": fold.reason})
            continue
        rows += [place | row for row in _rows([fold], learned, settings, confidence, draws)]
    if judged:
        place = {
            "fold": ALL_FOLDS,
            "first_day": judged[0].end,
            "last_day": judged[-1].end + quarters.days - 1,
        }
        rows += [place | row for row in _rows(judged, learned, settings, confidence, draws)]
    return pd.DataFrame(rows)


def _draws(folds: tuple[Fold, ...], learned: Learned, settings: RiskSettings, seed: int) -> dict[int, Counts]:
    """By end of a fold how often each of its households is drawn (draws, n): the same in every fold."""
    keys = learned.households[np.isin(learned.ends, [fold.end for fold in folds])].unique()
    weights = household_weights(len(keys), settings.n_bootstraps, seed)
    order = pd.Index(keys)
    return {fold.end: weights[:, order.get_indexer(learned.households[learned.rows(fold.end)])] for fold in folds}


def _rows(
    folds: list[Fold], learned: Learned, settings: RiskSettings, confidence: float, draws: Mapping[int, Counts]
) -> list[dict[str, object]]:
    """A row of each forecast over `folds`; the area under the curve is the mean of theirs."""
    fell = [learned.fell[learned.rows(fold.end)] for fold in folds]
    areas = {
        name: (
            float(np.mean([auc(fold.chances[name], own)[0] for fold, own in zip(folds, fell, strict=True)])),
            np.mean(
                [auc(fold.chances[name], own, draws[fold.end]) for fold, own in zip(folds, fell, strict=True)], axis=0
            ),
        )
        for name in (NAIVE, *CANDIDATES, IN_USE)
    }
    naive, naive_draws = areas[NAIVE]
    rows = []
    for name, (area, area_draws) in areas.items():
        lower, upper = interval(area_draws, confidence)
        gain_lower, gain_upper = interval(area_draws - naive_draws, confidence)
        rows.append(
            {
                "forecast": name,
                "n_quarters": max(fold.n_quarters for fold in folds),
                "auc": area,
                "ci_lower": lower,
                "ci_upper": upper,
                "gain": area - naive,
                "gain_lower": gain_lower,
                "gain_upper": gain_upper,
                **_measured(name, folds, learned, settings, confidence),
                "chosen": name == IN_USE or (len(folds) == 1 and name == folds[0].chosen),
                "calibrated": name == IN_USE and any(fold.is_moved for fold in folds),
            }
        )
    return rows


def _measured(
    name: str, folds: list[Fold], learned: Learned, settings: RiskSettings, confidence: float
) -> dict[str, object]:
    """What a list of this forecast would have held, and how far its chances are off."""
    parts = [learned.rows(fold.end) for fold in folds]
    chances = np.concatenate([fold.chances[name] for fold in folds])
    fell = np.concatenate([learned.fell[own] for own in parts])
    households = np.concatenate([learned.households[own] for own in parts])
    sales = np.concatenate([learned.sales[own] for own in parts])
    lost = sales - np.concatenate([learned.next_sales[own] for own in parts])
    share_lost = np.concatenate([np.full(own.sum(), fold.share_lost) for fold, own in zip(folds, parts, strict=True)])
    listed = np.concatenate([on_list(fold.chances[name], settings.list_share) for fold in folds])
    line = fit_line(chances, fell)
    of_slope, of_gap = calibration_errors(chances, fell, households, line)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    slope, gap = line.slope if line else float("nan"), float((chances - fell).mean())
    return {
        "n_households": len(fell),
        "n_fell": int(fell.sum()),
        "share_fell": float(fell.mean()),
        "mean_probability": float(chances.mean()),
        "n_listed": int(listed.sum()),
        "share_listed_fell": float(fell[listed].mean()),
        "falls_found": float(fell[listed].sum() / fell.sum()) if fell.any() else float("nan"),
        "log_loss": log_loss(chances, fell),
        "intercept": line.intercept if line else float("nan"),
        "slope": slope,
        "slope_lower": slope - z * of_slope,
        "slope_upper": slope + z * of_slope,
        "gap": gap,
        "gap_lower": gap - z * of_gap,
        "gap_upper": gap + z * of_gap,
        "expected_fall": float((chances * sales * share_lost).mean()),
        "actual_fall": float((lost * fell).mean()),
    }


def on_list(chances: Array, share: float) -> Flags:
    """Whether each household (n,) is among the `share` with the largest chances, one at least; of equals the first."""
    n_listed = max(round(share * len(chances)), 1)
    listed = np.zeros(len(chances), dtype=bool)
    listed[np.argsort(-chances, kind="stable")[:n_listed]] = True
    return listed


def risk_calibration(
    folds: tuple[Fold, ...], learned: Learned, settings: RiskSettings, confidence: float, seed: int
) -> pd.DataFrame:
    """The table of that name: bins of equal size within each fold, so that a tenth is that of every quarter."""
    judged = [fold for fold in folds if fold.reason is None]
    draws = _draws(tuple(judged), learned, settings, seed)
    rows = []
    for name in (IN_USE, NAIVE) if judged else ():
        bins = [_bins(fold.chances[name], settings.n_bins) for fold in judged]
        for number in np.unique(np.concatenate(bins)):
            inside = [of_fold == number for of_fold in bins]
            fell = [learned.fell[learned.rows(fold.end)][own] for fold, own in zip(judged, inside, strict=True)]
            weights = np.hstack([draws[fold.end][:, own] for fold, own in zip(judged, inside, strict=True)])
            fallen, total = weights @ np.concatenate(fell), weights.sum(axis=1)
            with np.errstate(invalid="ignore"):
                lower, upper = interval(fallen / total, confidence)
            chances = np.concatenate([fold.chances[name][own] for fold, own in zip(judged, inside, strict=True)])
            rows.append(
                {
                    "forecast": name,
                    "bin": int(number) + 1,
                    "n_forecasts": len(chances),
                    "mean_probability": float(chances.mean()),
                    "share_fell": float(np.concatenate(fell).mean()),
                    "ci_lower": lower,
                    "ci_upper": upper,
                }
            )
    return pd.DataFrame(rows)


def _bins(chances: Array, n_bins: int) -> np.ndarray:
    place = np.empty(len(chances), dtype=int)
    place[np.argsort(chances, kind="stable")] = np.arange(len(chances))
    return place * n_bins // len(chances)
