"""Pictures of randomised experiments: how large one is to be, and what one has taught."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers

_DESIGN = ["n_households", "feasible", "power", "detectable_effect", "value_of_test", "cost_of_test", "net_value"]
_LOOKS = [
    "kind",
    "information",
    "effect",
    "sequence_lower",
    "sequence_upper",
    "boundary_lower",
    "boundary_upper",
    "contact_cost",
]
_BELIEFS = ["study_effect", "prior_sd", "effect", "effect_se", "posterior_effect", "posterior_sd", "contact_cost"]


def power_and_value(experiment_design: pd.DataFrame, power: float) -> Figure:
    """Power for the effect that pays (%), smallest effect that is found with the power that is set ($ per household),
    and value and cost of the test ($), by the households in it. Sizes for which there are households alone.
    """
    require(experiment_design, "experiment_design", [*_DESIGN, "smallest_effect"])
    design = experiment_design[experiment_design["feasible"].astype(bool)].sort_values("n_households")
    size = design["n_households"].to_numpy(float)
    figure = style.new_figure(8.4)
    first, above, below = (style.add_axes(figure, position) for position in (311, 312, 313))
    first.plot(size, design["power"], color=style.ORANGE, linewidth=2.2, label="power for the effect that pays")
    first.axhline(power, color=style.MUTED, linestyle="--", linewidth=1.2, label="power that is set")
    first.set_ylim(0, 1)
    style.percent_ticks(first, "y")
    style.name_axes(first, "", "Power (%)")
    first.legend(loc="best", fontsize=style.SMALL, frameon=False)
    style.grid(first, "y")
    first.set_xlim(0, size[-1] * 1.02)
    for axes in (above, below):
        style.grid(axes, "y")
        style.dollar_ticks(axes, "y")
        axes.set_xlim(0, size[-1] * 1.02)
    above.plot(size, design["detectable_effect"], color=style.BLUE, linewidth=2.2, label="effect that is found")
    above.axhline(
        design["smallest_effect"].iloc[0], color=style.MUTED, linestyle=":", linewidth=1.4, label="effect that pays"
    )
    above.set_ylim(0, float(design["detectable_effect"].max()) * 1.05)
    style.name_axes(above, "", f"Effect found with power {numbers.percent(power)} ($)")
    below.plot(size, design["value_of_test"], color=style.GREEN, linewidth=2.2, label="value of the test")
    below.plot(size, design["cost_of_test"], color=style.VERMILION, linewidth=2.2, linestyle="--", label="its cost")
    below.plot(size, design["net_value"], color=style.INK, linewidth=1.4, label="value minus cost")
    best = design.loc[design["net_value"].idxmax()]
    below.plot(best["n_households"], best["net_value"], "o", color=style.INK, label="worth most")
    style.zero_line(below, "y")
    style.name_axes(below, "Households in the test", "Expected over deciding today ($)")
    above.legend(loc="best", fontsize=style.SMALL, frameon=False)
    below.legend(loc="best", fontsize=style.SMALL, frameon=False, ncols=2)
    return figure


def learnt(experiment_result: pd.DataFrame) -> Figure:
    """The last experiment: what the study had said, systematic error allowed for, what the experiment found, and what
    is believed now, as densities of the effect on profit before the contact ($ per household): normals with
    the mean and standard deviation of each.
    """
    require(experiment_result, "experiment_result", _BELIEFS)
    last = experiment_result.iloc[-1]
    shown = (
        ("study, calibrated", last["study_effect"], last["prior_sd"], style.RULE, "--"),
        ("experiment", last["effect"], last["effect_se"], style.ORANGE, "-."),
        ("believed now", last["posterior_effect"], last["posterior_sd"], style.BLUE, "-"),
    )
    low, high = (float(end([mean + sign * 3 * sd for _, mean, sd, *_ in shown])) for sign, end in ((-1, min), (1, max)))
    effect = np.linspace(low, high, 600)
    figure = style.new_figure(4.2)
    axes = style.add_axes(figure)
    style.grid(axes, "x")
    for name, mean, sd, color, line in shown:
        density = stats.norm.pdf(effect, mean, sd)
        axes.plot(effect, density, color=color, linestyle=line, linewidth=2.2, label=f"{name}: {numbers.price(mean)}")
    axes.axvline(last["contact_cost"], color=style.VERMILION, linestyle=":", linewidth=1.6, label="a contact costs")
    axes.set_yticks([])
    axes.set_ylim(bottom=0)
    style.dollar_ticks(axes, "x")
    style.name_axes(axes, "Effect on profit before the contact ($ per household)", "Density")
    style.legend_above(figure, axes)
    return figure


def monitoring(looks: pd.DataFrame) -> Figure:
    """The effect so far ($ per household) at every look at one experiment, over the share of the information: the
    interval that holds at all looks, and the one by the O'Brien-Fleming boundary. Looks at which the arms did not
    match are marked on the axis, as no effect was read.
    """
    require(looks, "experiment_looks", _LOOKS)
    read = looks.loc[looks["effect"].notna()].drop_duplicates("information", keep="last").sort_values("information")
    refused = looks.loc[looks["effect"].isna(), "information"].to_numpy(float)
    figure = style.new_figure(4.4)
    axes = style.add_axes(figure)
    style.grid(axes, "y")
    share, effect = read["information"].to_numpy(float), read["effect"].to_numpy(float)
    for ends, color, width, shift, name in (
        ("sequence", style.BLUE, 7.0, -0.006, "holds at all looks"),
        ("boundary", style.ORANGE, 3.0, 0.006, "O'Brien-Fleming"),
    ):
        lower, upper = (read[f"{ends}_{end}"].to_numpy(float) for end in ("lower", "upper"))
        axes.vlines(share + shift, lower, upper, color=color, linewidth=width, alpha=0.55, label=name)
    axes.plot(share, effect, "o-", color=style.INK, linewidth=1.4, markersize=6, label="effect so far")
    cost = float(looks["contact_cost"].iloc[-1])
    axes.axhline(
        cost, color=style.VERMILION, linestyle=":", linewidth=1.6, label=f"a contact costs {numbers.price(cost)}"
    )
    if len(refused):
        axes.plot(
            refused,
            np.zeros(len(refused)),
            "x",
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            color=style.VERMILION,
            markersize=9,
            label="arms do not match: not read",
        )
    style.zero_line(axes, "y")
    axes.set_xlim(0, 1.04)
    style.percent_ticks(axes, "x")
    style.dollar_ticks(axes, "y")
    style.name_axes(axes, "Information (% of the household-days planned)", "Effect on profit ($ per household)")
    style.legend_above(figure, axes)
    return figure
