"""Pictures of the brief, for readers who never saw an interval: what a contact adds, and when it repays its cost."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.campaign.dial import shade
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers

# Two stand side by side, and each fills a phone: so that their words are as large as those around them.
_WIDTH, _HEIGHT = 4.4, 3.0
_ALONE = 6.6
# Words that stand on lines.
_CLEAR = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
# In the place of the words that the list uses.
DECIDED = {"target": "send", "test": "test first", "leave": "do not send"}


def what_a_contact_adds(break_even: pd.DataFrame) -> Figure:
    """Gross profit that a contact adds ($ per household): best estimate, where the truth may lie, and its cost."""
    require(
        break_even,
        "break_even",
        [
            *("scenario", "used", "contact_cost", "break_even_contact_cost"),
            *("break_even_calibrated_lower", "break_even_calibrated_upper"),
        ],
    )
    row = break_even.loc[break_even["used"].astype(bool)].iloc[0]
    low, high = row["break_even_calibrated_lower"], row["break_even_calibrated_upper"]
    best, cost = row["break_even_contact_cost"], row["contact_cost"]
    figure = style.new_figure(_HEIGHT, _WIDTH)
    axes = style.add_axes(figure)
    axes.plot([low, high], [0, 0], color=style.BLUE, linewidth=9, alpha=0.35, solid_capstyle="butt")
    axes.plot([best], [0], "o", color=style.BLUE, markersize=11)
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.axvline(cost, color=style.VERMILION, linewidth=1.6, linestyle="--")
    near: dict[str, Any] = {"ha": "center", "fontsize": style.TEXT, "color": style.INK}
    axes.annotate(
        f"best estimate {numbers.price(best)}", (best, 0), (0, 14), textcoords="offset points", bbox=_CLEAR, **near
    )
    for end in (low, high):
        axes.annotate(numbers.price(end), (end, 0), (0, -20), textcoords="offset points", **near)
    axes.annotate(
        f"a contact costs {numbers.price(cost)}",
        (cost, -1),
        (5, 4),
        textcoords="offset points",
        fontsize=style.TEXT,
        color=style.VERMILION,
    )
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    style.grid(axes, "x")
    style.dollar_ticks(axes, "x")
    style.name_axes(axes, "Gross profit that a contact adds ($ per household)")
    return figure


def chance_by_cost(decision_by_cost: pd.DataFrame, break_even: pd.DataFrame) -> Figure:
    """The chance that a contact repays its cost (%), by its cost ($), shaded by what is decided there."""
    require(decision_by_cost, "decision_by_cost", ["contact_cost", "probability_pays_calibrated", "decision"])
    require(break_even, "break_even", ["scenario", "contact_cost", "used"])
    dial = decision_by_cost.sort_values("contact_cost")
    figure = style.new_figure(_HEIGHT, _WIDTH)
    axes = style.add_axes(figure)
    shade(axes, dial, DECIDED)
    axes.plot(dial["contact_cost"], dial["probability_pays_calibrated"], color=style.BLUE, linewidth=2.4)
    used = break_even.loc[break_even["used"].astype(bool)].iloc[0]
    axes.axvline(used["contact_cost"], color=style.VERMILION, linewidth=1.6, linestyle="--")
    axes.annotate(
        f"today: {numbers.price(used['contact_cost'])}",
        (used["contact_cost"], 0.04),
        xytext=(5, 0),
        textcoords="offset points",
        fontsize=style.TEXT,
        color=style.VERMILION,
    )
    axes.set_xlim(0, dial["contact_cost"].iloc[-1])
    axes.set_ylim(0, 1)
    style.grid(axes, "y")
    style.dollar_ticks(axes, "x")
    style.percent_ticks(axes, "y")
    style.name_axes(axes, "What a contact costs ($ per household)", "Chance it repays its cost")
    style.legend_above(figure, axes)
    return figure


def who_the_customers_are(segment_profiles: pd.DataFrame) -> Figure:
    """Each segment's share of households and of revenue (%), the largest revenue first, printed at the bars."""
    require(segment_profiles, "segment_profiles", ["segment_name", "share", "revenue", "revenue_share"])
    table = segment_profiles.sort_values("revenue", ascending=False, kind="stable")
    names = list(table["segment_name"])
    figure = style.new_figure(0.9 + max(style.row_height(names), 0.42) * len(table), _ALONE)
    axes = style.add_axes(figure)
    for name, place, colour, label in (
        ("share", -0.19, style.RULE, "share of households"),
        ("revenue_share", 0.19, style.BLUE, "share of revenue"),
    ):
        bars = axes.barh(
            [row + place for row in range(len(table))], table[name], height=0.36, color=colour, label=label
        )
        axes.bar_label(bars, [numbers.percent(share) for share in table[name]], padding=3, fontsize=style.SMALL)
    axes.set_xlim(0, 1.12 * max(table["share"].max(), table["revenue_share"].max()))
    style.label_rows(axes, names)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    style.legend_above(figure, axes)
    return figure
