"""Pictures of value: who brings the revenue, what households are worth, and how far the forecast can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, draw_forest
from dunnhumby_pipeline.words import forecasts, numbers, terms
from dunnhumby_pipeline.words.features import segment_name, segment_names

PARETO_MARKS = (0.1, 0.2, 0.5)
TARGETS = {
    "spend": ("Spend", "$", "$ in the half-year"),
    "gross_profit": ("Gross profit", "$", "$ in the half-year"),
    "trips": ("Trips", "", "trips in the half-year"),
}
FORECASTS = {
    "naive": (style.MUTED, "s"),
    "model": (style.ORANGE, "^"),
    "nbd": (style.ORANGE, "v"),
    "smoothed": (style.INK, "D"),
    "boosted": (style.INK, "P"),
    "stacked": (style.BLUE, "o"),
    "stacked_absolute": (style.BLUE, "X"),
}
_TIERS = ("high", "mid", "low")


def pareto_curve(curve: pd.DataFrame) -> Figure:
    """Share of revenue (%) that comes from the share of households (%) with the largest revenue.

    Were all households alike, the curve would lie on the dashed line. The marks print what the best 10, 20 and 50 %
    of households bring.
    """
    require(curve, "pareto_curve", ["share_of_households", "share_of_revenue"])
    points = curve.sort_values("share_of_households")
    households, revenue = points["share_of_households"].to_numpy(float), points["share_of_revenue"].to_numpy(float)
    figure = style.new_figure(3.8, 5.6)
    axes = style.add_axes(figure)
    style.grid(axes, "y")
    axes.plot([0, 1], [0, 1], color=style.MUTED, linestyle="--", linewidth=1.1, label="all alike")
    axes.plot(households, revenue, color=style.BLUE, linewidth=2.2, label="households by revenue")
    for share in PARETO_MARKS:
        reached = float(np.interp(share, households, revenue))
        axes.plot(share, reached, "o", color=style.BLUE, markersize=6, label="_mark")
        axes.annotate(
            f"best {numbers.percent(share)}: {numbers.percent(reached)} of revenue",
            (share, reached),
            xytext=(8, -3),
            textcoords="offset points",
            va="top",
            fontsize=style.SMALL,
            color=style.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    style.percent_ticks(axes, "x")
    style.percent_ticks(axes, "y")
    style.legend_above(figure, axes)
    style.name_axes(axes, "Households, the largest revenue first (%)", "Share of revenue (%)")
    return figure


def clv_calibration(calibration: pd.DataFrame, chosen: str = "stacked") -> Figure:
    """What was forecast against what came, on a half-year not seen before: naive, BG/NBD, and the forecast in use.

    A point is a bin of equally many households by their forecast, with the interval of what came; on the dashed line
    forecast and outcome agree. Points above it: households did more than forecast. Both axes are logarithmic where all
    figures are above zero.
    """
    columns = ["target", "forecast", "mean_forecast", "mean_actual", "ci_lower", "ci_upper"]
    require(calibration, "clv_calibration", columns)
    calibration = calibration[calibration["forecast"].isin(["naive", "model", chosen])]
    # Trips are forecast by the models of trips alone.
    known = calibration.loc[calibration["forecast"] == chosen, "target"]
    targets = [target for target in TARGETS if target in set(known)]
    if not targets:
        return style.sentence("The forecast in use was not tested on a half-year held out.")
    figure = style.new_figure(4.3)
    grid = figure.add_gridspec(1, len(targets))
    first: Axes | None = None
    for place, target in enumerate(targets):
        axes = style.add_axes(figure, grid[place])
        first = first or axes
        rows = calibration[calibration["target"] == target]
        _draw_calibration(axes, rows)
        name, unit, spoken = TARGETS[target]
        for direction in ("x", "y"):
            if unit:
                style.dollar_ticks(axes, direction)
            else:
                style.number_ticks(axes, direction)
        style.name_axes(axes, f"Forecast (mean {spoken})", f"What came (mean {spoken})", name)
    if first is not None:
        style.legend_above(figure, first)
    return figure


def _draw_calibration(axes: Axes, rows: pd.DataFrame) -> None:
    style.grid(axes, "y")
    figures = rows[["mean_forecast", "mean_actual", "ci_lower", "ci_upper"]].to_numpy(dtype=float)
    low, high = float(np.nanmin(figures)), float(np.nanmax(figures))
    if low > 0:
        axes.set_xscale("log")
        axes.set_yscale("log")
        low, high = 0.8 * low, 1.25 * high
    axes.plot([low, high], [low, high], color=style.INK, linestyle="--", linewidth=1.0, label="as forecast")
    for forecast, (colour, mark) in FORECASTS.items():
        own = rows[rows["forecast"] == forecast].sort_values("mean_forecast")
        if len(own):
            ends = np.stack([own["mean_actual"] - own["ci_lower"], own["ci_upper"] - own["mean_actual"]])
            axes.errorbar(
                own["mean_forecast"],
                own["mean_actual"],
                yerr=np.nan_to_num(ends),
                fmt=mark,
                color=colour,
                markersize=5,
                elinewidth=1.4,
                label=forecasts.FORECASTS[forecast],
                alpha=0.9,
            )
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)


def clv_errors(validation: pd.DataFrame) -> Figure:
    """How much larger or smaller the mean error of each forecast is than that of 'same as before', with intervals.

    Measured on a half-year that no forecast had seen. Left of zero a forecast errs less than naive; where the bar
    touches zero, nobody can tell. Beside each row stand its mean absolute error and the verdict.
    """
    columns = ["target", "forecast", "mae", "mae_against_naive", "ci_lower", "ci_upper", "verdict"]
    require(validation, "clv_validation", columns)
    panels = [(target, validation[validation["target"] == target]) for target in TARGETS]
    panels = [(target, rows[rows["forecast"] != "naive"]) for target, rows in panels if len(rows)]
    panels = [(target, rows) for target, rows in panels if len(rows)]
    if not panels:
        return style.sentence("No forecast but the naive one was validated: there is nothing to set beside it.")
    figure = style.new_figure(0.4 + sum(0.85 + 0.36 * len(rows) for _, rows in panels))
    grid = figure.add_gridspec(len(panels), 1, height_ratios=[0.6 + 0.36 * len(rows) for _, rows in panels])
    for place, (target, rows) in enumerate(panels):
        axes = style.add_axes(figure, grid[place])
        name, unit, spoken = TARGETS[target]
        naive = validation[(validation["target"] == target) & (validation["forecast"] == "naive")]
        draw_forest(axes, [_error_row(row, unit) for _, row in rows.iterrows()])
        if unit:
            style.dollar_ticks(axes, "x")
        beside = f", naive errs by {numbers.number(naive['mae'].iloc[0], 4, unit)}" if len(naive) else ""
        style.name_axes(axes, f"Mean absolute error less that of naive ({spoken})", "", f"{name}{beside}")
    return figure


def _error_row(row: pd.Series, unit: str) -> ForestRow:
    forecast = str(row["forecast"])
    return ForestRow(
        label=terms.spoken(forecasts.FORECASTS[forecast]),
        estimate=row["mae_against_naive"],
        lower=row["ci_lower"],
        upper=row["ci_upper"],
        printed=f"errs by {numbers.number(row['mae'], 4, unit)}: {row['verdict']}",
        colour=FORECASTS[forecast][0],
    )


def clv_by_segment(segment_lifetime_value: pd.DataFrame, segment_profiles: pd.DataFrame) -> Figure:
    """Mean lifetime value ($ of sales in the next 52 weeks) of a household of each segment, with its interval.

    Beside each row: the mean with its interval, and the segment's share of all value. At the right, how its households
    divide into value tiers: a segment of one colour is homogeneous in value.
    """
    columns = ["segment", "clv_mean", "ci_lower", "ci_upper", "clv_share", *(f"share_{tier}" for tier in _TIERS)]
    require(segment_lifetime_value, "segment_lifetime_value", columns)
    names = segment_names(segment_profiles)
    table = segment_lifetime_value.sort_values("clv_mean", ascending=False, kind="stable")
    labels = [segment_name(slug, names) for slug in table["segment"]]
    figure = style.new_figure(1.2 + max(style.row_height(labels, 24), 0.42) * len(table))
    grid = figure.add_gridspec(1, 2, width_ratios=[1.2, 1])
    axes, tiers = style.add_axes(figure, grid[0]), style.add_axes(figure, grid[1])
    draw_forest(axes, [_value_row(label, row) for label, (_, row) in zip(labels, table.iterrows(), strict=True)])
    style.label_rows(axes, labels, width=24)
    axes.set_xlim(left=0)
    style.dollar_ticks(axes, "x")
    style.name_axes(axes, "Sales in the next 52 weeks ($ per household)", "Segment")
    left = np.zeros(len(table))
    for tier in _TIERS:
        shares = table[f"share_{tier}"].to_numpy(dtype=float)
        tiers.barh(range(len(table)), shares, left=left, height=0.55, color=style.TIERS[tier], label=f"{tier} value")
        left = left + np.nan_to_num(shares)
    style.label_rows(tiers, [""] * len(table))
    tiers.set_xlim(0, 1)
    style.percent_ticks(tiers, "x")
    style.name_axes(tiers, "Its households by value tier (%)")
    style.legend_above(figure, tiers)
    return figure


def _value_row(label: str, row: pd.Series) -> ForestRow:
    written = numbers.interval(row["clv_mean"], row["ci_lower"], row["ci_upper"], "$")
    return ForestRow(
        label=label,
        estimate=row["clv_mean"],
        lower=row["ci_lower"],
        upper=row["ci_upper"],
        printed=f"{written}\n{numbers.percent(row['clv_share'])} of all value",
    )


def value_need_heatmap(value_need: pd.DataFrame) -> Figure:
    """Value tier by leading need: households, share of revenue (%) and discount rate (%), a panel each.

    Darker is more, within a panel. Discount rate: discounts over sales before discounts.
    """
    columns = ["value_tier", "need", "n_households", "share", "revenue", "revenue_share", "discount_rate"]
    require(value_need, "value_need", columns)
    tiers = [tier for tier in _TIERS if tier in set(value_need["value_tier"])]
    needs = list(dict.fromkeys(value_need["need"]))
    panels = (
        (
            "Households",
            "n_households",
            lambda row: f"{numbers.count(row.n_households)}\n{numbers.percent(row.share)}",
        ),
        ("Revenue", "revenue", lambda cell: f"{numbers.dollars(cell.revenue)}\n{numbers.percent(cell.revenue_share)}"),
        ("Discount rate", "discount_rate", lambda cell: numbers.percent(cell.discount_rate, 1)),
    )
    wide = len(needs) > 4
    figure = style.new_figure((0.55 + 0.52 * len(tiers)) * (3 if wide else 1) + 0.55)
    grid = figure.add_gridspec(3 if wide else 1, 1 if wide else 3)
    for place, (title, column, write) in enumerate(panels):
        axes = style.add_axes(figure, grid[place])
        cells = {(cell.value_tier, cell.need): cell for cell in value_need.itertuples()}
        values = np.array([[getattr(cells[tier, need], column) for need in needs] for tier in tiers], dtype=float)
        printed = [[write(cells[tier, need]) for need in needs] for tier in tiers]
        known = values[np.isfinite(values)]
        lowest = float(known.min()) if len(known) and column == "discount_rate" else 0.0
        # Past the largest, or the darkest cell would hide which of the dark ones it is.
        limits = (lowest, (float(known.max()) - lowest) * 1.15 + lowest if len(known) else 1.0)
        style.heatmap(axes, values, printed, style.SEQUENTIAL, limits)
        style.name_rows(axes, [f"{tier.capitalize()} value" for tier in tiers])
        axes.tick_params(labelleft=wide or place == 0)
        style.name_columns(axes, [terms.spoken(need) for need in needs], 8.0 if wide else 2.6)
        axes.set_title(title, loc="left", fontsize=style.TITLE, color=style.INK)
    figure.supxlabel("Leading need: what the household comes for", fontsize=style.TEXT, color=style.INK)
    return figure
