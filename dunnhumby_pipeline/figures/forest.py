"""Rows of estimates with their intervals, which several pictures share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from dunnhumby_pipeline.figures import style
from dunnhumby_pipeline.figures.words import is_number


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


def draw_forest(axes: Axes, rows: Sequence[ForestRow], legend: str | None = None) -> None:
    """Each row's estimate as a point with its interval as a bar, from the top down, and a line at zero.

    An estimate without an interval is a point alone. `legend` names the points in the axes' legend.
    """
    style.zero_line(axes, "x")
    style.grid(axes, "x")
    for position, row in enumerate(rows):
        if is_number(row.lower) and is_number(row.upper):
            axes.plot(
                [row.lower, row.upper],
                [position, position],
                color=row.colour,
                linewidth=2.2,
                solid_capstyle="butt",
                label="_interval",
            )
        axes.plot(
            row.estimate,
            position,
            "o",
            color=row.colour,
            markersize=7,
            linestyle="none",
            label=legend if legend and position == 0 else "_estimate",
        )
        style.print_beside(axes, position, row.printed, row.strong)
    style.label_rows(axes, [row.label for row in rows], [row.strong for row in rows])
