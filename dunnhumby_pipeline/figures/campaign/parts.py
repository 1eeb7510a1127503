"""Picture of the effect on spend by products and weeks."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.doubts.parts import AFTER, DURING, EVERY, LATER, OTHER, PROMOTED, WINDOW
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.names import SPEND
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, common_limits, draw_forest, effect_axis, effect_row
from dunnhumby_pipeline.words import numbers, terms

PERIOD_WORDS = {
    DURING: "During the campaign",
    AFTER: "After it, to the window's end",
    WINDOW: "The whole outcome window",
    LATER: "In the weeks after the window",
}
PRODUCT_WORDS = {
    PROMOTED: "Products its coupons cover",
    OTHER: "Other products",
    EVERY: "All products",
}
_COLOURS = {PROMOTED: style.ORANGE, OTHER: style.BLUE, EVERY: style.INK}


def effect_parts(effect_by_part: pd.DataFrame) -> Figure:
    """Effect on spend with intervals, a panel for each period, and in it promoted, other and all products.

    All panels share their axis: parts add up along it. A part that could not be estimated has its reason beside it.
    """
    require(effect_by_part, "effect_by_part", ["products", "period", "days", "estimate", "ci_lower", "ci_upper"])
    panels = [(period, _rows(rows)) for period, rows in effect_by_part.groupby("period", sort=False)]
    limits = common_limits([row for _, rows in panels for row in rows])
    name, unit = terms.outcome(SPEND)
    figure = style.new_figure(0.6 + 1.25 * len(panels))
    grid = figure.add_gridspec(len(panels), 1)
    for place, (period, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[place])
        draw_forest(axes, rows, limits=limits)
        style.dollar_ticks(axes, "x")
        days = effect_by_part.loc[effect_by_part["period"] == period, "days"].max()
        length = f" ({numbers.count(days)} days)" if numbers.is_number(days) else ""
        last = place == len(panels) - 1
        style.name_axes(axes, effect_axis(name, unit) if last else "", "", f"{PERIOD_WORDS[str(period)]}{length}")
    return figure


def _rows(rows: pd.DataFrame) -> list[ForestRow]:
    return [_row(row) for _, row in rows.iterrows()]


def _row(row: pd.Series) -> ForestRow:
    products = str(row["products"])
    if not numbers.is_number(row["estimate"]):
        nothing = float("nan")
        return ForestRow(PRODUCT_WORDS[products], nothing, nothing, nothing, str(row["reason"]), style.MUTED)
    return effect_row(PRODUCT_WORDS[products], row, SPEND, _COLOURS[products], strong=products == EVERY)
