"""Pictures of the targeting list: what is decided for whom."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.stacked import stacked_counts
from dunnhumby_pipeline.words import numbers

_COUNTS = ["n_households", "n_contact", "n_held_out", "n_test", "n_leave", "n_suppressed"]
# In the order in which they stand from left to right, with colours that differ in lightness, too.
_SHOWN = (
    ("n_contact", "target, contacted", style.BLUE),
    ("n_held_out", "target, held out", style.SKY),
    ("n_test", "test", style.ORANGE),
    ("left", "leave", style.RULE),
    ("n_suppressed", "suppressed", style.INK),
)
# Bars narrower than this share of the width hold no number.
_LEGIBLE = 0.05


def decisions_by_group(decision_summary: pd.DataFrame, groupings: dict[str, str]) -> Figure:
    """What is decided for the households of each level, as shares (%), a panel for every grouping.

    `groupings`: by the name of each in the table, its title. Beside a level stands how many households it has, and the
    advice. Groupings that the table does not have are left out.
    """
    require(decision_summary, "decision_summary", ["grouping", "level_name", "advice", *_COUNTS])
    panels = [
        (title, decision_summary.loc[decision_summary["grouping"] == name].sort_values("n_households", ascending=False))
        for name, title in groupings.items()
        if (decision_summary["grouping"] == name).any()
    ]
    labels = [[_label(row) for _, row in rows.iterrows()] for _, rows in panels]
    heights = [style.row_height(of_panel) * len(of_panel) + 0.35 for of_panel in labels]
    figure = style.new_figure(0.9 + sum(heights))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=heights)
    first: Axes | None = None
    for place, ((title, rows), of_panel) in enumerate(zip(panels, labels, strict=True)):
        axes = style.add_axes(figure, grid[place, 0])
        _bars(axes, rows)
        style.label_rows(axes, of_panel)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        style.percent_ticks(axes, "x")
        style.name_axes(axes, "Households (%)" if place == len(panels) - 1 else "", title=title)
        first = first or axes
    if first is not None:
        style.legend_above(figure, first)
    return figure


def _label(row: pd.Series) -> str:
    advice = f": {row['advice']}" if isinstance(row["advice"], str) else ""
    return f"{row['level_name']} ({numbers.count(row['n_households'])}){advice}"


def _bars(axes: Axes, rows: pd.DataFrame) -> None:
    counts = rows.assign(left=rows["n_leave"] - rows["n_suppressed"])[[column for column, _, _ in _SHOWN]]
    counts.columns = pd.Index([name for _, name, _ in _SHOWN])
    colors = {name: color for _, name, color in _SHOWN}
    stacked_counts(axes, counts, rows["n_households"].to_numpy(float), colors, _LEGIBLE)
