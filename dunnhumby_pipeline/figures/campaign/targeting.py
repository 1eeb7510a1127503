"""Pictures of what targeting is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, draw_forest
from dunnhumby_pipeline.words import numbers, terms


def roi_curve(curve: pd.DataFrame, chosen_share: float | None = None) -> Figure:
    """Value ($ per household) of targeting the share (%) of households with the largest estimated effects.

    The band is the interval. The dashed line is targeting at random: from zero to the value of targeting
    everybody, drawn when the curve reaches 100%. `chosen_share` marks the policy in use.
    """
    require(curve, "roi_curve", ["share_targeted", "value", "ci_lower", "ci_upper"])
    points = curve.sort_values("share_targeted")
    share = points["share_targeted"].to_numpy(float)
    bounds = points[["value", "ci_lower", "ci_upper"]].to_numpy(float)
    if share[0] > 0:
        # Targeting nobody earns and costs nothing, so the curve starts at zero with certainty.
        share, bounds = np.insert(share, 0, 0.0), np.vstack([np.zeros(3), bounds])

    figure = style.new_figure(4.2)
    axes = style.add_axes(figure)
    style.grid(axes, "y")
    style.zero_line(axes, "y")
    axes.fill_between(share, bounds[:, 1], bounds[:, 2], color=style.BLUE, alpha=0.16, linewidth=0, label="interval")
    axes.plot(share, bounds[:, 0], color=style.BLUE, linewidth=2.2, label="largest estimated effects first")
    if np.isclose(share[-1], 1):
        axes.plot([0, 1], [0, bounds[-1, 0]], color=style.MUTED, linestyle="--", label="at random")
    if chosen_share is not None:
        axes.axvline(
            chosen_share,
            color=style.VERMILION,
            linestyle=":",
            linewidth=1.6,
            label=f"policy in use: {numbers.percent(chosen_share)}",
        )
    axes.set_xlim(0, 1)
    style.percent_ticks(axes, "x")
    style.dollar_ticks(axes, "y")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Share of households targeted (%)", "Value ($ profit per household)")
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
