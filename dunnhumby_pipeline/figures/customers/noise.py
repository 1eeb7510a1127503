"""Pictures of movement with the noise taken out: stay-rates with their ceilings, and what labels tell."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers

STAYING, TRUE = "staying", "staying_true"
CEILING = "_ceiling"
# Measure, colour, marker and legend of what is drawn for each label, from the top of its row down.
_SHOWN = (
    (STAYING, style.BLUE, "o", "measured between periods"),
    (STAYING + CEILING, style.MUTED, "x", "ceiling: nothing changes, only noise"),
    (TRUE, style.ORANGE, "D", "noise taken out"),
)
_STEP = 0.24
LABELS = {"segment": "Segment", "value tier": "Value tier", "need": "Need", "smoothed segment": "Smoothed segment"}
OUTCOMES = {"log spend": "Log spend", "basket": "$ per basket", "discount use": "Lines at a discount"}


def comparable_noise(movement_noise: pd.DataFrame) -> pd.DataFrame:
    """The rows of periods that share no day; where there is none, those of neighbours."""
    apart = movement_noise["apart"].astype(bool)
    return movement_noise[apart] if apart.any() else movement_noise


def stay_and_ceiling(movement_noise: pd.DataFrame) -> Figure:
    """Share of households with the same label a period later, what it could be at most, and with the noise taken out.

    Bars are intervals. Between periods that share no day, or, without any, between neighbours, of which nothing can be
    taken out.
    """
    require(movement_noise, "movement_noise", ["label", "apart", "measure", "estimate", "ci_lower", "ci_upper"])
    rows = comparable_noise(movement_noise)
    labels = [label for label in LABELS if label in set(rows["label"])]
    figure = style.new_figure(0.9 + 0.85 * len(labels))
    axes = style.add_axes(figure)
    style.grid(axes, "x")
    drawn = rows.set_index(["label", "measure"])
    for level, (measure, colour, marker, legend) in enumerate(_SHOWN):
        named = False
        for place, label in enumerate(labels):
            if (label, measure) not in drawn.index:
                continue
            found = drawn.loc[(label, measure)]
            if not numbers.is_number(found["estimate"]):
                continue
            at = place + (level - 1) * _STEP
            axes.plot([found["ci_lower"], found["ci_upper"]], [at, at], color=colour, linewidth=2.2, label="_interval")
            said = legend if not named else "_estimate"
            axes.plot(found["estimate"], at, marker, color=colour, markersize=7, linestyle="none", label=said)
            named = True
    axes.set_xlim(0, 1.02)
    style.percent_ticks(axes, "x")
    style.label_rows(axes, [LABELS[label] for label in labels])
    for place, label in enumerate(labels):
        style.print_beside(axes, place, _changing(drawn, label))
    style.legend_above(figure, axes)
    apart = bool(rows["apart"].astype(bool).all())
    style.name_axes(
        axes,
        f"Households with the same label in {'the next period that shares no day' if apart else 'the next period'} (%)",
    )
    return figure


def _changing(drawn: pd.DataFrame, label: str) -> str:
    """What really changes, in words; of what it cannot be told, what share of changes is noise."""
    for measure, said in (
        (TRUE, "really change"),
        ("moved", "moved beyond noise"),
        ("noise_share", "of changes is noise"),
    ):
        if (label, measure) in drawn.index:
            share = float(drawn.loc[(label, measure), "estimate"])
            return f"{numbers.percent(1 - share if measure == TRUE else share)} {said}"
    return ""


def label_strength(label_prediction: pd.DataFrame) -> Figure:
    """Share of the variance of each outcome in the next period that lies between labels of this one, with intervals."""
    require(label_prediction, "label_prediction", ["label", "outcome", "r2", "ci_lower", "ci_upper"])
    outcomes = [name for name in OUTCOMES if name in set(label_prediction["outcome"])]
    labels = [label for label in LABELS if label in set(label_prediction["label"])]
    figure = style.new_figure(0.8 + 0.32 * len(labels))
    grid = figure.add_gridspec(1, len(outcomes))
    for column, outcome in enumerate(outcomes):
        axes = style.add_axes(figure, grid[column])
        _draw_strength(axes, label_prediction[label_prediction["outcome"] == outcome].set_index("label"), labels)
        style.label_rows(axes, [LABELS[label] if column == 0 else "" for label in labels])
        style.name_axes(axes, "Variance explained (%)", "", OUTCOMES[outcome])
    return figure


def _draw_strength(axes: Axes, rows: pd.DataFrame, labels: list[str]) -> None:
    style.grid(axes, "x")
    for place, label in enumerate(labels):
        if label not in rows.index or not numbers.is_number(rows.at[label, "r2"]):
            continue
        r2 = float(rows.at[label, "r2"])
        axes.barh(place, r2, height=0.55, color=style.BLUE)
        axes.plot(
            [rows.at[label, "ci_lower"], rows.at[label, "ci_upper"]], [place, place], color=style.INK, linewidth=1.4
        )
        style.print_beside(axes, place, numbers.percent(r2, 1 if r2 < 0.1 else 0))
    axes.set_xlim(0, max(0.1, 1.1 * float(rows["ci_upper"].fillna(rows["r2"]).max())))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    style.percent_ticks(axes, "x")


def smoothing_choice(smoothing_weights: pd.DataFrame) -> Figure:
    """By weight of the latest 28 days: how far smoothed scores err about the next period, how many households stay,
    and what their segments tell of the next period. The filled mark is the weight in use."""
    columns = ["weight", "forecast_error", "share_staying", "r2_spend", "r2_basket", "r2_discount", "chosen"]
    rows = require(smoothing_weights, "smoothing_weights", columns).sort_values("weight")
    figure = style.new_figure(3.2)
    grid = figure.add_gridspec(1, 3)
    lines = (
        ("Error of forecast scores", (("forecast_error", style.BLUE, ""),), False),
        ("Same segment next period (%)", (("share_staying", style.BLUE, ""),), True),
        (
            "Variance explained (%)",
            (
                ("r2_spend", style.BLUE, "log spend"),
                ("r2_basket", style.ORANGE, "$ per basket"),
                ("r2_discount", style.GREEN, "lines at a discount"),
            ),
            True,
        ),
    )
    for place, (title, drawn, shares) in enumerate(lines):
        axes = style.add_axes(figure, grid[place])
        style.grid(axes, "y")
        for column, colour, _ in drawn:
            axes.plot(rows["weight"], rows[column], "o-", color=colour, markerfacecolor="white", label=f"_{column}")
            used = rows[rows["chosen"].astype(bool)]
            axes.plot(used["weight"], used[column], "o", color=colour, label="_chosen")
        top = rows[[column for column, *_ in drawn]].max().max()
        axes.set_ylim(0, 1.1 * float(top) if numbers.is_number(top) and top > 0 else 1)
        axes.set_xlim(0, 1.03)
        if shares:
            style.percent_ticks(axes, "y")
        else:
            style.number_ticks(axes, "y")
        style.name_axes(axes, "Weight of the latest 28 days", "", title)
        if len(drawn) > 1:
            for column, _, legend in drawn:
                if numbers.is_number(rows[column].iloc[-1]):
                    style.print_beside(axes, float(rows[column].iloc[-1]), legend)
    return figure
