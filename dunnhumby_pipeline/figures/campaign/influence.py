"""The picture of what single households do to the numbers that a study leads with."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import (
    ForestRow,
    common_limits,
    draw_forest,
    effect_axis,
    effect_row,
    effect_ticks,
)
from dunnhumby_pipeline.words import numbers, terms

N_SHOWN = 3
_TOP = 10


def influence(influence: pd.DataFrame, confidence: float, limit: float) -> Figure:
    """A panel for each headline number: with all households (bold), and without each of those that move it most.

    Intervals at `confidence`. A household that moves the number by more than `limit` of its standard errors is
    vermilion. Above each panel stands how many households' worth of variance there is in the number.
    """
    columns = ["quantity", "outcome", "household_key", "estimate", "se", "without", "without_lower", "without_upper"]
    require(influence, "influence", [*columns, "change_in_se", "share_of_variance", "effective_households"])
    panels = [
        (rows.iloc[0], [_whole(rows.iloc[0], confidence), *_without(rows, limit)])
        for _, rows in influence.groupby("quantity", sort=False)
    ]
    figure = style.new_figure(0.3 + sum(0.95 + 0.34 * len(rows) for _, rows in panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=[0.9 + 0.34 * len(rows) for _, rows in panels])
    for place, (first, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[place])
        draw_forest(axes, rows, limits=common_limits(rows))
        name, unit = terms.outcome(str(first["outcome"]))
        effect_ticks(axes, unit, "x")
        of_number = influence.loc[influence["quantity"] == first["quantity"]]
        style.name_axes(axes, effect_axis(name, unit), "", f"{terms.spoken(first['quantity'])}: {worth(of_number)}")
    return figure


def worth(rows: pd.DataFrame) -> str:
    """How concentrated a number is, in words: "14 effective of 2,404 households, ten carry 41% of the variance"."""
    first = rows.iloc[0]
    largest = rows["share_of_variance"].nlargest(_TOP).sum(min_count=1)
    return (
        f"{numbers.count(first['effective_households'])} effective of {numbers.count(first['n_households'])} households"
        f", ten carry {numbers.percent(largest)} of the variance"
    )


def _whole(first: pd.Series, confidence: float) -> ForestRow:
    half = normal_quantile(confidence) * float(first["se"])
    row = pd.Series(
        {
            "estimate": first["estimate"],
            "ci_lower": first["estimate"] - half,
            "ci_upper": first["estimate"] + half,
        }
    )
    return effect_row("All households", row, str(first["outcome"]), strong=True)


def _without(rows: pd.DataFrame, limit: float) -> list[ForestRow]:
    most = rows.loc[rows["change_in_se"].abs().nlargest(N_SHOWN).index]
    drawn = []
    for _, row in most.iterrows():
        without = pd.Series(
            {"estimate": row["without"], "ci_lower": row["without_lower"], "ci_upper": row["without_upper"]}
        )
        label = f"Without {row['household_key']} ({numbers.percent(row['share_of_variance'])} of the variance)"
        colour = style.VERMILION if abs(row["change_in_se"]) > limit else style.BLUE
        drawn.append(effect_row(label, without, str(row["outcome"]), colour))
    return drawn
