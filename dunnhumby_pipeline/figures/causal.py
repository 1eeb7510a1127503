"""Pictures of trials, overlap, balance and average effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from dunnhumby_pipeline.causal.names import ALL_WAVES
from dunnhumby_pipeline.figures import style, words
from dunnhumby_pipeline.figures.forest import ForestRow, draw_forest
from dunnhumby_pipeline.figures.frames import in_wave_order, require

BINS = np.linspace(0, 1, 41)
WAVE_BINS = np.linspace(0, 1, 21)
WAVE_COLUMNS = 5
COVARIATE_WIDTH = 52
_WEIGHTINGS = (
    ("none", "unweighted", "o", style.MUTED, "white"),
    ("entropy", "entropy balancing", "D", style.ORANGE, style.ORANGE),
    ("overlap", "overlap weights", "o", style.BLUE, style.BLUE),
)


def propensity_overlap(propensity: pd.DataFrame, region: tuple[float, float] = (0.1, 0.9)) -> Figure:
    """Share of each arm's trials (%) by propensity: treated upward, control downward; one panel a wave below.

    Propensities outside `region` are shaded: there, one arm is too rare to compare.
    """
    require(propensity, "propensity", ["campaign", "treated", "propensity"])
    waves = list(propensity["campaign"].unique())
    small_rows = -(-len(waves) // WAVE_COLUMNS) if len(waves) > 1 else 0
    figure = style.new_figure(3.6 + 1.75 * small_rows)
    if not small_rows:
        _whole_panel(figure, propensity, region)
        return figure
    parts = figure.add_gridspec(2, 1, height_ratios=[3.6, 1.75 * small_rows])
    _whole_panel(figure.add_subfigure(parts[0]), propensity, region)
    _wave_panels(figure.add_subfigure(parts[1]), propensity, waves, region)
    return figure


def _whole_panel(parent: Figure | SubFigure, propensity: pd.DataFrame, region: tuple[float, float]) -> None:
    axes = style.add_axes(parent)
    _mirrored_histogram(axes, propensity, region, BINS)
    style.legend_above(parent, axes)
    style.name_axes(axes, "Propensity: chance of being targeted, given the look-back", "Share of the arm (%)")


def _wave_panels(parent: SubFigure, propensity: pd.DataFrame, waves: list[object], region: tuple[float, float]) -> None:
    columns = min(WAVE_COLUMNS, len(waves))
    grid = parent.add_gridspec(-(-len(waves) // columns), columns)
    tallest = 0.0
    panels: list[Axes] = []
    for position, wave in enumerate(waves):
        trials = propensity.loc[propensity["campaign"] == wave]
        axes = style.add_axes(parent, grid[position // columns, position % columns])
        tallest = max(tallest, _mirrored_histogram(axes, trials, region, WAVE_BINS))
        panels.append(axes)
        treated = int(trials["treated"].sum())
        axes.set_title(
            f"Wave {wave}: {words.count(treated)} / {words.count(len(trials) - treated)}",
            loc="left",
            fontsize=style.SMALL,
            color=style.INK,
        )
        axes.set_xticks([0, 0.5, 1], labels=["0", "0.5", "1"])
        axes.tick_params(labelsize=style.SMALL - 1, labelleft=position % columns == 0)
    for axes in panels:
        axes.set_ylim(-1.1 * tallest, 1.1 * tallest)
    parent.supxlabel("Propensity, wave by wave (treated / control trials)", fontsize=style.TEXT, color=style.INK)


def _mirrored_histogram(axes: Axes, trials: pd.DataFrame, region: tuple[float, float], bins: np.ndarray) -> float:
    """Draws both arms; the height of the tallest bar, as a share of its arm."""
    lower, upper = region
    outside = ~trials["propensity"].between(lower, upper)
    tallest = 0.0
    for arm, side, name, colour in ((1, 1, "treated", style.TREATED), (0, -1, "control", style.CONTROL)):
        values = trials.loc[trials["treated"] == arm, "propensity"]
        heights = np.histogram(values, bins)[0] / max(len(values), 1)
        tallest = max(tallest, float(heights.max()))
        axes.bar(
            bins[:-1],
            side * heights,
            width=np.diff(bins),
            align="edge",
            color=colour,
            label=f"{name}: {words.count(len(values))} trials",
        )
    note = f"outside {lower:g} to {upper:g}: {words.percent(outside.mean())} of trials"
    for start, end, label in ((0.0, lower, "_shade"), (upper, 1.0, note)):
        axes.axvspan(start, end, color=style.SHADE, zorder=0, linewidth=0, label=label)
    axes.axhline(0, color=style.INK, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(-1.1 * tallest, 1.1 * tallest)
    style.percent_ticks(axes, "y")
    return tallest


def love_plot(covariate_balance: pd.DataFrame, ceiling: float, max_rows: int = 30) -> Figure:
    """Absolute standardised mean difference (SMD) of each covariate between arms, by weighting.

    The `max_rows` covariates with the largest difference under any weighting are drawn, worst first by the
    unweighted one; the dashed line is the `ceiling` that a weighted difference must stay under.
    """
    require(covariate_balance, "covariate_balance", ["covariate", "weighting", "smd"])
    table = covariate_balance.pivot(index="covariate", columns="weighting", values="smd").abs()
    worst = table.max(axis=1).sort_values(ascending=False)
    shown = table.loc[worst.index[:max_rows]]
    order_by = "none" if "none" in shown.columns else shown.columns[0]
    shown = shown.sort_values(order_by, ascending=False)

    figure = style.new_figure(1.3 + 0.24 * len(shown))
    axes = style.add_axes(figure)
    rows = np.arange(len(shown))
    style.grid(axes, "y")
    for weighting, label, marker, edge, face in _WEIGHTINGS:
        if weighting in shown.columns:
            axes.plot(
                shown[weighting],
                rows,
                marker,
                markeredgecolor=edge,
                markerfacecolor=face,
                markersize=5.5,
                label=f"{label}, worst {words.number(table[weighting].max(), 2)}",
                zorder=3,
            )
    axes.axvline(ceiling, color=style.INK, linestyle="--", linewidth=1.1, label=f"ceiling {ceiling:g}")
    style.label_rows(axes, [words.spoken(covariate) for covariate in shown.index], width=COVARIATE_WIDTH)
    axes.set_xlim(left=-0.01 * float(worst.iloc[0]))
    style.legend_above(figure, axes)
    hidden = worst.iloc[max_rows:]
    rest = f"\n{len(hidden)} more covariates, none above {hidden.iloc[0]:.2f}" if len(hidden) else ""
    style.name_axes(axes, f"Absolute standardised mean difference, treated against control{rest}", "Covariate")
    return figure


def effects_forest(average_effects: pd.DataFrame) -> Figure:
    """Effect on spend ($ per household) with intervals: every estimator over all waves, then each wave.

    The lower panel shows the overlap-weighted estimate wave by wave. The naive difference is grey: it is an
    association, not an effect.
    """
    require(
        average_effects,
        "average_effects",
        ["outcome", "estimator", "estimand", "population", "wave", "estimate", "ci_lower", "ci_upper"],
    )
    primary = average_effects.loc[average_effects["outcome"] == words.PRIMARY_OUTCOME]
    whole = primary.loc[primary["wave"].astype(str) == ALL_WAVES]
    each = primary.loc[(primary["wave"].astype(str) != ALL_WAVES) & (primary["estimator"] == "overlap_weighted")]
    panels = [("All waves together, by estimator", [_estimator_row(row) for _, row in whole.iterrows()])]
    if len(each):
        rows = [_wave_row(row) for _, row in in_wave_order(each).iterrows()]
        panels.append(("Wave by wave, overlap weighted", rows))

    figure = style.new_figure(0.6 + sum(0.75 + 0.32 * len(rows) for _, rows in panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=[0.6 + 0.32 * len(rows) for _, rows in panels])
    first: Axes | None = None
    for position, (title, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[position], sharex=first)
        first = first or axes
        draw_forest(axes, rows)
        style.dollar_ticks(axes, "x")
        last = position == len(panels) - 1
        style.name_axes(axes, "Effect on spend ($ per household)" if last else "", "", title)
    return figure


def _estimator_row(row: pd.Series) -> ForestRow:
    association = row["estimator"] == "naive"
    return ForestRow(
        label=words.estimator(row["estimator"], row["estimand"], row["population"]),
        estimate=row["estimate"],
        lower=row["ci_lower"],
        upper=row["ci_upper"],
        printed=words.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$"),
        colour=style.RULE if association else style.BLUE,
        strong=row["estimator"] == "overlap_weighted",
    )


def _wave_row(row: pd.Series) -> ForestRow:
    return ForestRow(
        label=f"Wave {row['wave']}",
        estimate=row["estimate"],
        lower=row["ci_lower"],
        upper=row["ci_upper"],
        printed=words.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$"),
    )
