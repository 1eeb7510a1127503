"""How forecasts did on a stretch they had not seen: errors against the naive one, calibration and coverage by size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.segmentation.lifetime.value import Vector

NAIVE = "naive"


@dataclass(frozen=True)
class Judged:
    """Forecasts of one target by name, what came, and the intervals of those that have them: each (n,)."""

    target: str
    forecasts: Mapping[str, Vector]
    actual: Vector
    intervals: Mapping[str, tuple[Vector, Vector]]


def judged(case: Judged, n_bins: int, confidence: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors, a row per forecast, and calibration, a row per bin of a forecast.

    Errors: target, forecast, n_households, mae, rmse, bias (forecast - actual), bin_error (mean over households of how
    far the mean of their bin lay from what came), spearman (rank correlation), mae_against_naive with its paired
    t-interval ci_lower, ci_upper (households are independent; it is that of the mean of paired differences), verdict,
    coverage (share of households whose interval held what came), nominal_coverage (what intervals aim at) and
    interval_width (mean), NaN without intervals.
    Calibration: target, forecast, bin, n_households, mean_forecast, mean_actual, ci_lower, ci_upper, coverage,
    mean_lower, mean_upper.
    """
    naive = np.abs(case.forecasts[NAIVE] - case.actual)
    rows, tables = [], []
    for name, forecast in case.forecasts.items():
        lower, upper = case.intervals.get(name, (np.full(len(forecast), np.nan),) * 2)
        held = np.where(np.isnan(lower), np.nan, (case.actual >= lower) & (case.actual <= upper))
        bins = _binned(forecast, case.actual, (lower, upper), held, n_bins, confidence)
        tables.append(bins.assign(target=case.target, forecast=name))
        error = forecast - case.actual
        gap = np.abs(error) - naive
        low, high = mean_interval(gap, confidence)
        off = (bins["mean_forecast"] - bins["mean_actual"]).abs()
        rows.append(
            {
                "target": case.target,
                "forecast": name,
                "n_households": len(error),
                "mae": float(np.abs(error).mean()),
                "rmse": float((error**2).mean() ** 0.5),
                "bias": float(error.mean()),
                "bin_error": float(np.average(off, weights=bins["n_households"])),
                "spearman": float(stats.spearmanr(forecast, case.actual).statistic),
                "mae_against_naive": float(gap.mean()),
                "ci_lower": low,
                "ci_upper": high,
                "verdict": "the yardstick" if name == NAIVE else _verdict(low, high),
                "coverage": float(held.mean()),
                "nominal_coverage": confidence,
                "interval_width": float((upper - lower).mean()),
            }
        )
    calibration = pd.concat(tables, ignore_index=True)
    first = ["target", "forecast"]
    return pd.DataFrame(rows), calibration[[*first, *calibration.columns.drop(first)]]


def _verdict(lower: float, upper: float) -> str:
    return "better than naive" if upper < 0 else "worse than naive" if lower > 0 else "no better than naive"


def _binned(
    forecast: Vector, actual: Vector, ends: tuple[Vector, Vector], held: Vector, n_bins: int, confidence: float
) -> pd.DataFrame:
    """Bins of equally many households by forecast, the smallest first."""
    places = np.empty(len(forecast), dtype=np.int64)
    places[np.argsort(forecast, kind="stable")] = np.arange(len(forecast))
    bins = places * n_bins // len(forecast) + 1
    rows = []
    for number in np.unique(bins):
        own = bins == number
        interval = mean_interval(actual[own], confidence)
        means = [float(values[own].mean()) for values in (held, *ends)]
        rows.append((number, int(own.sum()), forecast[own].mean(), actual[own].mean(), *interval, *means))
    columns = "bin n_households mean_forecast mean_actual ci_lower ci_upper coverage mean_lower mean_upper"
    return pd.DataFrame(rows, columns=columns.split())


def mean_interval(values: Vector, confidence: float) -> tuple[float, float]:
    """t-interval of the mean; NaN for a single value."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean() - half), float(values.mean() + half)
