"""Pictures of what targeting is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, draw_forest
from dunnhumby_pipeline.words import numbers, terms

_CURVES = {
    "profit": ("Value ($ profit per household)", "at random"),
    "qini": ("Gross profit before contacts ($)", "at random"),
    "roi": ("Profit per $ spent on contacts ($)", ""),
}


def roi_curve(curves: pd.DataFrame, curve: str = "profit", chosen_share: float | None = None) -> Figure:
    """One of the curves of the table roi_curve, as the households with the largest estimated effects are targeted.

    `curve`: profit ($ per household) or roi ($ per $ spent) by the share targeted, or qini (gross profit before
    contacts are paid, $ per household) by what is spent on them, with the line above which contacts pay. The pale band
    holds at all shares at once, the darker one at each. The dashed line is targeting at random, drawn when the curve
    reaches 100%. `chosen_share` marks the policy in use.
    """
    require(
        curves,
        "roi_curve",
        ["curve", "share_targeted", "spent", "value", "ci_lower", "ci_upper", "band_lower", "band_upper"],
    )
    points = curves.loc[curves["curve"] == curve].sort_values("share_targeted")
    share = points["share_targeted"].to_numpy(float)
    at = points["spent"].to_numpy(float) if curve == "qini" else share
    bounds = points[["value", "ci_lower", "ci_upper", "band_lower", "band_upper"]].to_numpy(float)
    if curve != "roi" and share[0] > 0:
        # Targeting nobody earns and costs nothing, so the curve starts at zero with certainty.
        share, at, bounds = np.insert(share, 0, 0.0), np.insert(at, 0, 0.0), np.vstack([np.zeros(5), bounds])
    value, low, high, lowest, highest = bounds.T

    figure = style.new_figure(4.2)
    axes = style.add_axes(figure)
    style.grid(axes, "y")
    style.zero_line(axes, "y")
    axes.fill_between(at, lowest, highest, color=style.BLUE, alpha=0.12, linewidth=0, label="band for all shares")
    axes.fill_between(at, low, high, color=style.BLUE, alpha=0.2, linewidth=0, label="interval at each")
    axes.plot(at, value, color=style.BLUE, linewidth=2.2, label="largest estimated effects first")
    name, by_lot = _CURVES[curve]
    if by_lot and np.isclose(share[-1], 1):
        axes.plot([0, at[-1]], [0, value[-1]], color=style.MUTED, linestyle="--", label=by_lot)
    if curve == "qini":
        axes.plot([0, at[-1]], [0, at[-1]], color=style.VERMILION, linewidth=1.4, label="contacts pay above")
    if chosen_share is not None:
        marked = chosen_share * at[-1] / share[-1]
        label = f"policy in use: {numbers.percent(chosen_share)}"
        axes.axvline(marked, color=style.VERMILION, linestyle=":", linewidth=1.6, label=label)
    axes.set_xlim(0, at[-1] if at[-1] > 0 else 1)
    if curve == "qini":
        style.dollar_ticks(axes, "x")
    else:
        axes.set_xlim(0, 1)
        style.percent_ticks(axes, "x")
    style.dollar_ticks(axes, "y")
    style.legend_above(figure, axes)
    across = "Spent on contacts ($ per household)" if curve == "qini" else "Share of households targeted (%)"
    style.name_axes(axes, across, name)
    return figure


def risk_frontier(frontier: pd.DataFrame) -> Figure:
    """What caution costs. On the left (1 - weight) x value + weight x lower end of its interval ($ per household) by
    that weight, 0 to 1, for the policies that are best at some weight; on the right every policy's value against its
    standard error, the best in the same colours, joined.

    `frontier`: policy, value, value_se, ci_lower, and best_from (the weight from which it is best; null of others).
    """
    require(frontier, "frontier", ["policy", "value", "value_se", "ci_lower", "best_from"])
    best = frontier.dropna(subset=["best_from"]).sort_values("best_from")
    figure = style.new_figure(3.9)
    by_weight, by_risk = style.add_axes(figure, 121), style.add_axes(figure, 122)
    for axes in (by_weight, by_risk):
        style.grid(axes, "y")
        style.zero_line(axes, "y")
        style.dollar_ticks(axes, "y")
    by_risk.plot(frontier["value_se"], frontier["value"], "o", color=style.MUTED, markersize=4)
    by_risk.plot(best["value_se"], best["value"], color=style.MUTED, linewidth=1.2)
    for place, (_, row) in enumerate(best.iterrows()):
        colour, name = style.CYCLE[place % len(style.CYCLE)], terms.policy(row["policy"])
        by_weight.plot([0, 1], [row["value"], row["ci_lower"]], color=colour, label=name)
        by_risk.plot(row["value_se"], row["value"], "o", color=colour)
    by_weight.set_xlim(0, 1)
    style.dollar_ticks(by_risk, "x")
    style.legend_above(figure, by_weight, 3)
    style.name_axes(by_weight, "Weight of the lower end", "Risk-adjusted value ($ per household)")
    style.name_axes(by_risk, "Standard error of the value ($)", "Value ($ per household)")
    return figure


def policy_comparison(policy_value: pd.DataFrame) -> Figure:
    """Honest value ($ per household) of each policy with its interval, and the value its own model claimed.

    Beside each row: share of households targeted, honest value, claimed value. The policy in use is bold.
    """
    require(
        policy_value,
        "policy_value",
        ["policy", "share_targeted", "value", "ci_lower", "ci_upper", "claimed_value", "chosen"],
    )
    rows = [_policy_row(row) for _, row in policy_value.iterrows()]
    figure = style.new_figure(1.25 + style.row_height([row.label for row in rows]) * len(rows))
    axes = style.add_axes(figure)
    draw_forest(axes, rows, legend="honest value and its interval")
    axes.plot(
        policy_value["claimed_value"],
        range(len(rows)),
        "D",
        markerfacecolor="white",
        markeredgecolor=style.VERMILION,
        markeredgewidth=1.6,
        markersize=6,
        label="value claimed by the model",
    )
    style.dollar_ticks(axes, "x")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Value ($ profit per household)", "Policy (share targeted)")
    return figure


def _policy_row(row: pd.Series) -> ForestRow:
    honest = numbers.interval(row["value"], row["ci_lower"], row["ci_upper"], "$")
    claimed = numbers.beside_interval(row["claimed_value"], row["ci_lower"], row["ci_upper"], "$")
    return ForestRow(
        label=f"{terms.policy(row['policy'])} ({numbers.percent(row['share_targeted'])})",
        estimate=row["value"],
        lower=row["ci_lower"],
        upper=row["ci_upper"],
        printed=f"{honest}, claimed {claimed}" if numbers.is_number(row["value"]) else "no value",
        strong=bool(row["chosen"]),
    )
