"""Pictures of who may fall and who fell: chances against what happened, falls that a list finds, and recovery."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers

_BINS = ["forecast", "bin", "n_forecasts", "mean_probability", "share_fell", "ci_lower", "ci_upper"]
_SPENDS = ["spend_before", "spend_at", "spend_after"]
_OTHERS = ["others_before", "others_at", "others_after"]


def falls_foreseen(risk_calibration: pd.DataFrame, list_share: float) -> Figure:
    """Left: share of households that fell against their mean chance (%), by bin, with intervals. Right: share of all
    falls (%) among the households with the largest chances, by how many of them are taken (%).

    On the dashed lines chances mean what they say, and a list is drawn by lot. The upright line is the list.
    """
    bins = require(risk_calibration, "risk_calibration", _BINS)
    figure = style.new_figure(4.0)
    grid = figure.add_gridspec(1, 2)
    _draw_calibration(style.add_axes(figure, grid[0]), bins[bins["forecast"] == IN_USE])
    _draw_found(style.add_axes(figure, grid[1]), bins, list_share)
    return figure


def _draw_calibration(axes: Axes, bins: pd.DataFrame) -> None:
    style.grid(axes, "y")
    top = 1.08 * float(np.nanmax(bins[["mean_probability", "share_fell", "ci_upper"]].to_numpy()))
    axes.plot([0, top], [0, top], color=style.INK, linestyle="--", linewidth=1.0, label="as the chance says")
    axes.vlines(bins["mean_probability"], bins["ci_lower"], bins["ci_upper"], color=style.BLUE, linewidth=2.0)
    axes.plot(bins["mean_probability"], bins["share_fell"], "o", color=style.BLUE, label="bins, with intervals")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    for direction in ("x", "y"):
        style.percent_ticks(axes, direction)
    axes.legend(loc="upper left", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    style.name_axes(axes, "Mean chance of the bin (%)", "Households that fell (%)", "Do chances mean what they say?")


def _draw_found(axes: Axes, bins: pd.DataFrame, list_share: float) -> None:
    style.grid(axes, "y")
    axes.plot([0, 1], [0, 1], color=style.INK, linestyle="--", linewidth=1.0, label="by lot")
    for name, colour, label in (("last change", style.MUTED, "last change"), (IN_USE, style.BLUE, "in use")):
        rows = bins[bins["forecast"] == name].sort_values("bin", ascending=False)
        falls = rows["n_forecasts"] * rows["share_fell"]
        taken = np.concatenate([[0.0], rows["n_forecasts"].cumsum() / rows["n_forecasts"].sum()])
        found = np.concatenate([[0.0], falls.cumsum() / falls.sum()])
        axes.plot(taken, found, "o-", color=colour, markersize=4, label=label)
    axes.axvline(list_share, color=style.VERMILION, linewidth=1.2, linestyle=":", label="the list")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    for direction in ("x", "y"):
        style.percent_ticks(axes, direction)
    axes.legend(loc="lower right", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    style.name_axes(
        axes, "Households taken, largest chance first (%)", "Of all falls (%)", "How many falls a list finds"
    )


def fall_and_recovery(fallen: pd.DataFrame, recovery_validation: pd.DataFrame | None = None) -> Figure:
    """Spend ($ a quarter) of each household that fell, before and after; and what became of those who fell earlier.

    Left: a point is a household, below the dashed line by what it no longer spends. Right: mean spend of those who fell
    earlier before, in the quarter they fell and in the next, with what was expected; beside other households of value.
    """
    columns = ["household_key", "spend_before", "spend_after"]
    if not set(columns) - set(fallen.columns) and fallen.empty:
        return style.sentence("No household of value has fallen by as much as is listed.")
    require(fallen, "fallen", columns)
    told = None if recovery_validation is None else _told(recovery_validation)
    figure = style.new_figure(4.0)
    grid = figure.add_gridspec(1, 1 if told is None else 2)
    _draw_fall(style.add_axes(figure, grid[0]), fallen)
    if told is not None:
        _draw_recovery(style.add_axes(figure, grid[1]), told)
    return figure


def _told(validation: pd.DataFrame) -> pd.Series | None:
    require(validation, "recovery_validation", ["fold", "forecast", "expected_recovery", *_SPENDS, *_OTHERS])
    rows = validation[(validation["fold"] == ALL_FOLDS) & (validation["forecast"] == IN_USE)]
    row = rows.iloc[0]
    return None if pd.isna(row["spend_at"]) else row


def _draw_fall(axes: Axes, listed: pd.DataFrame) -> None:
    style.grid(axes, "y")
    top = 1.05 * float(listed["spend_before"].max())
    axes.plot([0, top], [0, top], color=style.INK, linestyle="--", linewidth=1.0, label="as before")
    gone = listed["spend_after"] <= 0
    for rows, label, mark, colour in (
        (listed[~gone], "spends less", "o", style.BLUE),
        (listed[gone], "bought nothing", "X", style.VERMILION),
    ):
        if len(rows):
            name = f"{label}: {numbers.count(len(rows))}"
            axes.plot(
                rows["spend_before"], rows["spend_after"], mark, color=colour, alpha=0.65, markersize=5.5, label=name
            )
    axes.set_xlim(0, top)
    axes.set_ylim(-0.02 * top, top)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    style.dollar_ticks(axes, "x")
    style.dollar_ticks(axes, "y")
    axes.legend(loc="upper left", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    title = f"{numbers.count(len(listed))} households that fell"
    style.name_axes(axes, "Spend in the quarter before ($)", "Spend in the last quarter ($)", title)


def _draw_recovery(axes: Axes, told: pd.Series) -> None:
    style.grid(axes, "y")
    for columns, label, colour in ((_OTHERS, "others of value", style.MUTED), (_SPENDS, "fell", style.BLUE)):
        means = told[columns].to_numpy(dtype=float)
        axes.plot(range(3), means, "o-", color=colour, linewidth=2, label=label)
        for place, mean in enumerate(means):
            # The lowest is the bottom of a dip, with its lines above it.
            below = columns is _SPENDS and place > 0
            axes.annotate(
                numbers.dollars(mean),
                (place, mean),
                xytext=(0 if place or columns is _OTHERS else 10, -8 if below else 7),
                textcoords="offset points",
                ha="center",
                va="top" if below else "bottom",
                fontsize=style.SMALL,
                color=style.INK,
            )
    expected = float(told["spend_at"] + told["expected_recovery"])
    axes.plot([1, 2], [told["spend_at"], expected], "--", color=style.ORANGE, linewidth=1.5, label="expected")
    axes.set_xlim(-0.3, 2.3)
    axes.set_ylim(0, 1.18 * float(told[[*_SPENDS, *_OTHERS]].max()))
    axes.set_xticks(range(3), labels=["before", "at the fall", "next quarter"])
    style.dollar_ticks(axes, "y")
    axes.legend(loc="lower left", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    style.name_axes(axes, "", "Mean spend in the quarter ($)", "Those who fell earlier")
