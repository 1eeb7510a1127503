"""Pictures of segments: how large they are, how they were chosen, whether they come out again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import in_named_order, segment_name, segment_names

# Hennig 2007: a cluster under the first is dissolved, over the second it has come back.
DISSOLVED, RECOVERED = 0.5, 0.75
_METHODS = (
    ("kmeans", "K-Means", "o-", style.BLUE),
    ("mixture", "Gaussian mixture", "^-", style.ORANGE),
    ("consensus", "consensus of K-Means", "X", style.GREEN),
)
_SCORES = (
    ("silhouette", "Silhouette", "higher is better"),
    ("calinski_harabasz", "Calinski-Harabasz", "higher is better"),
    ("davies_bouldin", "Davies-Bouldin", "lower is better"),
    ("bic", "BIC of the mixtures", "lower is better"),
    ("smallest_share", "Smallest segment, % of households", "not too small"),
)


def segment_sizes(segment_profiles: pd.DataFrame) -> Figure:
    """Each segment's share of households and of revenue (%), the largest revenue first, both printed beside.

    A segment whose lower bar is the longer one spends more than its number of households would say.
    """
    require(
        segment_profiles,
        "segment_profiles",
        ["segment", "segment_name", "n_households", "share", "revenue", "revenue_share"],
    )
    table = segment_profiles.sort_values("revenue", ascending=False, kind="stable")
    names = list(table["segment_name"])
    figure = style.new_figure(1.1 + max(style.row_height(names), 0.46) * len(table))
    axes = style.add_axes(figure)
    rows = np.arange(len(table))
    axes.barh(rows - 0.19, table["share"], height=0.36, color=style.RULE, label="share of households")
    axes.barh(rows + 0.19, table["revenue_share"], height=0.36, color=style.BLUE, label="share of revenue")
    style.grid(axes, "x")
    style.label_rows(axes, names)
    style.percent_ticks(axes, "x")
    for position, (_, row) in enumerate(table.iterrows()):
        households = f"{numbers.count(row['n_households'])} households ({numbers.percent(row['share'])})"
        revenue = f"{numbers.dollars(row['revenue'])} ({numbers.percent(row['revenue_share'])})"
        style.print_beside(axes, position, f"{households}\n{revenue}")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Share of the total (%)", "Segment")
    return figure


def cluster_scoreboard(segment_scoreboard: pd.DataFrame, target: float | None = None) -> Figure:
    """Every candidate by its number of segments: agreement of refits, five figures of merit; a line a method.

    The first panel shows the mean adjusted Rand index of refits on resampled households from scratch (cold, with one
    standard error) and, as diamonds, started from the fit itself (warm); `target` is what a cold one must reach. The
    ring is the choice; the square is the setting of the reference study, whose features and factors are its own, so
    that its distances (Calinski-Harabasz, Davies-Bouldin) are not on the scale of the others.
    """
    columns = ["role", "method", "n_factors", "n_segments", "cold_ari", "cold_ari_sd", "n_cold", "warm_ari"]
    require(segment_scoreboard, "segment_scoreboard", [*columns, *(name for name, _, _ in _SCORES)])
    figure = style.new_figure(7.4)
    grid = figure.add_gridspec(3, 2)
    first = style.add_axes(figure, grid[0, 0])
    _draw_agreement(first, segment_scoreboard, target)
    for place, (column, title, better) in enumerate(_SCORES, start=1):
        axes = style.add_axes(figure, grid[place // 2, place % 2])
        _draw_candidates(axes, segment_scoreboard, column)
        if column == "smallest_share":
            style.percent_ticks(axes, "y")
            axes.set_ylim(bottom=0)
        style.name_axes(axes, "Number of segments" if place >= 4 else "", "", f"{title}: {better}")
    style.legend_above(figure, first, columns=4)
    return figure


def _draw_agreement(axes: Axes, scoreboard: pd.DataFrame, target: float | None) -> None:
    error = scoreboard["cold_ari_sd"] / np.sqrt(scoreboard["n_cold"].clip(lower=1))
    for (_, row), half in zip(scoreboard.iterrows(), error, strict=True):
        if numbers.is_number(half):
            bounds = [row["cold_ari"] - half, row["cold_ari"] + half]
            axes.plot([row["n_segments"]] * 2, bounds, color=style.RULE, linewidth=1.2, label="_error", zorder=1.5)
    _draw_candidates(axes, scoreboard, "cold_ari")
    warm = scoreboard[scoreboard["warm_ari"].notna()]
    axes.plot(
        warm["n_segments"],
        warm["warm_ari"],
        "D",
        color=style.INK,
        markerfacecolor="white",
        markersize=5,
        label="warm start",
        zorder=4,
    )
    if target is not None:
        axes.axhline(target, color=style.VERMILION, linestyle="--", linewidth=1.2, label=f"target {target:g}")
    lowest = min(0.0, float(scoreboard[["cold_ari", "warm_ari"]].min().min()))
    axes.set_ylim(lowest, 1.05)
    style.name_axes(axes, "", "", "Agreement of refits (ARI): higher is better")


def _draw_candidates(axes: Axes, scoreboard: pd.DataFrame, column: str) -> None:
    style.grid(axes, "y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if scoreboard[column].isna().all():
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=style.MUTED)
    candidates = scoreboard[scoreboard["role"] == "candidate"]
    for method, label, mark, colour in _METHODS:
        rows = candidates[(candidates["method"] == method) & candidates[column].notna()].sort_values("n_segments")
        if len(rows):
            axes.plot(rows["n_segments"], rows[column], mark, color=colour, markersize=5, linewidth=1.4, label=label)
    for role, label, mark, colour, size in (
        ("chosen", "in use", "o", style.VERMILION, 12.0),
        ("reference", "reference study", "s", style.INK, 7.0),
    ):
        rows = scoreboard[(scoreboard["role"] == role) & scoreboard[column].notna()]
        if len(rows):
            axes.plot(
                rows["n_segments"],
                rows[column],
                mark,
                color=colour,
                markerfacecolor="none",
                markeredgewidth=1.8,
                markersize=size,
                linestyle="none",
                label=f"{label}: {int(rows['n_factors'].iloc[0])} factors, {int(rows['n_segments'].iloc[0])} segments",
                zorder=4,
            )


def stability_distribution(segment_stability: pd.DataFrame, floors: Mapping[str, float] | None = None) -> Figure:
    """Adjusted Rand index of each bootstrap refit against the segments in use, by kind of start.

    A point is a refit, the tall mark the mean; `floors` gives the lowest acceptable mean of each start.
    """
    require(segment_stability, "segment_stability", ["start", "replicate", "ari"])
    starts = [start for start in ("warm", "cold") if start in set(segment_stability["start"])]
    figure = style.new_figure(1.1 + 0.62 * len(starts))
    axes = style.add_axes(figure)
    for position, start in enumerate(starts):
        values = segment_stability.loc[segment_stability["start"] == start].sort_values("replicate")["ari"]
        # A fixed zigzag keeps equal values apart and the picture the same at every drawing.
        spread = position + 0.16 * (np.arange(len(values)) % 5 - 2) / 2
        axes.plot(values, spread, "o", color=style.BLUE, alpha=0.55, markersize=5.5, label="_refits")
        axes.plot([values.mean()] * 2, [position - 0.32, position + 0.32], color=style.INK, linewidth=2.2)
        style.print_beside(axes, position, f"mean {values.mean():.2f}  (sd {values.std():.2f})")
        if floors and start in floors:
            axes.plot(
                [floors[start]] * 2,
                [position - 0.4, position + 0.4],
                color=style.VERMILION,
                linestyle="--",
                linewidth=1.4,
            )
            axes.annotate(
                f"floor {floors[start]:.2f}",
                (floors[start], position - 0.4),
                xytext=(-5, -2),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=style.SMALL,
                color=style.VERMILION,
            )
    style.label_rows(axes, [f"{start.capitalize()} start" for start in starts])
    axes.set_xlim(min(0.0, float(segment_stability["ari"].min()) - 0.05), 1.02)
    style.grid(axes, "x")
    style.name_axes(axes, "Adjusted Rand index against the segments in use (1 = identical)", "Bootstrap refits")
    return figure


def segment_recovery(segment_jaccard: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Overlap (Jaccard, 0 to 1) of each segment with its closest one in refits on resampled households.

    The dot is the mean over refits, the line reaches down to the worst refit. Left of the first dashed line a segment
    has dissolved, right of the second it has come back.
    """
    columns = ["segment", "mean_jaccard", "lowest_jaccard", "dissolved", "recovered"]
    require(segment_jaccard, "segment_jaccard", columns)
    names = segment_names(segment_profiles)
    order = in_named_order(segment_jaccard["segment"], names)
    table = segment_jaccard.set_index("segment").loc[order]
    labels = [segment_name(slug, names) for slug in order]
    figure = style.new_figure(0.9 + style.row_height(labels) * len(table))
    axes = style.add_axes(figure)
    style.grid(axes, "x")
    for border, label, side in ((DISSOLVED, "dissolved ", "right"), (RECOVERED, " come back", "left")):
        axes.axvline(border, color=style.VERMILION, linestyle="--", linewidth=1.2, label=label.strip())
        axes.text(
            border,
            1.0,
            label,
            transform=axes.get_xaxis_transform(),
            ha=side,
            va="bottom",
            fontsize=style.SMALL,
            color=style.VERMILION,
        )
    for position, (_, row) in enumerate(table.iterrows()):
        bounds = [row["lowest_jaccard"], row["mean_jaccard"]]
        axes.plot(bounds, [position, position], color=style.BLUE, linewidth=2.0, alpha=0.5, label="_range")
        axes.plot(row["mean_jaccard"], position, "o", color=style.BLUE, markersize=7, linestyle="none", label="_mean")
        lost = f", dissolved in {numbers.percent(row['dissolved'])}" if row["dissolved"] > 0 else ""
        text = f"mean {row['mean_jaccard']:.2f}, back in {numbers.percent(row['recovered'])} of refits{lost}"
        style.print_beside(axes, position, text)
    axes.set_xlim(0, 1.02)
    style.label_rows(axes, labels)
    style.name_axes(axes, "Overlap with the closest refitted segment (Jaccard, 1 = identical)", "Segment")
    return figure
