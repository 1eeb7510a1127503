"""Pictures of the reference study's setting beside ours, on the same households."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.customers.profiles import DEEPEST
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import feature, in_named_order, segment_name, segment_names

THEIRS, OURS = "The reference study's setting", "In use"
# Inches of the figure that the cells of both take, beside the names of features.
CELLS = 6.0
# Degrees by which names of columns rise: a dozen narrow columns have no room for names of two lines.
STEEP = 50.0


def sizes_side_by_side(reference_profiles: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Households and revenue (% of the total) of the segments of both settings, one above the other, on one scale."""
    columns = ["segment", "segment_name", "n_households", "share", "revenue_share", "share_high"]
    require(reference_profiles, "reference_profiles", columns)
    require(segment_profiles, "segment_profiles", columns)
    tables = [
        table.sort_values("revenue_share", ascending=False, kind="stable")
        for table in (reference_profiles, segment_profiles)
    ]
    height = max(style.row_height([name for table in tables for name in table["segment_name"]]), 0.46)
    figure = style.new_figure(1.8 + height * sum(map(len, tables)))
    grid = figure.add_gridspec(2, 1, height_ratios=[len(table) for table in tables])
    first = None
    for place, (table, title) in enumerate(zip(tables, (THEIRS, OURS), strict=True)):
        axes = style.add_axes(figure, grid[place], sharex=first)
        rows = np.arange(len(table))
        axes.barh(rows - 0.19, table["share"], height=0.36, color=style.RULE, label="share of households")
        axes.barh(rows + 0.19, table["revenue_share"], height=0.36, color=style.BLUE, label="share of revenue")
        style.grid(axes, "x")
        style.label_rows(axes, list(table["segment_name"]))
        style.percent_ticks(axes, "x")
        for position, (_, row) in enumerate(table.iterrows()):
            households = f"{numbers.count(row['n_households'])} households ({numbers.percent(row['share'])})"
            worth = (
                f"{numbers.percent(row['revenue_share'])} of revenue; {numbers.percent(row['share_high'])} high value"
            )
            style.print_beside(axes, position, f"{households}\n{worth}")
        style.name_axes(axes, "Share of the total (%)" if place else "", "Segment", title)
        first = first or axes
    if first is not None:
        style.legend_above(figure, first)
    return figure


def profiles_side_by_side(
    reference: tuple[pd.DataFrame, pd.DataFrame], ours: tuple[pd.DataFrame, pd.DataFrame]
) -> Figure:
    """Heatmap of features by segments, the reference study's setting at the left, ours at the right.

    Each is (features, profiles). A cell is the mean of the segment in standard deviations from that of all households;
    blue is above, orange below. The rows are the features that made the segments of either, those first that tell
    segments of ours apart best; beside each the share of its variance between segments, theirs and ours.
    """
    columns = ["segment", "feature", "z_score", "eta_squared", "role"]
    require(reference[0], "reference_features", columns)
    require(ours[0], "segment_features", columns)
    effects = [table.drop_duplicates("feature").set_index("feature")["eta_squared"] for table, _ in (reference, ours)]
    used = {name for table, _ in (reference, ours) for name in table.loc[table["role"] == "used", "feature"]}
    rows = [name for name in effects[1].sort_values(ascending=False, kind="stable").index if name in used]
    scores, labels = [], []
    for table, profiles in (reference, ours):
        names = segment_names(profiles)
        order = in_named_order(table["segment"].unique(), names)
        scores.append(table.pivot(index="feature", columns="segment", values="z_score").reindex(rows)[order])
        labels.append([segment_name(slug, names) for slug in order])
    spoken = [feature(name) for name in rows]
    widths = [CELLS * len(each) / sum(map(len, labels)) for each in labels]
    above = max(len(label) for each in labels for label in each) / style.LETTERS_PER_INCH * np.sin(np.radians(STEEP))
    figure = style.new_figure(1.1 + above + (style.row_height(spoken, 30) - 0.1) * len(rows))
    grid = figure.add_gridspec(1, 2, width_ratios=widths)
    for place, (values, heads, title) in enumerate(zip(scores, labels, (THEIRS, OURS), strict=True)):
        axes = style.add_axes(figure, grid[place])
        cells = values.to_numpy(dtype=float)
        printed = [[numbers.signed(value, 1) for value in row] for row in cells]
        style.heatmap(axes, cells, printed, style.DIVERGING, (-DEEPEST, DEEPEST), style.SMALL - 1.5)
        style.name_rows(axes, spoken if place == 0 else [""] * len(rows), width=30)
        _name_columns(axes, heads)
        for row, name in enumerate(rows):
            style.print_beside(axes, row, numbers.percent(effects[place].get(name, float("nan"))))
        style.name_axes(axes, title, "Feature" if place == 0 else "")
    figure.supxlabel(
        "Standard deviations from the mean of all households (right of each: share of variance between segments)",
        fontsize=style.SMALL,
        color=style.INK,
    )
    return figure


def _name_columns(axes: Axes, labels: list[str]) -> None:
    axes.set_xticks(range(len(labels)), labels=labels)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, length=0)
    for tick in axes.xaxis.get_major_ticks():
        tick.label2.set_parse_math(False)
        tick.label2.set(rotation=STEEP, ha="left", va="bottom", rotation_mode="anchor")
