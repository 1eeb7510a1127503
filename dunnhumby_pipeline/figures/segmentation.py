"""Pictures of factors and segments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.figures import style, words
from dunnhumby_pipeline.figures.frames import require

PRINTED_LOADING = 0.10


def factor_loadings_heatmap(factor_loadings: pd.DataFrame) -> Figure:
    """Features by factors; shade and number give the loading as a share of the factor's largest (0 to 1).

    Features stand under the factor they load on most. Loadings under 0.10 are shaded but not printed.
    """
    require(factor_loadings, "factor_loadings", ["factor", "feature", "loading"])
    table = factor_loadings.pivot(index="feature", columns="factor", values="loading").fillna(0.0)
    table = table[sorted(table.columns, key=_factor_rank)]
    strongest = table.to_numpy().argmax(axis=1)
    table = table.iloc[np.lexsort((-table.to_numpy().max(axis=1), strongest))]

    features = [words.spoken(feature) for feature in table.index]
    figure = style.new_figure(1.0 + (style.row_height(features) - 0.06) * len(table))
    axes = style.add_axes(figure)
    axes.imshow(table.to_numpy(), cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for (row, column), loading in np.ndenumerate(table.to_numpy()):
        if loading >= PRINTED_LOADING:
            colour = "white" if loading > 0.5 else style.INK
            axes.text(
                column,
                row,
                f"{loading:.2f}",
                ha="center",
                va="center",
                fontsize=style.SMALL,
                color=colour,
            )
    style.label_rows(axes, features)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_xticks(range(table.shape[1]), labels=[words.spoken(factor) for factor in table.columns])
    axes.tick_params(axis="x", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    style.name_axes(axes, "Factor (loading as a share of the factor's largest)", "Feature")
    return figure


def _factor_rank(name: str) -> tuple[int, str]:
    digits = "".join(character for character in name if character.isdigit())
    return (int(digits) if digits else 0, name)


def segment_sizes(segments: pd.DataFrame) -> Figure:
    """Households in each segment as bars, largest first, with the number and its share printed beside."""
    require(segments, "segments", ["household_key", "segment", "segment_name"])
    sizes = segments.groupby(["segment", "segment_name"]).size().sort_values(ascending=False)
    names = [name for _, name in sizes.index]

    figure = style.new_figure(0.9 + style.row_height(names) * len(sizes))
    axes = style.add_axes(figure)
    axes.barh(range(len(sizes)), sizes.to_numpy(), height=0.68, color=style.BLUE)
    style.grid(axes, "x")
    style.label_rows(axes, names)
    for position, size in enumerate(sizes):
        style.print_beside(axes, position, f"{words.count(size)}  ({words.percent(size / len(segments))})")
    style.name_axes(axes, "Households", "Segment")
    return figure


def factor_selection_curve(factor_selection: pd.DataFrame, chosen: int | None = None) -> Figure:
    """Variance explained (%) by number of factors, pooled and column-centred; beside it, the error
    of the reconstruction in the units of the scaled matrix.

    `chosen` marks the number of factors in use.
    """
    require(
        factor_selection,
        "factor_selection",
        ["n_factors", "pooled_r2", "centred_r2", "reconstruction_error"],
    )
    scan = factor_selection.sort_values("n_factors")
    figure = style.new_figure(3.4)
    grid = figure.add_gridspec(1, 2, width_ratios=[1.5, 1])
    explained, error = style.add_axes(figure, grid[0]), style.add_axes(figure, grid[1])
    lines = (
        ("pooled_r2", "pooled over all cells", style.ORANGE),
        ("centred_r2", "column-centred", style.BLUE),
    )
    for column, label, colour in lines:
        explained.plot(scan["n_factors"], scan[column], "o-", color=colour, markersize=4.5, label=label)
    explained.set_ylim(min(0.0, float(scan["centred_r2"].min())), 1.02)
    style.percent_ticks(explained, "y")
    error.plot(scan["n_factors"], scan["reconstruction_error"], "o-", color=style.MUTED, markersize=4.5)
    error.set_ylim(bottom=0)
    for axes in (explained, error):
        style.grid(axes, "y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if chosen is not None:
            axes.axvline(chosen, color=style.INK, linestyle=":", linewidth=1.2, label=f"in use: {chosen}")
    style.legend_above(figure, explained)
    style.name_axes(explained, "Number of factors", "Variance explained (%)")
    style.name_axes(error, "Number of factors", "Reconstruction error (scaled units)")
    return figure


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
