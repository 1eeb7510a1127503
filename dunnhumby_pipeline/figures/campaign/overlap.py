"""Pictures of overlap and balance: where both arms occur, and how alike weights make them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import covariate

BINS = np.linspace(0, 1, 41)
CAMPAIGN_BINS = np.linspace(0, 1, 21)
CAMPAIGN_COLUMNS = 5
COVARIATE_WIDTH = 52
# Marker, edge and face of each weighting: told apart by shape and filling in grey too. Later ones lie on top.
_WEIGHTINGS = {
    "none": ("o", style.MUTED, "white"),
    "ipw": ("^", style.VERMILION, "white"),
    "trimmed": ("v", style.PINK, style.PINK),
    "entropy_treated": ("s", style.INK, "white"),
    "entropy": ("D", style.ORANGE, style.ORANGE),
    "overlap": ("o", style.BLUE, style.BLUE),
}


def propensity_overlap(propensity: pd.DataFrame, region: tuple[float, float] = (0.1, 0.9)) -> Figure:
    """Share of each arm's trials (%) by propensity: treated upward, control downward; one panel per campaign below.

    Propensities outside `region` are shaded: there, one arm is too rare to compare.
    """
    require(propensity, "propensity", ["campaign", "treated", "propensity"])
    campaigns = list(propensity["campaign"].unique())
    small_rows = -(-len(campaigns) // CAMPAIGN_COLUMNS) if len(campaigns) > 1 else 0
    figure = style.new_figure(3.6 + 1.75 * small_rows)
    if not small_rows:
        _whole_panel(figure, propensity, region)
        return figure
    parts = figure.add_gridspec(2, 1, height_ratios=[3.6, 1.75 * small_rows])
    _whole_panel(figure.add_subfigure(parts[0]), propensity, region)
    _campaign_panels(figure.add_subfigure(parts[1]), propensity, campaigns, region)
    return figure


def _whole_panel(parent: Figure | SubFigure, propensity: pd.DataFrame, region: tuple[float, float]) -> None:
    axes = style.add_axes(parent)
    _mirrored_histogram(axes, propensity, region, BINS)
    style.legend_above(parent, axes)
    style.name_axes(axes, "Propensity: chance of being targeted, given the look-back", "Share of the arm (%)")


def _campaign_panels(
    parent: SubFigure, propensity: pd.DataFrame, campaigns: list[object], region: tuple[float, float]
) -> None:
    columns = min(CAMPAIGN_COLUMNS, len(campaigns))
    grid = parent.add_gridspec(-(-len(campaigns) // columns), columns)
    tallest = 0.0
    panels: list[Axes] = []
    for position, campaign in enumerate(campaigns):
        trials = propensity.loc[propensity["campaign"] == campaign]
        axes = style.add_axes(parent, grid[position // columns, position % columns])
        tallest = max(tallest, _mirrored_histogram(axes, trials, region, CAMPAIGN_BINS))
        panels.append(axes)
        treated = int(trials["treated"].sum())
        axes.set_title(
            f"Campaign {campaign}: {numbers.count(treated)} / {numbers.count(len(trials) - treated)}",
            loc="left",
            fontsize=style.SMALL,
            color=style.INK,
        )
        axes.set_xticks([0, 0.5, 1], labels=["0", "0.5", "1"])
        axes.tick_params(labelsize=style.SMALL - 1, labelleft=position % columns == 0)
    for axes in panels:
        axes.set_ylim(-1.1 * tallest, 1.1 * tallest)
    parent.supxlabel("Propensity by campaign (treated / control trials)", fontsize=style.TEXT, color=style.INK)


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
            label=f"{name}: {numbers.count(len(values))} trials",
        )
    note = f"outside {lower:.2g} to {upper:.2g}: {numbers.percent(outside.mean())} of trials"
    for start, end, label in ((0.0, lower, "_shade"), (upper, 1.0, note)):
        axes.axvspan(start, end, color=style.SHADE, zorder=0, linewidth=0, label=label)
    axes.axhline(0, color=style.INK, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(-1.1 * tallest, 1.1 * tallest)
    style.percent_ticks(axes, "y")
    return tallest


def propensity_calibration(calibration: pd.DataFrame) -> Figure:
    """Share of trials that were treated (%) against the mean propensity (%) of their bin, with intervals.

    On the dashed line trials are treated as often as their propensity says. Below stands how many trials each bin
    holds.
    """
    columns = ["bin", "n_trials", "mean_propensity", "share_treated", "ci_lower", "ci_upper"]
    bins = require(calibration, "propensity_calibration", columns).sort_values("mean_propensity")
    figure = style.new_figure(5.6, 6.2)
    parts = figure.add_gridspec(2, 1, height_ratios=[4, 1])
    axes = style.add_axes(figure, parts[0])
    sizes = style.add_axes(figure, parts[1], sharex=axes)
    style.grid(axes, "y")
    axes.plot([0, 1], [0, 1], color=style.INK, linestyle="--", linewidth=1.0, label="as often as the propensity says")
    known = bins["ci_lower"].notna() & bins["ci_upper"].notna()
    axes.vlines(
        bins.loc[known, "mean_propensity"],
        bins.loc[known, "ci_lower"],
        bins.loc[known, "ci_upper"],
        color=style.BLUE,
        linewidth=2.2,
        label="_interval",
    )
    axes.plot(
        bins["mean_propensity"],
        bins["share_treated"],
        "o",
        color=style.BLUE,
        markersize=6,
        label=f"{numbers.count(len(bins))} bins of trials, with intervals",
    )
    style.grid(sizes, "y")
    sizes.vlines(bins["mean_propensity"], 0, bins["n_trials"], color=style.MUTED, linewidth=4, label="_sizes")
    sizes.set_ylim(0, 1.25 * float(bins["n_trials"].max()))
    sizes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    style.number_ticks(sizes, "y")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.tick_params(labelbottom=False)
    for panel, direction in ((axes, "y"), (sizes, "x")):
        style.percent_ticks(panel, direction)
    style.legend_above(figure, axes, columns=2)
    style.name_axes(axes, "", "Treated, share of the bin (%)")
    style.name_axes(sizes, "Mean propensity of the bin (%)", "Trials")
    return figure


def love_plot(covariate_balance: pd.DataFrame, ceiling: float, max_rows: int = 30) -> Figure:
    """Absolute standardised mean difference (SMD) of each covariate between arms, by weighting.

    The `max_rows` covariates with the largest difference under any weighting are drawn, worst first by the
    unweighted one; the dashed line is the `ceiling` that a weighted difference must stay under. An infinite
    difference, of arms told apart by the covariate alone, is drawn at the right edge. The legend has the worst
    difference of each weighting over all covariates.
    """
    require(covariate_balance, "covariate_balance", ["covariate", "weighting", "smd"])
    table = covariate_balance.pivot(index="covariate", columns="weighting", values="smd").abs()
    worst = table.max(axis=1).sort_values(ascending=False)
    shown = table.loc[worst.index[:max_rows]]
    order_by = "none" if "none" in shown.columns else shown.columns[0]
    shown = shown.sort_values(order_by, ascending=False)
    sizes = shown.to_numpy(dtype=float)
    edge = 1.06 * max(float(sizes[np.isfinite(sizes)].max(initial=0.0)), ceiling)

    figure = style.new_figure(1.5 + 0.24 * len(shown))
    axes = style.add_axes(figure)
    rows = np.arange(len(shown))
    style.grid(axes, "y")
    known = [weighting for weighting in _WEIGHTINGS if weighting in shown.columns]
    for weighting in [*known, *(other for other in shown.columns if other not in _WEIGHTINGS)]:
        marker, outline, face = _WEIGHTINGS.get(weighting, ("x", style.INK, style.INK))
        axes.plot(
            shown[weighting].clip(upper=edge),
            rows,
            marker,
            markeredgecolor=outline,
            markerfacecolor=face,
            markersize=5.5,
            label=f"{terms.weighting(weighting)}, worst {_size(table[weighting].max(), 2)}",
            zorder=3,
        )
    endless = np.flatnonzero(np.isinf(sizes).any(axis=1))
    for row in endless:
        style.print_beside(axes, float(row), numbers.INFINITY)
    axes.axvline(ceiling, color=style.INK, linestyle="--", linewidth=1.1, label=f"ceiling {ceiling:g}")
    style.label_rows(axes, [covariate(name) for name in shown.index], width=COVARIATE_WIDTH)
    axes.set_xlim(-0.01 * edge, 1.02 * edge)
    style.legend_above(figure, axes, columns=3)
    hidden = worst.iloc[max_rows:]
    rest = f"\n{len(hidden)} more covariates, none above {_size(hidden.iloc[0])}" if len(hidden) else ""
    note = f"\n{numbers.INFINITY}: the covariate alone tells the arms apart; drawn at the edge" if len(endless) else ""
    style.name_axes(axes, f"Absolute standardised mean difference, treated against control{note}{rest}", "Covariate")
    return figure


def _size(smd: float, digits: int = 0) -> str:
    if not numbers.is_number(smd):
        return numbers.INFINITY if np.isinf(smd) else numbers.NOTHING
    return numbers.number(smd, digits) if digits else f"{smd:.2f}"
