"""Pictures of segments over time: how much stays alike, what drifts."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import comparable, require
from dunnhumby_pipeline.figures.customers.flows import PAIR
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import dates
from dunnhumby_pipeline.words.features import feature

STABLE_PSI, MOVED_PSI = 0.1, 0.25
DRIFTING_SHOWN = 12
# Pairs of periods in the picture of drift: a year of four weeks each.
PAIRS_SHOWN = 13
LABEL_ROOM = 0.06
_SUMMARY = [*PAIR, "from_day", "to_day", "shared_days", "ari", "share_staying", "share_staying_tier"]


def consistency_over_periods(
    migration_summary: pd.DataFrame,
    floor: float | None = None,
    stay_rates: pd.DataFrame | None = None,
    day_one: date | None = None,
) -> Figure:
    """How alike two periods are, by the last day of the later one: adjusted Rand index, and share staying (%).

    Neighbouring periods share most of their days, and so cannot differ much; the filled marks are pairs that share
    none, which is the honest comparison. Households that bought in one period alone are not counted. `floor` is the
    lowest mean index of neighbours that passes. Crosses, from `stay_rates`: what halves of the same months, where
    nothing changes, agree to. Days are dates where that of day 1 is known.
    """
    require(migration_summary, "migration_summary", _SUMMARY)
    figure = style.new_figure(3.6)
    grid = figure.add_gridspec(1, 2)
    index, staying = style.add_axes(figure, grid[0]), style.add_axes(figure, grid[1])
    summary = migration_summary.sort_values("to_day")
    for apart, how in ((False, "periods that share days"), (True, "periods that share no day")):
        rows = summary[(summary["shared_days"] == 0) == apart]
        if rows.empty:
            continue
        face = style.BLUE if apart else "white"
        index.plot(rows["to_day"], rows["ari"], "o-", color=style.BLUE, markerfacecolor=face, label=how)
        staying.plot(
            rows["to_day"], rows["share_staying"], "o-", color=style.BLUE, markerfacecolor=face, label="_segment"
        )
        fill = style.ORANGE if apart else "white"
        staying.plot(
            rows["to_day"], rows["share_staying_tier"], "s-", color=style.ORANGE, markerfacecolor=fill, label="_tier"
        )
    if stay_rates is not None and len(stay_rates):
        _draw_ceilings(index, staying, stay_rates)
    last = comparable(summary).iloc[-1]
    tier, segment = float(last["share_staying_tier"]), float(last["share_staying"])
    # Two lines of print need as much room between their middles.
    push = max(LABEL_ROOM - (tier - segment), 0.0) / 2
    style.print_beside(staying, tier + push, "same value tier")
    style.print_beside(staying, segment - push, "same segment")
    if floor is not None:
        index.axhline(
            floor, color=style.VERMILION, linestyle="--", linewidth=1.2, label=f"floor of neighbours {floor:g}"
        )
    lowest = min(0.0, float(summary["ari"].min())) if summary["ari"].notna().any() else 0.0
    index.set_ylim(lowest, 1.02)
    staying.set_ylim(0, 1.02)
    style.percent_ticks(staying, "y")
    for axes in (index, staying):
        style.grid(axes, "y")
        axes.set_xlim(summary["to_day"].min() - 12, summary["to_day"].max() + 12)
        style.day_ticks(axes, day_one)
    style.legend_above(figure, index)
    style.name_axes(index, "Last day of the later period", "Adjusted Rand index (1 = identical)")
    style.name_axes(staying, "Last day of the later period", "Households that stayed (%)")
    return figure


def _draw_ceilings(index: Axes, staying: Axes, stay_rates: pd.DataFrame) -> None:
    """Crosses at the ceiling of each pair of periods whose noise was measured."""
    require(stay_rates, "stay_rates", ["label", "to_day", "ari_ceiling", "share_staying_ceiling"])
    ceiling: dict[str, Any] = {"marker": "x", "linestyle": "none", "markersize": 6, "markeredgewidth": 1.6}
    for label, colour in (("segment", style.BLUE), ("value tier", style.ORANGE)):
        rows = stay_rates[stay_rates["label"] == label]
        staying.plot(rows["to_day"], rows["share_staying_ceiling"], color=colour, label=f"_ceiling {label}", **ceiling)
        if label == "segment":
            name = "ceiling: halves of the same months"
            index.plot(rows["to_day"], rows["ari_ceiling"], color=colour, label=name, **ceiling)


def drift_over_periods(
    segment_drift: pd.DataFrame, migration_summary: pd.DataFrame, day_one: date | None = None
) -> Figure:
    """Population stability index of the mix of segments and of the features that moved most, period by period.

    Each column compares a period with one that shares no day with it (without any: with its neighbour); of many, the
    last 13 are drawn. Under 0.10 a distribution is stable, from 0.25 on it has moved: those cells are darkest. Days are
    dates where that of day 1 is known.
    """
    require(segment_drift, "segment_drift", [*PAIR, "kind", "name", "psi"])
    require(migration_summary, "migration_summary", _SUMMARY)
    pairs = comparable(migration_summary).sort_values("to_day").tail(PAIRS_SHOWN)
    table = segment_drift.merge(pairs[[*PAIR, "from_day", "to_day"]], on=PAIR)
    features = table[table["kind"] == "feature"]
    worst = features.groupby("name")["psi"].max().sort_values(ascending=False, kind="stable")
    shown = list(worst.index[:DRIFTING_SHOWN])
    mix = table[table["kind"] == "segment mix"]
    rows = [*(["Mix of segments"] if len(mix) else []), *(feature(name) for name in shown)]
    days = list(pairs["to_day"])
    values = np.full((len(rows), len(days)), np.nan)
    for place, day in enumerate(days):
        at = table[table["to_day"] == day]
        own = at[at["kind"] == "feature"].set_index("name")["psi"]
        column = [*at.loc[at["kind"] == "segment mix", "psi"].head(1), *(own.get(name, np.nan) for name in shown)]
        values[:, place] = column
    figure = style.new_figure(1.1 + 0.27 * len(rows))
    axes = style.add_axes(figure)
    printed = [["" if np.isnan(one) else f"{one:.2f}" for one in row] for row in values]
    style.heatmap(axes, values, printed, style.SEQUENTIAL, (0, 2 * MOVED_PSI))
    style.name_rows(axes, rows, width=46)
    before = list(pairs["from_day"])
    style.name_columns(axes, [dates.span(*pair, day_one) for pair in zip(before, days, strict=True)], 6.0)
    hidden = worst.iloc[DRIFTING_SHOWN:]
    rest = f"\n{len(hidden)} more features, none above {hidden.iloc[0]:.2f}" if len(hidden) else ""
    style.name_axes(axes, f"Population stability index between the periods that end on these days{rest}")
    return figure
