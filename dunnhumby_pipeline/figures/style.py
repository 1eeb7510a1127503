"""One place for colours, fonts and sizes of every picture.

Figures are made through the object API and styled one by one, so that drawing never changes the state
of the process that asked for it. Sizes suit a page 900 px wide: 9 inches at 100 px an inch.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter

from dunnhumby_pipeline.figures.words import MINUS

# Okabe and Ito's colours: told apart with any common colour vision, and in grey by their lightness.
BLUE = "#0072B2"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
INK = "#1f2933"
MUTED = "#66717d"
RULE = "#9aa5b1"
GRID = "#e4e8ec"
SHADE = "#eef0f3"

TREATED = VERMILION
CONTROL = BLUE

SEQUENTIAL = LinearSegmentedColormap.from_list("paper_to_blue", ["#ffffff", "#9cc9e3", BLUE, "#00395a"])

WIDTH = 9.0
TEXT = 10.0
SMALL = 9.0
TITLE = 11.0
LABEL_WIDTH = 34


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, `width` by `height` inches, whose layout leaves room for every label."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def add_axes(parent: Figure | SubFigure, position: Any = 111, **options: Any) -> Axes:
    """Axes at a subplot position of `parent`, with thin rules and quiet ticks."""
    axes = parent.add_subplot(position, **options)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)
    axes.tick_params(labelsize=SMALL, colors=MUTED, labelcolor=INK, length=3)
    axes.set_axisbelow(True)
    return axes


def name_axes(axes: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """Axis labels with their units, and a title flush left."""
    axes.set_xlabel(x, fontsize=TEXT, color=INK, parse_math=False)
    axes.set_ylabel(y, fontsize=TEXT, color=INK, parse_math=False)
    if title:
        axes.set_title(title, loc="left", fontsize=TITLE, color=INK, parse_math=False)


def grid(axes: Axes, direction: str) -> None:
    """Faint lines along one axis ("x" or "y")."""
    axes.grid(axis="x" if direction == "x" else "y", color=GRID, linewidth=0.8)


def row_height(labels: Sequence[str], width: int = LABEL_WIDTH) -> float:
    """Inches that each row needs for the longest label, wrapped at `width`, to stay clear of the next."""
    lines = max(len(textwrap.wrap(label, width)) for label in labels)
    return 0.2 + 0.16 * max(lines, 1)


def label_rows(axes: Axes, labels: Sequence[str], bold: Sequence[bool] = (), width: int = LABEL_WIDTH) -> None:
    """One label a row from the top down, wrapped at `width`; text is never read as mathematics."""
    wrapped = [textwrap.fill(label, width, break_long_words=True) for label in labels]
    axes.set_yticks(range(len(labels)), labels=wrapped)
    for position, tick_label in enumerate(axes.get_yticklabels()):
        tick_label.set_parse_math(False)
        if bold and bold[position]:
            tick_label.set_fontweight("bold")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def print_beside(axes: Axes, row: float, text: str, bold: bool = False) -> None:
    """`text` to the right of the axes, level with `row`."""
    axes.text(
        1.02,
        row,
        text,
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=SMALL,
        color=INK,
        fontweight="bold" if bold else "normal",
        parse_math=False,
    )


def legend_above(parent: Figure | SubFigure, axes: Axes, columns: int = 4) -> None:
    """The legend of `axes` at the top left of `parent`, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    parent.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.6,
    )


def percent_ticks(axes: Axes, direction: str) -> None:
    """Tick labels of shares as percentages, without their sign: mirrored axes have no negative shares."""
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{abs(100 * share):.0f}%"))


def dollar_ticks(axes: Axes, direction: str) -> None:
    """Tick labels as amounts, the sign before the $."""
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick_amount(value)))


def _tick_amount(value: float) -> str:
    # Ticks are round numbers up to a rounding error, which would otherwise be written in full.
    return f"{MINUS if value < -1e-9 else ''}${abs(round(value, 6)):,.10g}"


def zero_line(axes: Axes, direction: str) -> None:
    """A line at zero: the reference of every effect and value."""
    draw = axes.axvline if direction == "x" else axes.axhline
    draw(0, color=INK, linewidth=1.0, zorder=1.5)
