"""Where segments stand to each other: eight maps of two features each, of one setting or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.labels import label_points
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import feature

LARGEST_BUBBLE = 11.0
AXIS_LETTERS = 25
LABEL_LETTERS = 17
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
_MEANS = ["segment", "feature", "mean", "overall_mean"]


@dataclass(frozen=True)
class _Bubbles:
    """The segments of a setting as bubbles: names, radii (points), share of high value, and means by feature."""

    names: list[str]
    radii: NDArray[np.float64]
    worth: NDArray[np.float64]
    means: pd.DataFrame
    overall: pd.Series


def positioning_bubbles(segment_features: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Eight maps of the segments: each bubble is a segment, at the means of two features, its area its households.

    The darker, the larger the share of its households in the high value tier. Right and up is always more of what the
    title names: days between visits and since the last visit run backwards. The dashed lines are the means of all
    households.
    """
    found = _bubbles(segment_features, segment_profiles)
    rows = len(POSITIONS) // 2
    figure = style.new_figure(rows * (2.7 + 0.1 * max(len(found.names) - 5, 0)))
    grid = figure.add_gridspec(rows, 2)
    panels = []
    for place, (title, across, up) in enumerate(POSITIONS):
        axes = style.add_axes(figure, grid[place // 2, place % 2])
        _draw(axes, found, across, up, _deepest([found]))
        _turn(axes, across, up)
        style.name_axes(axes, _axis_name(across), style.wrapped(_axis_name(up), AXIS_LETTERS), title)
        panels.append((axes, found, across, up))
    return _labelled(figure, panels, [found])


def positions_side_by_side(
    reference: tuple[pd.DataFrame, pd.DataFrame], ours: tuple[pd.DataFrame, pd.DataFrame]
) -> Figure:
    """The eight maps twice: the reference study's setting at the left, ours at the right, on the same axes.

    Each of the two is (features, profiles), as of `segment_features` and `segment_profiles`. Bubbles, colour and lines
    as in `positioning_bubbles`; areas are comparable across the two.
    """
    require(ours[1], "segment_profiles", ["n_households"])
    require(reference[1], "reference_profiles", ["n_households"])
    require(reference[0], "reference_features", _MEANS)
    largest = max(float(profiles["n_households"].max()) for _, profiles in (reference, ours))
    both = [_bubbles(*each, largest) for each in (reference, ours)]
    most = max(len(each.names) for each in both)
    figure = style.new_figure(len(POSITIONS) * (2.5 + 0.1 * max(most - 5, 0)))
    grid = figure.add_gridspec(len(POSITIONS), 2)
    panels = []
    for row, (title, across, up) in enumerate(POSITIONS):
        left = style.add_axes(figure, grid[row, 0])
        right = style.add_axes(figure, grid[row, 1], sharex=left, sharey=left)
        for axes, found, whose in ((left, both[0], "reference study's setting"), (right, both[1], "in use")):
            _draw(axes, found, across, up, _deepest(both))
            heading = f"{title}: {whose}"
            style.name_axes(axes, _axis_name(across), style.wrapped(_axis_name(up), AXIS_LETTERS), heading)
            panels.append((axes, found, across, up))
        _turn(left, across, up)
    return _labelled(figure, panels, both)


def _bubbles(means: pd.DataFrame, profiles: pd.DataFrame, largest: float | None = None) -> _Bubbles:
    require(means, "segment_features", _MEANS)
    require(profiles, "segment_profiles", ["segment", "segment_name", "n_households", "share_high"])
    asked = sorted({name for _, *pair in POSITIONS for name in pair})
    missing = [name for name in asked if name not in set(means["feature"])]
    if missing:
        raise ValueError(f"segment_features describes no {', '.join(missing)}")
    known = profiles[profiles["n_households"] > 0].set_index("segment")
    sizes = known["n_households"].to_numpy(dtype=float)
    return _Bubbles(
        [style.wrapped(name, LABEL_LETTERS) for name in known["segment_name"]],
        LARGEST_BUBBLE * np.sqrt(sizes / (largest or sizes.max())),
        known["share_high"].to_numpy(dtype=float),
        means.pivot(index="segment", columns="feature", values="mean").loc[known.index],
        means.drop_duplicates("feature").set_index("feature")["overall_mean"],
    )


def _deepest(found: Sequence[_Bubbles]) -> float:
    return max(0.01, *(float(np.nanmax(each.worth)) for each in found))


def _shade(share: NDArray[np.float64] | float, deepest: float) -> NDArray[np.float64]:
    return np.asarray(style.SEQUENTIAL(0.15 + 0.85 * np.asarray(share) / deepest))


def _draw(axes: Axes, found: _Bubbles, across: str, up: str, deepest: float) -> None:
    points = found.means[[across, up]].to_numpy(dtype=float)
    axes.axvline(found.overall[across], color=style.RULE, linestyle="--", linewidth=0.9, zorder=1)
    axes.axhline(found.overall[up], color=style.RULE, linestyle="--", linewidth=0.9, zorder=1)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=(2 * found.radii) ** 2,
        c=_shade(found.worth, deepest),
        edgecolors="white",
        linewidths=1.0,
        alpha=0.9,
        zorder=3,
    )
    axes.margins(0.3, 0.36)


def _turn(axes: Axes, across: str, up: str) -> None:
    for direction, name in (("x", across), ("y", up)):
        _unit_ticks(axes, direction, name)
        if name in BACKWARDS:
            (axes.invert_xaxis if direction == "x" else axes.invert_yaxis)()


def _labelled(figure: Figure, panels: list[tuple[Axes, _Bubbles, str, str]], settings: Sequence[_Bubbles]) -> Figure:
    _worth_legend(figure, np.concatenate([each.worth for each in settings]))
    # Labels need the final places of the axes.
    style.settle(figure)
    for axes, found, across, up in panels:
        points = found.means[[across, up]].to_numpy(dtype=float)
        known = np.isfinite(points).all(axis=1)
        texts = [name for name, there in zip(found.names, known, strict=True) if there]
        label_points(figure, axes, points[known], found.radii[known], texts)
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
            color=_shade(share, deepest),
            markersize=9,
            label=f"{numbers.percent(share)} of its households of high value",
        )
        for share in ends
    ]
    handles.append(Line2D([], [], color=style.RULE, linestyle="--", label="mean of all households"))
    figure.legend(
        handles=handles, loc="outside upper left", ncols=5, frameon=False, fontsize=style.SMALL, labelcolor=style.INK
    )
