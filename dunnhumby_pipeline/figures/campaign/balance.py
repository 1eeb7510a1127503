"""Picture of balance and calibration within campaigns, beside what noise alone would give."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import covariate

_BALANCE = ["campaign", "covariate", "smd", "noise_any", "ess_treated", "ess_control"]
_CALIBRATION = ["campaign", "slope", "noise_lower", "noise_upper", "slope_as_fitted"]
NAME_WIDTH = 34
_SLOPES = {
    "slope_as_fitted": (style.MUTED, "white", "slope as fitted"),
    "slope": (style.BLUE, style.BLUE, "slope of the recalibrated propensity"),
}
# Ceilings that a band may reach before it would squeeze all else.
FAR = 3.0


def balance_by_campaign(balance: pd.DataFrame, calibration: pd.DataFrame, ceiling: float, slack: float) -> Figure:
    """One row per campaign. Left, |SMD| after overlap weighting of each covariate, the worst one named, with the band
    of noise of that one; right, the calibration slope with its band, before and after recalibration.

    A covariate over both the `ceiling` (dashed) and its own noise is red. An infinite difference is drawn at the edge.
    The dashed lines of the slope lie `slack` from 1.
    """
    table = require(balance, "campaign_balance", _BALANCE).assign(size=lambda frame: frame["smd"].abs())
    slopes = require(calibration, "campaign_calibration", _CALIBRATION).set_index("campaign")
    campaigns = list(dict.fromkeys(table["campaign"]))
    figure = style.new_figure(1.9 + 0.62 * len(campaigns))
    parts = figure.add_gridspec(1, 2, width_ratios=[1.7, 1])
    axes, beside = style.add_axes(figure, parts[0]), style.add_axes(figure, parts[1])
    sizes = table["size"].to_numpy(dtype=float)
    reach = _worst(table)["noise_any"].fillna(0.0).clip(upper=FAR * ceiling)
    edge = 1.06 * max(float(sizes[np.isfinite(sizes)].max(initial=0.0)), ceiling, float(reach.max()))
    labels = []
    for row, campaign in enumerate(campaigns):
        own = table.loc[table["campaign"] == campaign]
        _draw_balance(axes, row, own, ceiling, edge)
        arms = [numbers.count(own[size].iloc[0]) for size in ("ess_treated", "ess_control")]
        labels.append(f"Campaign {campaign}: {arms[0]} / {arms[1]}")
    axes.axvline(ceiling, color=style.INK, linestyle="--", linewidth=1.1, label=f"ceiling {ceiling:g}")
    style.label_rows(axes, labels)
    axes.set_xlim(0, 1.02 * edge)
    style.name_axes(axes, "Absolute standardised mean difference", "Effective treated / control trials")
    _draw_slopes(beside, slopes.reindex(campaigns), slack)
    style.label_rows(beside, [""] * len(campaigns))
    style.name_axes(beside, "Calibration slope", "")
    for outline, face, label in _SLOPES.values():
        axes.plot([], [], "o", markeredgecolor=outline, markerfacecolor=face, label=label)
    style.legend_above(figure, axes, columns=2)
    return figure


def _draw_balance(axes: Axes, row: int, own: pd.DataFrame, ceiling: float, edge: float) -> None:
    named = row > 0
    beyond = (own["size"] > ceiling) & (own["size"] > own["noise_any"])
    for chosen, colour, label in (
        (~beyond, style.BLUE, "a covariate, overlap weighted"),
        (beyond, style.VERMILION, "over the ceiling and more than noise"),
    ):
        axes.plot(
            own.loc[chosen, "size"].clip(upper=edge),
            np.full(int(chosen.sum()), row),
            "o",
            color=colour,
            markersize=4,
            alpha=0.55 if colour == style.BLUE else 1.0,
            linestyle="none",
            label="_again" if named else label,
            zorder=3,
        )
    for _, worst in _worst(own).iterrows():
        _name_worst(axes, row, worst, edge, named)


def _worst(table: pd.DataFrame) -> pd.DataFrame:
    """The covariate with the largest difference of each campaign that has any."""
    known = table.loc[table["size"].notna()]
    return known.loc[known.groupby("campaign", sort=False)["size"].idxmax()]


def _name_worst(axes: Axes, row: int, worst: pd.Series, edge: float, named: bool) -> None:
    if numbers.is_number(worst["noise_any"]):
        axes.barh(
            row,
            min(float(worst["noise_any"]), edge),
            height=0.5,
            color=style.SHADE,
            label="_again" if named else "noise alone, for the covariate that is named",
            zorder=1,
        )
    size = numbers.bounded(worst["size"], f"{worst['size']:.2f}")
    name = covariate(str(worst["covariate"]))
    name = name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 1]}\N{HORIZONTAL ELLIPSIS}"
    axes.text(0.01 * edge, row - 0.31, f"{name} {size}", fontsize=style.SMALL, va="bottom", parse_math=False)


def _draw_slopes(axes: Axes, slopes: pd.DataFrame, slack: float) -> None:
    rows = np.arange(len(slopes))
    axes.barh(
        rows,
        slopes["noise_upper"] - slopes["noise_lower"],
        left=slopes["noise_lower"],
        height=0.5,
        color=style.SHADE,
        label="_noise",
    )
    axes.axvline(1, color=style.INK, linewidth=1.0)
    for end in (1 - slack, 1 + slack):
        axes.axvline(end, color=style.INK, linestyle="--", linewidth=1.1, label="_slack")
    for column, (outline, face, _) in _SLOPES.items():
        axes.plot(slopes[column], rows, "o", markeredgecolor=outline, markerfacecolor=face, label=f"_{column}")
    for row, slope in enumerate(slopes["slope"]):
        if numbers.is_number(slope):
            axes.text(
                slope,
                row - 0.31,
                f"{slope:.2f}",
                fontsize=style.SMALL,
                color=style.INK,
                va="bottom",
                ha="center",
            )
