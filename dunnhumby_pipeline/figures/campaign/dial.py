"""Pictures of the decision at every contact cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.targeting.dial import stretches
from dunnhumby_pipeline.words import numbers

# Behind the curves: what is decided there.
_SHADES = {"target": (style.GREEN, 0.14), "test": (style.ORANGE, 0.14), "leave": (style.RULE, 0.3)}
_DIAL = [
    "contact_cost",
    "probability_pays",
    "probability_pays_calibrated",
    "expected_profit",
    "calibrated_lower",
    "calibrated_upper",
    "decision",
]


def cost_dial(decision_by_cost: pd.DataFrame, break_even: pd.DataFrame) -> Figure:
    """P(a contact pays) and expected profit ($ per household) by contact cost ($).

    Shaded by what is decided; the calibrated curve allows for systematic error. Scenarios stand at their cost.
    """
    require(decision_by_cost, "decision_by_cost", _DIAL)
    require(break_even, "break_even", ["scenario", "contact_cost", "used"])
    dial = decision_by_cost.sort_values("contact_cost")
    cost = dial["contact_cost"].to_numpy(float)
    figure = style.new_figure(6.4)
    above, below = (style.add_axes(figure, position) for position in (211, 212))
    for axes in (above, below):
        style.grid(axes, "y")
        shade(axes, dial)
        for _, scenario in break_even.iterrows():
            axes.axvline(scenario["contact_cost"], color=style.MUTED, linestyle=":", linewidth=1.2)
        axes.set_xlim(0, cost[-1])
        style.dollar_ticks(axes, "x")
    above.plot(cost, dial["probability_pays_calibrated"], color=style.BLUE, linewidth=2.2, label="calibrated")
    above.plot(cost, dial["probability_pays"], color=style.BLUE, linewidth=1.2, linestyle="--", label="as estimated")
    above.set_ylim(0, 1)
    style.percent_ticks(above, "y")
    style.name_axes(above, "", "Probability that a contact pays (%)")
    below.fill_between(
        cost, dial["calibrated_lower"], dial["calibrated_upper"], color=style.BLUE, alpha=0.16, linewidth=0
    )
    below.plot(cost, dial["expected_profit"], color=style.BLUE, linewidth=2.2)
    style.zero_line(below, "y")
    style.dollar_ticks(below, "y")
    style.name_axes(below, "Contact cost ($ per household)", "Expected profit ($ per household)")
    _name_scenarios(above, break_even)
    style.legend_above(figure, above)
    return figure


def shade(axes: Axes, decision_by_cost: pd.DataFrame, names: Mapping[str, str] | None = None) -> None:
    """Shade the costs along the x axis by what is decided there, with a legend entry each; `names` puts other words in
    the place of the decisions'.
    """
    named: set[str] = set()
    for decision, first, last in stretches(decision_by_cost):
        label = None if decision in named else (names or {}).get(decision, decision)
        named.add(decision)
        colour, alpha = _SHADES[decision]
        axes.axvspan(first, last, color=colour, alpha=alpha, linewidth=0, label=label)


def _name_scenarios(axes: Axes, break_even: pd.DataFrame) -> None:
    """Names beside their lines, on rows of their own so that near costs stay readable."""
    ordered = break_even.sort_values("contact_cost")
    for row, (_, scenario) in enumerate(ordered.iterrows()):
        axes.annotate(
            f"{scenario['scenario']} ({numbers.price(scenario['contact_cost'])})",
            (scenario["contact_cost"], 0.06 + 0.1 * row),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=style.SMALL,
            color=style.INK,
            fontweight="bold" if scenario["used"] else "normal",
        )


def pays_map(pays_by_margin: pd.DataFrame, break_even: pd.DataFrame) -> Figure:
    """P(a contact pays), calibrated, by margin (%) and contact cost ($); scenarios stand where they are."""
    require(pays_by_margin, "pays_by_margin", ["margin", "contact_cost", "probability_pays_calibrated"])
    require(break_even, "break_even", ["scenario", "contact_cost", "margin", "used"])
    grid = pays_by_margin.pivot(index="margin", columns="contact_cost", values="probability_pays_calibrated")
    cost, margin = grid.columns.to_numpy(float), grid.index.to_numpy(float)
    figure = style.new_figure(4.6)
    axes = style.add_axes(figure)
    filled = axes.contourf(cost, margin, grid.to_numpy(), levels=np.linspace(0, 1, 21), cmap=style.SEQUENTIAL)
    lines = axes.contour(
        cost, margin, grid.to_numpy(), levels=[0.025, 0.25, 0.5, 0.75, 0.975], colors=style.INK, linewidths=0.9
    )
    axes.clabel(lines, fmt=numbers.percent, fontsize=style.SMALL)
    bar = figure.colorbar(filled, ax=axes)
    bar.set_label("Probability that a contact pays (%)")
    style.percent_ticks(bar.ax, "y")
    for _, scenario in break_even.iterrows():
        axes.plot(
            scenario["contact_cost"],
            scenario["margin"],
            "o",
            color=style.VERMILION if scenario["used"] else "white",
            markeredgecolor=style.INK,
            clip_on=False,
            zorder=3,
        )
    style.dollar_ticks(axes, "x")
    style.percent_ticks(axes, "y")
    style.name_axes(axes, "Contact cost ($ per household)", "Margin (% of sales)")
    return figure
