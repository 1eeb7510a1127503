"""Rows of estimates with their intervals, which several pictures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.numbers import is_number

# Median widths of an interval beyond the median interval at which an estimate would squeeze all others.
FAR = 3.0
# Of the axis, so that the arrow head of what is cut does not reach out of it.
HEAD = 0.012


@dataclass(frozen=True)
class ForestRow:
    """One estimate: `printed` stands to the right of its row; `strong` sets it in bold."""

    label: str
    estimate: float
    lower: float
    upper: float
    printed: str
    colour: str = style.BLUE
    strong: bool = False
    marker: str = "o"

    @property
    def ends(self) -> tuple[float, float]:
        """The interval, or the estimate twice where there is none."""
        known = is_number(self.lower) and is_number(self.upper)
        return (float(self.lower), float(self.upper)) if known else (float(self.estimate), float(self.estimate))


def effect_row(
    label: str, row: pd.Series, outcome: str, colour: str = style.BLUE, strong: bool = False, marker: str = "o"
) -> ForestRow:
    """An effect on `outcome` (estimate, ci_lower, ci_upper) in the unit of `terms.outcome`, its interval printed."""
    scale, sign = terms.outcome_scale(outcome)
    estimate, lower, upper = (scale * float(row[name]) for name in ("estimate", "ci_lower", "ci_upper"))
    return ForestRow(
        label, estimate, lower, upper, numbers.interval(estimate, lower, upper, sign), colour, strong, marker
    )


def draw_forest(
    axes: Axes, rows: Sequence[ForestRow], legend: str | None = None, limits: tuple[float, float] | None = None
) -> None:
    """Each row's estimate as a point with its interval as a bar, from the top down, and a line at zero.

    An estimate without an interval is a point alone, one that is no number its label alone. `legend` names the points
    in the axes' legend. What lies beyond `limits` is cut there, an arrow head pointing to it.
    """
    style.zero_line(axes, "x")
    style.grid(axes, "x")
    low, high = inset(limits)
    named = False
    for position, row in enumerate(rows):
        style.print_beside(axes, position, row.printed, row.strong)
        if not is_number(row.estimate):
            continue
        lower, upper = row.ends
        if is_number(row.lower) and is_number(row.upper) and upper > low and lower < high:
            axes.plot(
                [max(lower, low), min(upper, high)],
                [position, position],
                color=row.colour,
                linewidth=2.2,
                solid_capstyle="butt",
                label="_interval",
            )
        if low <= row.estimate <= high:
            axes.plot(
                row.estimate,
                position,
                row.marker,
                color=row.colour,
                markersize=7,
                linestyle="none",
                label=legend if legend and not named else "_estimate",
            )
            named = True
        for cut, end, head in ((lower < low, low, "<"), (upper > high, high, ">")):
            if cut:
                axes.plot(end, position, head, color=row.colour, markersize=7, label="_beyond")
    style.label_rows(axes, [row.label for row in rows], [row.strong for row in rows])
    if limits:
        axes.set_xlim(*limits)


def inset(limits: tuple[float, float] | None) -> tuple[float, float]:
    """Where rows are cut within `limits`; nowhere without them."""
    if limits is None:
        return -np.inf, np.inf
    room = HEAD * (limits[1] - limits[0])
    return limits[0] + room, limits[1] - room


def draw_diamond(axes: Axes, position: int, row: ForestRow, limits: tuple[float, float] | None = None) -> None:
    """A diamond as wide as the interval of `row`, over the point that `draw_forest` drew; nothing without a number."""
    if not is_number(row.estimate):
        return
    low, high = inset(limits)
    left, middle, right = (float(np.clip(x, low, high)) for x in (row.ends[0], row.estimate, row.ends[1]))
    corners = [(left, position), (middle, position - 0.28), (right, position), (middle, position + 0.28)]
    axes.add_patch(Polygon(corners, closed=True, facecolor=style.ORANGE, edgecolor=style.INK, linewidth=0.8, zorder=3))


def common_limits(rows: Sequence[ForestRow]) -> tuple[float, float] | None:
    """Limits that show zero and all rows but the far ones, which would squeeze the others; None without any number.

    An estimate is far when it lies more than `FAR` median widths of an interval from the interval of the row in the
    middle. What an interval reaches beyond that is cut too.
    """
    ends = np.array([row.ends for row in rows if is_number(row.estimate)])
    if not len(ends):
        return None
    estimates = np.array([row.estimate for row in rows if is_number(row.estimate)])
    middle = ends[np.argsort(estimates, kind="stable")[(len(ends) - 1) // 2]]
    width = float(np.median(ends[:, 1] - ends[:, 0]))
    reach = FAR * width if width > 0 else np.inf
    near = (estimates >= middle[0] - reach) & (estimates <= middle[1] + reach)
    low = min(0.0, max(float(ends[near, 0].min()), middle[0] - reach))
    high = max(0.0, min(float(ends[near, 1].max()), middle[1] + reach))
    pad = 0.04 * (high - low) or 1.0
    return low - pad, high + pad


def effect_axis(name: str, unit: str) -> str:
    """What the axis of effects on an outcome is called: its name and unit as of `terms.outcome`."""
    return f"Effect on {name[:1].lower()}{name[1:]} ({unit} per household)"


def effect_ticks(axes: Axes, unit: str, direction: str) -> None:
    """Ticks of effects in `unit`: amounts, or plain numbers."""
    if direction == "x":
        # As many as fit beside each other, or amounts in millions would run together.
        letters = len(numbers.dollars(max(map(abs, axes.get_xlim()))))
        axes.xaxis.set_major_locator(MaxNLocator(min(7, max(2, 60 // (letters + 4)))))
    if unit == "$":
        style.dollar_ticks(axes, direction)
    else:
        style.number_ticks(axes, direction)
