"""Pictures of doubt: effects where there can be none, and what it would take to overturn the effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import stats

from dunnhumby_pipeline.contracts.frames import in_campaign_order, require
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PLACEBO_CAMPAIGN, PLACEBO_OUTCOME, PRIMARY_OUTCOME
from dunnhumby_pipeline.figures.campaign.bounds import true_bounds
from dunnhumby_pipeline.figures.campaign.contour import confounding_contour
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, common_limits, draw_forest, effect_axis, effect_ticks
from dunnhumby_pipeline.words import numbers, terms

__all__ = ["confounding_contour", "event_study", "negative_controls", "rosenbaum", "true_bounds"]

LABEL_WIDTH = 40
LEAST_P = 1e-4
_BOUNDS = ["estimate", "ci_lower", "ci_upper"]
_CONTROLS = {
    PLACEBO_OUTCOME: "Placebo outcome: spend before the look-back",
    PLACEBO_CAMPAIGN: "Placebo campaign: the campaign moved back to where there was none",
}


def event_study(event_study: pd.DataFrame) -> Figure:
    """Effect on spend ($ per household and week) with intervals by week around the index day.

    Week 0 begins on the index day. Before it (hollow) nothing can have an effect: what differs from zero there was
    different between the arms already. Below stands how many trials each week rests on.
    """
    weeks = require(event_study, "event_study", ["week", "phase", *_BOUNDS, "n_trials"]).sort_values("week")
    figure = style.new_figure(4.6)
    parts = figure.add_gridspec(2, 1, height_ratios=[4, 1])
    axes = style.add_axes(figure, parts[0])
    sizes = style.add_axes(figure, parts[1], sharex=axes)
    style.zero_line(axes, "y")
    style.grid(axes, "y")
    for phase, rows in weeks.groupby("phase", sort=False):
        before = bool((rows["week"] < 0).all())
        colour = style.MUTED if before else style.BLUE
        known = rows["ci_lower"].notna() & rows["ci_upper"].notna()
        axes.vlines(
            rows.loc[known, "week"],
            rows.loc[known, "ci_lower"],
            rows.loc[known, "ci_upper"],
            color=colour,
            linewidth=2.0,
            label="_interval",
        )
        axes.plot(
            rows["week"],
            rows["estimate"],
            "o",
            markeredgecolor=colour,
            markerfacecolor="white" if before else colour,
            markersize=6,
            label=f"{phase} the index day",
        )
    for panel in (axes, sizes):
        label = "index day" if panel is axes else "_index_day"
        panel.axvline(-0.5, color=style.VERMILION, linestyle="--", linewidth=1.4, label=label)
    sizes.vlines(weeks["week"], 0, weeks["n_trials"], color=style.RULE, linewidth=5, label="_sizes")
    sizes.set_ylim(0, 1.25 * float(weeks["n_trials"].max()))
    sizes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    sizes.xaxis.set_major_locator(MaxNLocator(13, integer=True))
    axes.tick_params(labelbottom=False)
    style.number_ticks(sizes, "y")
    style.dollar_ticks(axes, "y")
    style.legend_above(figure, axes)
    style.name_axes(axes, "", "Effect on spend\n($ per household and week)")
    style.name_axes(sizes, "Week (0 begins on the index day)", "Trials")
    return figure


def negative_controls(negative_controls: pd.DataFrame, matters: float) -> Figure:
    """Effects that must be zero when the design holds, with intervals: one panel per control.

    $ per household over the outcome window, whatever the days that the control sees. Over all campaigns (bold) and by
    campaign. An interval that excludes zero is vermilion: there the arms were not alike. Between the shaded bounds an
    effect is smaller than `matters`.
    """
    columns = ["control", "campaign", "n_trials", "n_days", *_BOUNDS]
    require(negative_controls, "negative_controls", columns)
    panels = [
        (_CONTROLS.get(str(control), terms.spoken(str(control))), [_control_row(row) for _, row in rows.iterrows()])
        for control, rows in in_campaign_order(negative_controls).groupby("control", sort=False)
    ]
    figure = style.new_figure(0.65 + sum(0.5 + 0.36 * len(rows) for _, rows in panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=[0.3 + 0.36 * len(rows) for _, rows in panels])
    limits = common_limits([row for _, rows in panels for row in rows])
    for place, (title, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[place])
        draw_forest(axes, rows, limits=limits)
        if limits:
            axes.axvspan(max(-matters, limits[0]), min(matters, limits[1]), color=style.SHADE, zorder=0, linewidth=0)
        style.label_rows(axes, [row.label for row in rows], [row.strong for row in rows], LABEL_WIDTH)
        style.dollar_ticks(axes, "x")
        last = place == len(panels) - 1
        axes.tick_params(labelbottom=last)
        style.name_axes(axes, _axis(matters) if last else "", "", title)
    return figure


def _axis(matters: float) -> str:
    return f"Effect where there can be none ($ per household over the outcome window; under ${matters:,.4g} shaded)"


def _control_row(row: pd.Series) -> ForestRow:
    together = str(row["campaign"]) == ALL_CAMPAIGNS
    found = numbers.verdict(row["ci_lower"], row["ci_upper"]) in ("above zero", "below zero")
    campaign = "All campaigns" if together else f"Campaign {row['campaign']}"
    return ForestRow(
        f"{campaign} ({numbers.count(row['n_trials'])} trials, {numbers.count(row['n_days'])} days)",
        row["estimate"],
        row["ci_lower"],
        row["ci_upper"],
        numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$"),
        style.VERMILION if found else style.BLUE,
        together,
    )


def rosenbaum(rosenbaum_bounds: pd.DataFrame, significance: float = 0.05, outcome: str = PRIMARY_OUTCOME) -> Figure:
    """Matched pairs under hidden bias of growing strength gamma (Rosenbaum 2002): bounds of p, and of the effect.

    gamma: how many times as likely, in odds, one of a pair may be to be targeted. Where the upper p passes the line
    at `significance`, such a bias could explain the finding. At the right the bounds of the Hodges-Lehmann estimate.
    p-values under 0.0001 are drawn there. The effect in the unit of `terms.outcome`, per household.
    """
    columns = ["gamma", "p_value_lower", "p_value_upper", "hodges_lehmann_lower", "hodges_lehmann_upper", "n_pairs"]
    bounds = require(rosenbaum_bounds, "rosenbaum_bounds", columns).sort_values("gamma")
    gamma, lower, upper = (bounds[name].to_numpy(dtype=float) for name in columns[:3])
    if not np.isfinite(upper).any():
        return style.sentence("In none of the matched pairs does the outcome differ: there is nothing to explain.")
    figure = style.new_figure(3.9)
    grid = figure.add_gridspec(1, 2)
    axes, effect = style.add_axes(figure, grid[0]), style.add_axes(figure, grid[1])
    low, high = np.maximum(lower, LEAST_P), np.maximum(upper, LEAST_P)
    axes.fill_between(gamma, low, high, color=style.BLUE, alpha=0.14, linewidth=0, label="_between")
    axes.plot(gamma, high, color=style.BLUE, linewidth=2.2, label="upper bound of p")
    axes.plot(gamma, low, color=style.BLUE, linewidth=1.4, linestyle=":", label="lower bound of p")
    axes.axhline(significance, color=style.VERMILION, linestyle="--", linewidth=1.3, label=f"{100 * significance:g}%")
    axes.set_yscale("log")
    axes.set_ylim(LEAST_P / 1.3, 1.4)
    style.number_ticks(axes, "y")
    axes.yaxis.set_minor_formatter(lambda *_: "")
    name, unit = terms.outcome(outcome)
    ends = terms.outcome_scale(outcome)[0] * bounds[columns[3:5]].to_numpy(dtype=float)
    style.zero_line(effect, "y")
    effect.fill_between(gamma, ends[:, 0], ends[:, 1], color=style.ORANGE, alpha=0.3, linewidth=0, label="_effect")
    effect.plot(gamma, ends, color=style.ORANGE, linewidth=1.8, label="_effect")
    effect_ticks(effect, unit, "y")
    for panel in (axes, effect):
        style.grid(panel, "y")
        panel.margins(x=0)
    style.legend_above(figure, axes)
    n_pairs = numbers.count(bounds["n_pairs"].max())
    style.name_axes(
        axes, "Hidden bias gamma (odds within a pair)", "p-value (logarithmic)", _turning(gamma, upper, significance)
    )
    style.name_axes(
        effect,
        "Hidden bias gamma (odds within a pair)",
        effect_axis(name, unit),
        f"Range of the effect, {n_pairs} pairs",
    )
    return figure


def _turning(gamma: NDArray[np.float64], upper: NDArray[np.float64], significance: float) -> str:
    """At which gamma the upper p passes `significance`, in words."""
    level = f"{100 * significance:g}%"
    above = np.flatnonzero(upper > significance)
    if not len(above):
        return f"p stays under {level} to gamma {gamma[-1]:.2g}"
    if above[0] == 0:
        return f"p is {numbers.number(upper[0], 2)} without any hidden bias"
    last = above[0] - 1
    # Between two gammas the deviate is nearly straight, and p is not.
    deviates = stats.norm.ppf(np.clip(upper[[last, last + 1]], 1e-12, 1 - 1e-12))
    passed = np.interp(stats.norm.ppf(significance), deviates, gamma[[last, last + 1]])
    return f"p passes {level} at gamma {passed:.2f}"
