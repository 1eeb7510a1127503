"""Pictures of what segments are like: features, and where segments stand to each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.labels import label_points
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import feature, in_named_order, segment_name, segment_names

# Beyond so many standard deviations, cells look alike.
DEEPEST = 1.5
LARGEST_BUBBLE = 11.0
AXIS_LETTERS = 25
LABEL_LETTERS = 17
# Inches that the cells take, beside the names of features.
HEATMAP_WIDTH = 4.8
# What is set against what: (title, feature across, feature up).
POSITIONS = (
    ("Loyalty and deals", "purchase_regularity", "discount_usage_pct"),
    ("Loyalty and basket", "purchase_regularity", "monetary_avg_basket_sales"),
    ("Fresh and health & beauty", "share_fresh", "share_health_beauty"),
    ("Frequency and money", "frequency_per_week", "monetary_sales"),
    ("Regularity and basket", "days_between_purchases_std", "monetary_avg_basket_sales"),
    ("Recency and money", "recency", "monetary_sales"),
    ("Discount and private label", "discount_rate", "private_label_ratio"),
    ("Variety and regularity", "n_departments", "days_between_purchases_std"),
)
# Fewer days are better: these axes run backwards, so that right and up is more of what is in the title.
BACKWARDS = ("days_between_purchases_std", "recency")
_UNITS = {one.name: one.unit for one in FEATURES}


def segment_profile_heatmap(segment_features: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Features by segments: how many standard deviations a segment's mean lies from that of all households.

    Blue is above, orange below. The upper block holds features that neither made the segments nor say the same as one
    that did: what tells segments apart there was not put in. Twins of those used are left out, and counted. Within a
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


def positioning_bubbles(segment_features: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Eight maps of the segments: each bubble is a segment, at the means of two features, its area its households.

    The darker, the larger the share of its households in the high value tier. Right and up is always more of what the
    title names: days between visits and since the last visit run backwards. The dashed lines are the means of all
    households.
    """
    require(segment_features, "segment_features", ["segment", "feature", "mean", "overall_mean"])
    require(segment_profiles, "segment_profiles", ["segment", "segment_name", "n_households", "share_high"])
    asked = sorted({name for _, *pair in POSITIONS for name in pair})
    missing = [name for name in asked if name not in set(segment_features["feature"])]
    if missing:
        raise ValueError(f"segment_features describes no {', '.join(missing)}")
    profiles = segment_profiles[segment_profiles["n_households"] > 0].set_index("segment")
    means = segment_features.pivot(index="segment", columns="feature", values="mean").loc[profiles.index]
    overall = segment_features.drop_duplicates("feature").set_index("feature")["overall_mean"]
    names = [style.wrapped(name, LABEL_LETTERS) for name in profiles["segment_name"]]
    radii = LARGEST_BUBBLE * np.sqrt((profiles["n_households"] / profiles["n_households"].max()).to_numpy(float))
    worth = profiles["share_high"].to_numpy(dtype=float)
    deepest = max(float(np.nanmax(worth)), 0.01)
    colours = style.SEQUENTIAL(0.15 + 0.85 * worth / deepest)

    rows = len(POSITIONS) // 2
    figure = style.new_figure(rows * (2.7 + 0.1 * max(len(profiles) - 5, 0)))
    grid = figure.add_gridspec(rows, 2)
    panels: list[tuple[Axes, np.ndarray]] = []
    for place, (title, across, up) in enumerate(POSITIONS):
        axes = style.add_axes(figure, grid[place // 2, place % 2])
        points = means[[across, up]].to_numpy(dtype=float)
        axes.axvline(overall[across], color=style.RULE, linestyle="--", linewidth=0.9, zorder=1)
        axes.axhline(overall[up], color=style.RULE, linestyle="--", linewidth=0.9, zorder=1)
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=(2 * radii) ** 2,
            c=colours,
            edgecolors="white",
            linewidths=1.0,
            alpha=0.9,
            zorder=3,
        )
        axes.margins(0.3, 0.36)
        for direction, name in (("x", across), ("y", up)):
            _unit_ticks(axes, direction, name)
            if name in BACKWARDS:
                (axes.invert_xaxis if direction == "x" else axes.invert_yaxis)()
        style.name_axes(axes, _axis_name(across), style.wrapped(_axis_name(up), AXIS_LETTERS), title)
        panels.append((axes, points))
    _worth_legend(figure, worth)
    # Labels need the final places of the axes.
    style.settle(figure)
    for axes, points in panels:
        known = np.isfinite(points).all(axis=1)
        texts = [name for name, there in zip(names, known, strict=True) if there]
        label_points(figure, axes, points[known], radii[known], texts)
    return figure


def _axis_name(name: str) -> str:
    unit = _UNITS.get(name, "")
    text = feature(name).removesuffix(", share")
    written = {"$": " ($)", "0-1": " (%)", "ratio": " (%)", "days": "", "1/week": "", "count": ""}.get(unit, "")
    return f"{text}{written}"


def _unit_ticks(axes: Axes, direction: str, name: str) -> None:
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(5))
    unit = _UNITS.get(name)
    if unit == "$":
        style.dollar_ticks(axes, direction)
    elif unit in ("0-1", "ratio"):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))


def _worth_legend(figure: Figure, worth: np.ndarray) -> None:
    ends = sorted({float(np.nanmax(worth)), float(np.nanmin(worth))}, reverse=True)
    deepest = max(ends[0], 0.01)
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="none",
            color=style.SEQUENTIAL(0.15 + 0.85 * share / deepest),
            markersize=9,
            label=f"{numbers.percent(share)} of its households in the high value tier",
        )
        for share in ends
    ]
    handles.append(Line2D([], [], color=style.RULE, linestyle="--", label="mean of all households"))
    figure.legend(
        handles=handles, loc="outside upper left", ncols=5, frameon=False, fontsize=style.SMALL, labelcolor=style.INK
    )
