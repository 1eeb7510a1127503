"""Pictures of how well the order of households by effect holds, and of what it rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, common_limits, draw_forest
from dunnhumby_pipeline.words import features, numbers, terms

_GROUP = ["group", "n_trials", "predicted", "estimate", "ci_lower", "ci_upper"]
_CURVE = ["share", *(f"{name}{end}" for name in ("toc", "qini", "profit") for end in ("", "_lower", "_upper")), "spend"]
SHOWN = 12


def targeting_curves(toc_curve: pd.DataFrame) -> Figure:
    """How much more than the average those contacted first respond (left), and what the order gains over lots (right).

    Both against the share contacted; bands hold for all shares at once.
    """
    points = require(toc_curve, "toc_curve", _CURVE).sort_values("share")
    figure = style.new_figure(3.9)
    panels = (
        ("toc", "First less all ($ per contacted household)", "Targeting operator characteristic (TOC)"),
        ("qini", "Gain over lots ($ per household)", "Qini"),
    )
    places = figure.add_gridspec(1, len(panels))
    for position, (name, said, title) in enumerate(panels):
        axes = style.add_axes(figure, places[position])
        _banded(axes, points["share"], points, name)
        axes.set_xlim(0, 1)
        style.percent_ticks(axes, "x")
        style.name_axes(axes, "Share contacted, largest effects first (%)", said, title)
    style.legend_above(figure, figure.axes[0])
    return figure


def profit_curve(toc_curve: pd.DataFrame) -> Figure:
    """Profit after contacts against what contacts cost (both $ per household), in order and by lot."""
    points = require(toc_curve, "toc_curve", _CURVE).sort_values("share")
    figure = style.new_figure(3.9, 6.6)
    axes = style.add_axes(figure)
    _banded(axes, points["spend"], points, "profit", "in the model's order")
    last = points.iloc[-1]
    axes.plot([0, last["spend"]], [0, last["profit"]], color=style.MUTED, linestyle="--", label="by lot")
    axes.set_xlim(0, float(last["spend"]) or 1.0)
    style.dollar_ticks(axes, "x")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Spent on contacts ($ per household)", "Profit ($ per household)")
    return figure


def _banded(axes: Axes, x: pd.Series, points: pd.DataFrame, name: str, said: str = "estimate") -> None:
    """A line from the origin with its band."""
    style.grid(axes, "y")
    style.zero_line(axes, "y")
    own = points[[name, f"{name}_lower", f"{name}_upper"]].to_numpy(float)
    along = x.to_numpy(float)
    if name != "toc":
        along, own = np.insert(along, 0, 0.0), np.vstack([np.zeros(3), own])
    axes.fill_between(along, own[:, 1], own[:, 2], color=style.BLUE, alpha=0.16, linewidth=0, label="band")
    axes.plot(along, own[:, 0], color=style.BLUE, linewidth=2.2, label=said)
    style.dollar_ticks(axes, "y")


def group_effects(groups: pd.DataFrame, names: dict[str, str] | None = None) -> Figure:
    """The effect of each group ($ per household) with intervals that hold for all at once, and what the model says.

    A group with too few households in an arm has no effect. `names` are words for groups.
    """
    rows = require(groups, "gates", _GROUP)
    drawn = [
        ForestRow(
            f"{_said(row['group'], names)} ({numbers.count(row['n_trials'])} trials)",
            row["estimate"],
            row["ci_lower"],
            row["ci_upper"],
            numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$")
            if numbers.is_number(row["estimate"])
            else "too few in one arm",
        )
        for _, row in rows.iterrows()
    ]
    figure = style.new_figure(1.25 + style.row_height([row.label for row in drawn]) * len(drawn))
    axes = style.add_axes(figure)
    draw_forest(axes, drawn, legend="effect and its interval", limits=common_limits(drawn))
    axes.plot(
        rows["predicted"],
        range(len(rows)),
        "D",
        markerfacecolor="white",
        markeredgecolor=style.VERMILION,
        markeredgewidth=1.6,
        markersize=6,
        label="what the model says",
    )
    style.dollar_ticks(axes, "x")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Effect on gross profit ($ per household)")
    return figure


def _said(group: str, names: dict[str, str] | None) -> str:
    return terms.spoken(str(group)) if names is None else names.get(str(group), str(group))


def effect_calibration(groups: pd.DataFrame) -> Figure:
    """The effect of each group by predicted effect against what the model says; right on the dashed line."""
    rows = require(groups, "gates", _GROUP).dropna(subset=["estimate", "ci_lower", "ci_upper"])
    if rows.empty:
        return style.sentence("No group has enough households in both arms for an effect.")
    figure = style.new_figure(4.4, 5.6)
    axes = style.add_axes(figure)
    style.grid(axes, "y")
    style.zero_line(axes, "y")
    low, high = float(rows["predicted"].min()), float(rows["predicted"].max())
    pad = 0.08 * (high - low) or 1.0
    axes.plot(
        [low - pad, high + pad], [low - pad, high + pad], color=style.INK, linestyle="--", label="as the model says"
    )
    axes.vlines(
        rows["predicted"], rows["ci_lower"], rows["ci_upper"], color=style.BLUE, linewidth=2.2, label="_interval"
    )
    axes.plot(rows["predicted"], rows["estimate"], "o", color=style.BLUE, markersize=6, label="groups, with intervals")
    axes.set_xlim(low - pad, high + pad)
    style.dollar_ticks(axes, "x")
    style.dollar_ticks(axes, "y")
    style.legend_above(figure, axes)
    style.name_axes(axes, "What the model says ($ per household)", "Effect of the group ($ per household)")
    return figure


def learner_agreement(cate_agreement: pd.DataFrame) -> Figure:
    """Rank correlations between learners, in hundredths: blue where they agree on the order, vermilion where not.

    Columns are numbered as the rows are.
    """
    pairs = require(cate_agreement, "cate_agreement", ["model", "other", "rank_correlation"])
    models = list(dict.fromkeys([*pairs["model"], *pairs["other"]]))
    values = np.eye(len(models))
    for _, row in pairs.iterrows():
        one, other = models.index(row["model"]), models.index(row["other"])
        values[one, other] = values[other, one] = row["rank_correlation"]
    labels = [f"{place + 1}. {terms.model(name)}" for place, name in enumerate(models)]
    width = min(6.2, 0.6 * len(models))
    figure = style.new_figure(0.6 + 0.36 * len(models), 2.7 + width)
    axes = style.add_axes(figure)
    printed = [
        [numbers.count(100 * value) if one != other else "" for other, value in enumerate(row)]
        for one, row in enumerate(values)
    ]
    style.heatmap(axes, values, printed, style.DIVERGING, (-1, 1))
    style.name_columns(axes, [str(place + 1) for place in range(len(models))], width)
    style.name_rows(axes, labels)
    return figure


def effect_drivers(drivers: pd.DataFrame) -> Figure:
    """Mean size of what each covariate adds to an effect ($), by whether more of it means a larger effect."""
    rows = require(drivers, "effect_drivers", ["covariate", "mean_abs", "direction"]).head(SHOWN)
    figure = style.new_figure(1.2 + 0.32 * len(rows))
    axes = style.add_axes(figure)
    style.grid(axes, "x")
    places, raises = np.arange(len(rows)), rows["direction"].fillna(0.0).to_numpy() > 0
    for mask, colour, said in (
        (raises, style.BLUE, "more of it, larger effect"),
        (~raises, style.VERMILION, "more of it, smaller effect"),
    ):
        if mask.any():
            axes.barh(places[mask], rows["mean_abs"].to_numpy()[mask], color=colour, height=0.66, label=said)
    style.label_rows(axes, [features.covariate(name) for name in rows["covariate"]])
    style.dollar_ticks(axes, "x")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Mean size of what it adds to an effect ($ per household)")
    return figure
