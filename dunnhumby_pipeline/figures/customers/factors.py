"""Pictures of factors: how many, what they are made of, who scores on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import terms
from dunnhumby_pipeline.words.features import feature, in_named_order, segment_name, segment_names

PRINTED_LOADING = 0.10
FACTOR_COLUMNS = 4
# Inches of a figure that the cells of a heatmap take, beside the names of features.
HEATMAP_WIDTH = 5.4
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def factor_selection_curve(factor_selection: pd.DataFrame, stability_floor: float | None = None) -> Figure:
    """Four panels by number of factors, the chosen number dotted in each.

    Variance explained (%), pooled and column-centred; whether factors come back on half of the households: the
    correlation of the worst factor with its refits, and the cophenetic correlation of who belongs together
    (1: always), with the `stability_floor` that the worst must reach; error of the reconstruction in the units of the
    scaled matrix; sparsity (0: every feature loads alike, 1: a factor is one feature). Choose where stability is high
    and more factors explain little more.
    """
    columns = ["n_factors", "pooled_r2", "centred_r2", "reconstruction_error", "sparsity", "stability", "cophenetic"]
    require(factor_selection, "factor_selection", [*columns, "chosen"])
    scan = factor_selection.sort_values("n_factors")
    figure = style.new_figure(5.4)
    grid = figure.add_gridspec(2, 2)
    explained, stable, error, sparse = (style.add_axes(figure, grid[place // 2, place % 2]) for place in range(4))
    drawn = (
        (explained, "pooled_r2", "pooled over all cells", style.ORANGE),
        (explained, "centred_r2", "column-centred", style.BLUE),
        (stable, "cophenetic", "cophenetic", style.ORANGE),
        (stable, "stability", "worst factor", style.BLUE),
        (error, "reconstruction_error", "error", style.BLUE),
        (sparse, "sparsity", "sparsity", style.BLUE),
    )
    for axes, column, label, colour in drawn:
        axes.plot(scan["n_factors"], scan[column], "o-", color=colour, markersize=4.5, label=label)
    explained.set_ylim(min(0.0, float(scan["centred_r2"].min())), 1.05)
    style.percent_ticks(explained, "y")
    stable.set_ylim(min(0.0, float(scan[["stability", "cophenetic"]].min().min(skipna=True))), 1.05)
    if stability_floor is not None:
        stable.axhline(
            stability_floor, color=style.VERMILION, linestyle="--", linewidth=1.2, label=f"floor {stability_floor:g}"
        )
    if scan["stability"].isna().all():
        stable.text(0.5, 0.5, "too few households to refit", transform=stable.transAxes, ha="center", color=style.MUTED)
    error.set_ylim(bottom=0)
    sparse.set_ylim(0, 1)
    chosen = scan.loc[scan["chosen"].astype(bool), "n_factors"]
    for axes in (explained, stable, error, sparse):
        style.grid(axes, "y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number in chosen:
            axes.axvline(number, color=style.INK, linestyle=":", linewidth=1.4, label=f"in use: {number}")
    for axes in (explained, stable):
        axes.legend(loc="lower right", frameon=False, fontsize=style.SMALL - 1, labelcolor=style.INK)
    style.name_axes(explained, "", "Variance explained (%)", "What they explain")
    style.name_axes(stable, "", "Correlation with refits", "Whether they come back")
    style.name_axes(error, "Number of factors", "Error (scaled units)", "What they leave out")
    style.name_axes(sparse, "Number of factors", "Hoyer sparsity (0 to 1)", "How few features make one")
    return figure


def factor_loadings_heatmap(factor_loadings: pd.DataFrame) -> Figure:
    """Features by factors; shade and number give the loading as a share of the factor's largest (0 to 1).

    Features stand under the factor they load on most. Loadings under 0.10 are shaded but not printed.
    """
    require(factor_loadings, "factor_loadings", ["factor", "feature", "loading"])
    table = factor_loadings.pivot(index="feature", columns="factor", values="loading").fillna(0.0)
    table = table[sorted(table.columns, key=_factor_rank)]
    strongest = table.to_numpy().argmax(axis=1)
    table = table.iloc[np.lexsort((-table.to_numpy().max(axis=1), strongest))]

    features = [feature(name) for name in table.index]
    columns = [spoken for _, spoken in _spoken_factors(factor_loadings)]
    figure = style.new_figure(
        0.8 + style.columns_height(columns, HEATMAP_WIDTH) + (style.row_height(features, 42) - 0.1) * len(table)
    )
    axes = style.add_axes(figure)
    printed = [[f"{loading:.2f}" if loading >= PRINTED_LOADING else "" for loading in row] for row in table.to_numpy()]
    style.heatmap(axes, table.to_numpy(), printed, style.SEQUENTIAL, (0, 1))
    style.name_rows(axes, features, width=42)
    style.name_columns(axes, columns, HEATMAP_WIDTH)
    style.name_axes(axes, "Loading as a share of the factor's largest", "Feature")
    return figure


def factor_scores_by_segment(
    nmf_factors: pd.DataFrame,
    segments: pd.DataFrame,
    factor_loadings: pd.DataFrame,
    segment_profiles: pd.DataFrame,
) -> Figure:
    """Factor scores of the households of each segment: a panel per factor, a row per segment.

    The dot is the median, the thick bar holds the middle half of the households, the thin line all but the lowest and
    highest 5 %. A score of 1 lifts the factor's leading feature by its whole range. Segments whose bars lie apart on
    some factor are told apart by it; where all overlap, the factor says nothing about them.
    """
    require(factor_loadings, "factor_loadings", ["factor", "feature", "loading"])
    require(segments, "segments", ["household_key", "segment"])
    named = _spoken_factors(factor_loadings)
    require(nmf_factors, "nmf_factors", ["household_key", *(factor for factor, _ in named)])
    joined = nmf_factors.merge(segments[["household_key", "segment"]], on="household_key")
    names = segment_names(segment_profiles)
    order = in_named_order(joined["segment"].unique(), names)
    labels = [segment_name(slug, names) for slug in order]

    columns = min(FACTOR_COLUMNS, len(named))
    rows = -(-len(named) // columns)
    height = style.row_height(labels, 24)
    figure = style.new_figure(rows * (0.75 + height * len(order)))
    grid = figure.add_gridspec(rows, columns)
    for place, (factor, spoken) in enumerate(named):
        axes = style.add_axes(figure, grid[place // columns, place % columns])
        style.grid(axes, "x")
        spread = joined.groupby("segment")[factor].quantile(list(QUANTILES)).unstack()
        for row, slug in enumerate(order):
            low, first, middle, third, high = spread.loc[slug]
            axes.plot([low, high], [row, row], color=style.RULE, linewidth=1.4, label="_range")
            axes.plot(
                [first, third],
                [row, row],
                color=style.BLUE,
                linewidth=7,
                alpha=0.5,
                solid_capstyle="butt",
                label="_half",
            )
            axes.plot(middle, row, "o", color=style.INK, markersize=5, linestyle="none", label="_median")
        style.label_rows(axes, labels, width=24)
        axes.tick_params(axis="y", labelleft=place % columns == 0)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        title = style.wrapped(spoken, int((style.WIDTH - 2.2) / columns * style.LETTERS_PER_INCH))
        axes.set_title(title, loc="left", fontsize=style.SMALL, color=style.INK, parse_math=False)
    figure.supxlabel("Factor score (0: nothing of it)", fontsize=style.TEXT, color=style.INK)
    return figure


def _spoken_factors(factor_loadings: pd.DataFrame) -> list[tuple[str, str]]:
    """Each factor with its name in words, in the order of their numbers."""
    factors = sorted(factor_loadings["factor"].unique(), key=_factor_rank)
    if "factor_name" not in factor_loadings.columns:
        return [(factor, terms.spoken(factor)) for factor in factors]
    named = dict(zip(factor_loadings["factor"], factor_loadings["factor_name"], strict=True))
    return [(factor, terms.spoken(str(named[factor]))) for factor in factors]


def _factor_rank(name: str) -> tuple[int, str]:
    digits = "".join(character for character in name if character.isdigit())
    return (int(digits) if digits else 0, name)
