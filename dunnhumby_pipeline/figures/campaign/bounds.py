"""The picture of how far the average effect can lie without a model of targeting."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dunnhumby_pipeline.causal.doubts.bounds import MONOTONE_BOTH, MONOTONE_RESPONSE, MONOTONE_SELECTION, NO_ASSUMPTION
from dunnhumby_pipeline.causal.doubts.sensitivity import LOWER_BOUND, UPPER_BOUND
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PRIMARY_ESTIMATOR, PRIMARY_OUTCOME
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.forest import ForestRow, draw_forest, effect_axis, effect_row, effect_ticks, inset
from dunnhumby_pipeline.words import numbers, terms

LABEL_WIDTH = 40
AIPW = "aipw"
_BOUNDS = ["estimate", "ci_lower", "ci_upper"]
_ASSUMPTIONS = {
    NO_ASSUMPTION: "No assumption",
    MONOTONE_RESPONSE: "Being targeted lowers nobody's {}",
    MONOTONE_SELECTION: "Those targeted would have had at least as much as the others anyway",
    MONOTONE_BOTH: "Both assumptions",
}


def true_bounds(
    sensitivity: pd.DataFrame, average_effects: pd.DataFrame | None = None, outcome: str = PRIMARY_OUTCOME
) -> Figure:
    """Where the average effect (ATE) on `outcome` can lie under each assumption, and no model of targeting.

    Thick: between the bounds; thin: their sampling error. Bounds that contradict each other speak against the
    assumption and are vermilion. Above them stand the estimates over all campaigns and trials, when `average_effects`
    is given. What reaches far beyond is cut, with an arrow head. In the unit of `terms.outcome`, per household.
    """
    require(sensitivity, "sensitivity", ["analysis", "quantity", *_BOUNDS])
    name, unit = terms.outcome(outcome)
    scale, sign = terms.outcome_scale(outcome)
    bounds = scale * _bounds(sensitivity)
    if bounds.empty:
        raise ValueError("sensitivity has no bounds of the average effect")
    estimates = [] if average_effects is None else _estimates(average_effects, outcome)
    assumptions = {key: label.format(name.lower()) for key, label in _ASSUMPTIONS.items()}
    ranges = [
        _range_row(assumptions.get(str(key), terms.spoken(str(key))), row, sign) for key, row in bounds.iterrows()
    ]
    rows = [*estimates, *ranges]
    limits = _range_limits(bounds, estimates)
    figure = style.new_figure(0.9 + style.row_height([row.label for row in rows], LABEL_WIDTH) * len(rows))
    axes = style.add_axes(figure)
    draw_forest(axes, rows, limits=limits)
    style.label_rows(axes, [row.label for row in rows], [row.strong for row in rows], LABEL_WIDTH)
    for position, ((_, row), drawn) in enumerate(zip(bounds.iterrows(), rows[len(estimates) :], strict=True)):
        _draw_range(axes, len(estimates) + position, row, drawn.colour, limits)
    if estimates:
        axes.axhline(len(estimates) - 0.5, color=style.RULE, linewidth=0.8)
    effect_ticks(axes, unit, "x")
    style.name_axes(axes, effect_axis(name, unit))
    return figure


def _bounds(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """lower, upper, ci_lower, ci_upper by assumption, the known ones in their order."""
    lower = sensitivity.loc[sensitivity["quantity"] == LOWER_BOUND].set_index("analysis")
    upper = sensitivity.loc[sensitivity["quantity"] == UPPER_BOUND].set_index("analysis")
    bounds = pd.DataFrame(
        {
            "lower": lower["estimate"],
            "upper": upper["estimate"],
            "ci_lower": lower["ci_lower"],
            "ci_upper": upper["ci_upper"],
        },
        dtype=float,
    ).dropna(subset=["lower", "upper"])
    known = [name for name in _ASSUMPTIONS if name in bounds.index]
    return bounds.loc[[*known, *(name for name in bounds.index if name not in _ASSUMPTIONS)]]


def _estimates(average_effects: pd.DataFrame, outcome: str) -> list[ForestRow]:
    columns = ["outcome", "estimator", "estimand", "population", "campaign", "estimate", "ci_lower", "ci_upper"]
    require(average_effects, "average_effects", columns)
    whole = (average_effects["campaign"].astype(str) == ALL_CAMPAIGNS) & (average_effects["population"] == "all")
    own = (average_effects["outcome"] == outcome) & average_effects["estimator"].isin([AIPW, PRIMARY_ESTIMATOR])
    return [
        effect_row(
            terms.estimator(row["estimator"], row["estimand"], row["population"]),
            row,
            outcome,
            strong=bool(row["estimator"] == PRIMARY_ESTIMATOR),
        )
        for _, row in average_effects.loc[whole & own].iterrows()
    ]


def _range_row(label: str, row: pd.Series, sign: str) -> ForestRow:
    contradicted = bool(row["lower"] > row["upper"])
    written = f"{numbers.number(row['lower'], 3, sign)} to {numbers.number(row['upper'], 3, sign)}"
    return ForestRow(
        label,
        np.nan,
        np.nan,
        np.nan,
        f"{written}: contradicted" if contradicted else written,
        style.VERMILION if contradicted else style.ORANGE,
    )


def _range_limits(bounds: pd.DataFrame, estimates: list[ForestRow]) -> tuple[float, float]:
    """The narrowest range and the estimates in full, and half as much again around them; of the rest what fits."""
    width = (bounds["upper"] - bounds["lower"]).abs()
    narrowest = bounds.loc[width.idxmin()]
    ends = [0.0, *narrowest, *(end for row in estimates for end in row.ends)]
    low, high = (float(limit(ends)) for limit in (np.nanmin, np.nanmax))
    pad = 0.5 * (high - low) or 1.0
    every = [*ends, *bounds.to_numpy().ravel()]
    low, high = max(low - pad, float(np.nanmin(every))), min(high + pad, float(np.nanmax(every)))
    air = 0.03 * (high - low) or 1.0
    return low - air, high + air


def _draw_range(axes: Axes, position: int, row: pd.Series, colour: str, limits: tuple[float, float]) -> None:
    low, high = inset(limits)
    for first, last, width, name in (("ci_lower", "ci_upper", 1.4, "_error"), ("lower", "upper", 7.0, "_range")):
        ends = np.clip(sorted((row[first], row[last])), low, high)
        axes.plot(ends, [position] * 2, color=colour, linewidth=width, solid_capstyle="butt", label=name, zorder=2)
    reached = np.array([row["lower"], row["upper"]])
    for cut, end, head in ((reached.min() < low, low, "<"), (reached.max() > high, high, ">")):
        if cut:
            axes.plot(end, position, head, color=colour, markersize=8, label="_beyond")
