"""Pictures of what segments are like: their features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import feature, in_named_order, segment_name, segment_names

# Beyond so many standard deviations, cells look alike.
DEEPEST = 1.5
# Inches that the cells take, beside the names of features.
HEATMAP_WIDTH = 4.8


def segment_profile_heatmap(segment_features: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Features by segments: how many standard deviations a segment's mean lies from that of all households.

    Blue is above, orange below. The upper block holds features that neither made the segments nor say the same as one
    that did: what tells segments apart there was not put in. The last holds campaigns, for which the retailer chose
    households by their spend. Twins of those used are left out, and counted. Within a
    block, the features that tell segments apart best stand first; beside each is the share of its variance that lies
    between segments (eta squared).
    """
    columns = ["segment", "feature", "z_score", "eta_squared", "role"]
    require(segment_features, "segment_features", columns)
    names = segment_names(segment_profiles)
    order = in_named_order(segment_features["segment"].unique(), names)
    effects = segment_features.drop_duplicates("feature").set_index("feature")
    scores = segment_features.pivot(index="feature", columns="segment", values="z_score")[order]
    role = effects["role"]
    n_twins = int((role == "twin").sum())
    blocks = [
        (title, effects.index[mask][np.argsort(-effects.loc[mask, "eta_squared"].fillna(-1), kind="stable")])
        for title, mask in (
            ("Independent of what made the segments", role == "independent"),
            ("Used to make the segments", role == "used"),
            ("Assigned by the retailer: whom it mailed, no trait of theirs", role == "assigned"),
        )
        if mask.any()
    ]
    labels = [segment_name(slug, names) for slug in order]
    sizes = [len(rows) for _, rows in blocks]
    figure = style.new_figure(
        0.6 + style.columns_height(labels, HEATMAP_WIDTH) + sum(0.5 + 0.25 * size for size in sizes)
    )
    grid = figure.add_gridspec(len(blocks), 1, height_ratios=sizes)
    for place, (title, rows) in enumerate(blocks):
        axes = style.add_axes(figure, grid[place])
        values = scores.loc[rows].to_numpy(dtype=float)
        printed = [[numbers.signed(value, 1) for value in row] for row in values]
        style.heatmap(axes, values, printed, style.DIVERGING, (-DEEPEST, DEEPEST), style.SMALL - 0.5)
        style.name_rows(axes, [feature(name) for name in rows], width=46)
        style.name_columns(axes, labels, HEATMAP_WIDTH)
        axes.tick_params(labeltop=place == 0)
        for row, name in enumerate(rows):
            style.print_beside(axes, row, numbers.percent(effects.at[name, "eta_squared"]))
        last = place == len(blocks) - 1
        below = "Standard deviations from the mean of all households\n(right: share of variance between segments)"
        below += f"\n{n_twins} more features say the same as one that was used" if n_twins else ""
        style.name_axes(axes, below if last else "", "Feature")
        axes.set_title(title, loc="left", fontsize=style.TITLE, color=style.INK)
    return figure
