"""Pictures of what effects that differ could have been found, and of what refutes the analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.cate.power.curve import fit_curve
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers, terms

_TESTS = {"gate": style.BLUE, "blp": style.ORANGE, "autoc": style.GREEN, "proven": style.INK}
_POWER = ["outcome", "procedure", "measure", "name", "shape", "spread", "n_draws", "n_counted", "share", "share_se"]
_DETECTABLE = ["outcome", "procedure", "test", "shape", "spread", "largest_planted"]
_DRAWS = ["refuter", "subject", "drawn_by", "value"]
_TARGET = 0.8


def power_curves(study_power: pd.DataFrame, detectable_spread: pd.DataFrame, procedure: str) -> Figure:
    """Share of draws in which each test finds planted effects, by their spread: a panel for each outcome.

    Points are shares with their Monte-Carlo error (2 standard errors), lines the fitted probit curves, and the dashed
    line is 80 %. Marked is the spread at which effects are proven, by gate and BLP, four times in five.
    """
    require(study_power, "study_power", _POWER)
    require(detectable_spread, "detectable_spread", _DETECTABLE)
    rows = study_power.loc[(study_power["measure"] == "found") & (study_power["procedure"] == procedure)]
    rows = rows.loc[rows["shape"].isin(["all", "none"])]
    outcomes = list(rows["outcome"].unique())
    if not outcomes:
        return style.sentence("No effects were planted.")
    figure = style.new_figure(4.2)
    panels = figure.add_gridspec(1, len(outcomes))
    for number, outcome in enumerate(outcomes):
        axes = style.add_axes(figure, panels[number])
        style.grid(axes, "y")
        of_outcome = rows.loc[rows["outcome"] == outcome]
        scale, sign = terms.outcome_scale(outcome)
        of_outcome = of_outcome.assign(spread=scale * of_outcome["spread"])
        largest = float(of_outcome["spread"].max())
        axes.axhline(_TARGET, color=style.MUTED, linestyle="--", linewidth=1.0)
        for test, colour in _TESTS.items():
            own = of_outcome.loc[of_outcome["name"] == test].sort_values("spread")
            if own.empty:
                continue
            label, width = terms.effect_test(test).partition(":")[0], 2.4 if test == "proven" else 1.4
            half = 2 * own["share_se"]
            axes.errorbar(own["spread"], own["share"], half, fmt="o", color=colour, markersize=3.5, elinewidth=0.8)
            planted = own.loc[own["spread"] > 0]
            if planted["spread"].nunique() > 1:
                curve = fit_curve(*(planted[name].to_numpy(float) for name in ("spread", "n_draws", "n_counted")))
                at = np.linspace(0, largest, 100)
                axes.plot(at, curve.share(at), color=colour, linewidth=width, label=label)
        _mark(axes, detectable_spread, outcome, procedure)
        axes.set_ylim(-0.03, 1.05)
        axes.set_xlim(-0.02 * largest, 1.03 * largest)
        style.percent_ticks(axes, "y")
        label, unit = terms.outcome(outcome)
        if sign == "$":
            style.dollar_ticks(axes, "x")
        y = "Draws in which effects are found" if number == 0 else ""
        style.name_axes(axes, f"Spread of effects between trials ({unit})", y, label)
        if number == 0:
            style.legend_above(figure, axes)
    return figure


def _mark(axes: Axes, detectable: pd.DataFrame, outcome: str, procedure: str) -> None:
    found = detectable.loc[
        (detectable["outcome"] == outcome)
        & (detectable["procedure"] == procedure)
        & (detectable["test"] == "proven")
        & (detectable["shape"] == "all")
    ]
    if found.empty or not numbers.is_number(found["spread"].iloc[0]):
        return
    spread = float(found["spread"].iloc[0]) * terms.outcome_scale(outcome)[0]
    axes.plot([spread, spread], [0, _TARGET], color=style.VERMILION, linewidth=1.4)
    axes.plot([spread], [_TARGET], "o", color=style.VERMILION, markersize=6)
    axes.annotate(
        terms.outcome_amount(outcome, float(found["spread"].iloc[0])),
        (spread, 0.02),
        xytext=(5, 2),
        textcoords="offset points",
        fontsize=style.SMALL,
        color=style.VERMILION,
        parse_math=False,
    )


def refutations(refutation: pd.DataFrame, draws: pd.DataFrame) -> Figure:
    """Every draw of every refuter, beside the study's own value: a panel for the effect, one for effects that differ.

    Hollow marks are draws, the bar is their mean, the line the study's own value; a refutation that was not passed is
    vermilion.
    """
    require(refutation, "refutation", ["refuter", "subject", "drawn_by", "observed", "draws_mean", "passed"])
    require(draws, "refutation_draws", _DRAWS)
    subjects = list(refutation["subject"].unique())
    sizes = [max(int((refutation["subject"] == subject).sum()), 1) for subject in subjects]
    figure = style.new_figure(1.1 * len(subjects) + 0.34 * sum(sizes))
    grid = figure.add_gridspec(len(subjects), 1, height_ratios=sizes)
    rng = np.random.default_rng(0)
    for number, subject in enumerate(subjects):
        axes = style.add_axes(figure, grid[number])
        style.grid(axes, "x")
        style.zero_line(axes, "x")
        rows = refutation.loc[refutation["subject"] == subject].reset_index(drop=True)
        for place, row in rows.iterrows():
            key = (draws["refuter"] == row["refuter"]) & (draws["subject"] == subject)
            values = draws.loc[key & (draws["drawn_by"] == row["drawn_by"]), "value"].to_numpy(float)
            colour = style.BLUE if row["passed"] else style.VERMILION
            beside = place + rng.uniform(-0.22, 0.22, len(values))
            size, edge = (18, 0.8) if len(values) <= 60 else (6, 0.4)
            axes.scatter(values, beside, s=size, facecolors="none", edgecolors=colour, linewidths=edge)
            axes.plot([row["draws_mean"]] * 2, [place - 0.36, place + 0.36], color=colour, linewidth=2.2)
            axes.plot([row["observed"]] * 2, [place - 0.44, place + 0.44], color=style.INK, linewidth=1.2)
        style.label_rows(axes, [_refuter(row) for _, row in rows.iterrows()])
        effect = subject == "average effect"
        if effect:
            style.dollar_ticks(axes, "x")
        unit = (
            "Effect on gross profit ($ per household)" if effect else "Gain over one effect for all (standard errors)"
        )
        style.name_axes(axes, unit, "", subject[0].upper() + subject[1:])
    return figure


def _refuter(row: pd.Series) -> str:
    return f"{terms.spoken(row['refuter'])}{' (dowhy)' if row['drawn_by'] == 'dowhy' else ''}"
