"""Pictures of needs: what they are made of, how many come back, and whether they hold in the next quarter."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers, terms

COLUMNS, SHOWN = 2, 8
LEVELS = {"label": ("Needs", style.BLUE), "tag": ("Tags", style.ORANGE)}
_NAME_WIDTH = 30


def need_commodities_bars(need_commodities: pd.DataFrame, level: str) -> Figure:
    """A panel for each need of `level`: the lift of the commodities that lift most, with the sales to its households.

    Lift: share of the sales to the need's households over the share of all sales; the dotted line, 1, is average.
    """
    require(need_commodities, "need_commodities", ["level", "need", "commodity", "lift", "sales", "lift_rank", "own"])
    own = need_commodities[(need_commodities["level"] == level) & need_commodities["own"]]
    if own.empty:
        return style.sentence("No need has commodities of its own.")
    names = list(dict.fromkeys(own["need"]))
    n_rows = math.ceil(len(names) / COLUMNS)
    figure = style.new_figure(0.3 + n_rows * (0.6 + 0.26 * SHOWN))
    grid = figure.add_gridspec(n_rows, COLUMNS)
    furthest = float(own["lift"].max())
    for place, name in enumerate(names):
        axes = style.add_axes(figure, grid[place // COLUMNS, place % COLUMNS])
        rows = own[own["need"] == name].sort_values("lift_rank").head(SHOWN)
        axes.barh(np.arange(len(rows)), rows["lift"], height=0.62, color=LEVELS[level][1])
        for row, (lift, sales) in enumerate(zip(rows["lift"], rows["sales"], strict=True)):
            text = f" {lift:.1f} · {numbers.dollars(sales)}"
            axes.text(lift, row, text, va="center", fontsize=style.SMALL - 1, color=style.INK, parse_math=False)
        axes.axvline(1, color=style.INK, linestyle=":", linewidth=1.2)
        axes.set_xlim(0, 1.55 * furthest)
        style.label_rows(axes, [_short(each) for each in rows["commodity"]], width=_NAME_WIDTH)
        axes.set_ylim(SHOWN - 0.4, -0.6)
        last = place + COLUMNS >= len(names)
        style.name_axes(axes, "Lift · sales to its households" if last else "", "", terms.spoken(name))
    return figure


def _short(commodity: str) -> str:
    """'FRZN MEAT/MEAT DINNERS' as 'Frzn meat/meat dinners', cut to one line."""
    text = commodity.capitalize()
    return text if len(text) <= _NAME_WIDTH else f"{text[: _NAME_WIDTH - 1]}…"


def need_selection_curve(need_selection: pd.DataFrame, floors: Mapping[str, float]) -> Figure:
    """By number of needs, and of tags: whether they come back (mean adjusted Rand index of everybody's leading one over
    cold refits, with the floor of each level) and what they explain (column-centred R²). The number in use is ringed.
    """
    require(need_selection, "need_selection", ["level", "n_needs", "centred_r2", "stability", "chosen"])
    figure = style.new_figure(3.4)
    grid = figure.add_gridspec(1, 2)
    stable, explained = style.add_axes(figure, grid[0]), style.add_axes(figure, grid[1])
    for level, (title, colour) in LEVELS.items():
        scan = need_selection[need_selection["level"] == level].sort_values("n_needs")
        if scan.empty:
            continue
        used = scan[scan["chosen"].astype(bool)]
        for axes, column in ((stable, "stability"), (explained, "centred_r2")):
            axes.plot(scan["n_needs"], scan[column], "o-", color=colour, markersize=4.5, label=title)
            axes.plot(used["n_needs"], used[column], "o", color="none", markeredgecolor=style.INK, markersize=11)
        if level in floors:
            span = [scan["n_needs"].min() - 0.3, scan["n_needs"].max() + 0.3]
            stable.plot(span, [floors[level]] * 2, "--", color=colour, linewidth=1.2, label=f"floor {floors[level]:g}")
    stable.set_ylim(0, 1.05)
    explained.set_ylim(bottom=0)
    style.percent_ticks(explained, "y")
    for axes in (stable, explained):
        style.grid(axes, "y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.name_axes(stable, "Number of needs, or tags", "Adjusted Rand index", "Whether they come back")
    style.name_axes(explained, "Number of needs, or tags", "Variance explained (%)", "What they explain")
    style.legend_above(figure, stable)
    return figure


def next_quarter_lift(need_lift: pd.DataFrame) -> Figure:
    """Lift of each need's own commodities in the quarter after, a dot a quarter, a bar at their mean; 1 is average."""
    require(need_lift, "need_lift", ["level", "need", "from_day", "lift"])
    if need_lift.empty:
        return style.sentence("No need can be followed into a next quarter: the history is too short.")
    means = need_lift.groupby(["level", "need"])["lift"].mean().sort_values(ascending=False)
    order = [(level, need) for level in LEVELS for one, need in means.index if one == level]
    named = [terms.spoken(need) for _, need in order]
    figure = style.new_figure(0.9 + 0.32 * len(order))
    axes = style.add_axes(figure)
    style.grid(axes, "x")
    said = set()
    for row, (level, need) in enumerate(order):
        title, colour = LEVELS[level]
        found = need_lift[(need_lift["level"] == level) & (need_lift["need"] == need)]["lift"]
        label = title if level not in said else None
        said.add(level)
        axes.plot(found, [row] * len(found), "o", color=colour, alpha=0.55, markersize=6, label=label)
        axes.plot([found.mean()] * 2, [row - 0.28, row + 0.28], color=style.INK, linewidth=1.8)
        style.print_beside(axes, row, f"{found.mean():.1f}")
    axes.axvline(1, color=style.INK, linestyle=":", linewidth=1.2)
    axes.set_xlim(left=0)
    style.label_rows(axes, named)
    style.name_axes(axes, "Lift in the next quarter (1 is average)")
    style.legend_above(figure, axes)
    return figure
