"""Picture of how far a household may lie from its forecast, and how often such intervals held what came."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers


def clv_intervals(calibration: pd.DataFrame, chosen: str, nominal: float) -> Figure:
    """Left: by bins of households, the smallest forecasts first, mean forecast and what came with its interval over the
    mean interval of a household. Right: the share of households (%) whose interval held what came, beside the aim.
    """
    columns = ["target", "forecast", "bin", "mean_forecast", "mean_actual", "ci_lower", "ci_upper", "coverage"]
    require(calibration, "clv_calibration", [*columns, "mean_lower", "mean_upper", "n_households"])
    rows = calibration[(calibration["target"] == "spend") & (calibration["forecast"] == chosen)].sort_values("bin")
    if rows.empty or rows["coverage"].isna().all():
        return style.sentence("Too few households for intervals: none was measured on the half-year held out.")
    places = rows["bin"].to_numpy(dtype=float)
    figure = style.new_figure(3.9)
    grid = figure.add_gridspec(1, 2, width_ratios=[1.5, 1])
    left, right = style.add_axes(figure, grid[0]), style.add_axes(figure, grid[1])
    style.grid(left, "y")
    left.bar(
        places,
        rows["mean_upper"] - rows["mean_lower"],
        bottom=rows["mean_lower"],
        width=0.7,
        color=style.SHADE,
        edgecolor=style.RULE,
        linewidth=0.8,
        label=f"interval of a household, {numbers.percent(nominal)}",
    )
    left.hlines(
        rows["mean_forecast"], places - 0.35, places + 0.35, color=style.BLUE, linewidth=2.4, label="mean forecast"
    )
    ends = np.stack([rows["mean_actual"] - rows["ci_lower"], rows["ci_upper"] - rows["mean_actual"]])
    left.errorbar(
        places,
        rows["mean_actual"],
        yerr=np.nan_to_num(ends),
        fmt="o",
        color=style.VERMILION,
        markersize=5,
        elinewidth=1.4,
        label="what came, mean",
    )
    left.set_ylim(bottom=min(0.0, float(rows["mean_lower"].min())))
    style.dollar_ticks(left, "y")
    bins = "Households by forecast, the smallest first"
    style.name_axes(left, bins, "$ in the half-year", "Forecast and what came")
    style.grid(right, "y")
    right.axhline(nominal, color=style.INK, linestyle="--", linewidth=1.1)
    right.plot(places, rows["coverage"], "o", color=style.BLUE, markersize=6, label="_coverage")
    for place, share in zip(places, rows["coverage"], strict=True):
        right.annotate(
            f"{100 * share:.0f}",
            (place, share),
            xytext=(0, -14),
            textcoords="offset points",
            ha="center",
            fontsize=style.SMALL,
            color=style.INK,
        )
    lowest = min(0.8, np.floor(20 * (float(rows["coverage"].min()) - 0.04)) / 20)
    right.set_ylim(lowest, 1.02)
    right.set_xlim(places.min() - 0.7, places.max() + 0.7)
    style.percent_ticks(right, "y")
    right.set_yticks(np.arange(max(lowest, 0.0), 1.001, 0.05 if lowest >= 0.5 else 0.1))
    style.name_axes(right, bins, "Held what came (%)", f"Coverage, aim {numbers.percent(nominal)}")
    for axes in (left, right):
        axes.set_xticks(places)
        axes.set_xticklabels([f"{place:.0f}" for place in places])
    style.legend_above(figure, left)
    return figure
