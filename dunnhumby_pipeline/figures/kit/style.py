"""One place for colours, fonts and sizes of every picture.

Figures are made through the object API and styled one by one, so that drawing never changes the state
of the process that asked for it. Sizes suit a page 900 px wide: 9 inches at 100 px an inch.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from dunnhumby_pipeline.figures.kit.canvas import Canvas
from dunnhumby_pipeline.words import dates
from dunnhumby_pipeline.words.numbers import MINUS

# Okabe and Ito's colours: told apart with any common colour vision, and in grey by their lightness.
BLUE = "#0072B2"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
INK = "#1f2933"
MUTED = "#66717d"
RULE = "#9aa5b1"
GRID = "#e4e8ec"
SHADE = "#eef0f3"
GREEN = "#009E73"
SKY = "#56B4E9"
PINK = "#CC79A7"

TREATED = VERMILION
CONTROL = BLUE
# Value tiers; grey for those of whom none is known.
TIERS = {"high": BLUE, "mid": ORANGE, "low": RULE}
# Colours of things without an order, as far as they go.
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, "#B8AB00", MUTED)

SEQUENTIAL = LinearSegmentedColormap.from_list("paper_to_blue", ["#ffffff", "#9cc9e3", BLUE, "#00395a"])
DIVERGING = LinearSegmentedColormap.from_list(
    "vermilion_to_blue", ["#7d3700", VERMILION, "#f3c6a5", "#ffffff", "#9cc9e3", BLUE, "#00395a"]
)

WIDTH = 9.0
TEXT = 10.0
SMALL = 9.0
TITLE = 11.0
LABEL_WIDTH = 34
# Of SMALL text, with a little air.
LETTERS_PER_INCH = 12.0
SLANT = 35.0
SLANTED_LETTERS = 28


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, `width` by `height` inches, whose layout leaves room for every label."""
    return on_canvas(Figure(figsize=(width, height), layout="constrained", facecolor="white"))


def on_canvas(figure: Figure) -> Figure:
    """`figure` on a canvas that keeps its renderer: on none, every text that is measured makes a new one."""
    Canvas(figure)
    return figure


def add_axes(parent: Figure | SubFigure, position: Any = 111, **options: Any) -> Axes:
    """Axes at a subplot position of `parent`, with thin rules and quiet ticks."""
    axes = parent.add_subplot(position, **options)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)
    axes.tick_params(labelsize=SMALL, colors=MUTED, labelcolor=INK, length=3)
    axes.set_axisbelow(True)
    return axes


def settle(figure: Figure) -> None:
    """Give every axes its final place, for what is placed by it; a later draw does not lay out again."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def name_axes(axes: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """Axis labels with their units, and a title flush left above axes whose ticks are labelled below."""
    axes.set_xlabel(x, fontsize=TEXT, color=INK, parse_math=False)
    axes.set_ylabel(y, fontsize=TEXT, color=INK, parse_math=False)
    if title:
        # At a given height: else every layout and draw measures the labels of the ticks once more for it.
        axes.set_title(title, loc="left", y=1.0, fontsize=TITLE, color=INK, parse_math=False)


def grid(axes: Axes, direction: str) -> None:
    """Faint lines along one axis ("x" or "y")."""
    axes.grid(axis="x" if direction == "x" else "y", color=GRID, linewidth=0.8)


def wrapped(label: str, width: int) -> str:
    """`label` in lines of at most `width` letters, broken at spaces, and within a word only where it must be."""
    return textwrap.fill(label, width, break_long_words=True, break_on_hyphens=False)


def column_labels(labels: Sequence[str], width: float) -> list[str]:
    """`labels` wrapped to stand beside each other over `width` inches, or for slanting where a word is too long."""
    letters = int(width / max(len(labels), 1) * LETTERS_PER_INCH)
    longest = max((len(word) for label in labels for word in label.split()), default=0)
    return [wrapped(label, max(letters, 1) if longest <= letters else SLANTED_LETTERS) for label in labels]


def columns_height(labels: Sequence[str], width: float) -> float:
    """Inches that the labels of columns need above `width` inches of heatmap."""
    written = column_labels(labels, width)
    if _slanted(written, width):
        longest = max(len(line) for label in written for line in label.split("\n"))
        return 0.35 + 0.09 * longest * math.sin(math.radians(SLANT))
    return 0.1 + 0.15 * max(label.count("\n") + 1 for label in written)


def _slanted(written: Sequence[str], width: float) -> bool:
    letters = width / max(len(written), 1) * LETTERS_PER_INCH
    return any(len(line) > letters for label in written for line in label.split("\n"))


def heatmap(
    axes: Axes,
    values: NDArray[np.float64],
    printed: Sequence[Sequence[str]],
    cmap: LinearSegmentedColormap,
    limits: tuple[float, float],
    size: float = SMALL,
) -> None:
    """Cells shaded by `values` (rows, columns) between `limits`, each with its text; a missing value is grey."""
    axes.set_facecolor(SHADE)
    axes.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto")
    span = (limits[1] - limits[0]) or 1.0
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = cmap((value - limits[0]) / span)
        dark = np.isfinite(value) and 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        cell = axes.text(
            column,
            row,
            printed[row][column],
            ha="center",
            va="center",
            fontsize=size,
            color="white" if dark else INK,
            parse_math=False,
        )
        # Inside the axes: the layout need not measure it.
        cell.set_in_layout(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


def name_columns(axes: Axes, labels: Sequence[str], width: float) -> None:
    """One label a column above `width` inches of heatmap: wrapped, or slanted where a word is too long for that."""
    written = column_labels(labels, width)
    slanted = _slanted(written, width)
    axes.set_xticks(range(len(labels)), labels=written)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False, length=0)
    for tick in axes.xaxis.get_major_ticks():
        tick.label2.set_parse_math(False)
        if slanted:
            tick.label2.set(rotation=SLANT, ha="left", va="bottom", rotation_mode="anchor")


def day_ticks(axes: Axes, day_one: date | None) -> None:
    """Days of the data along x, at whole days: as they are numbered, or as dates where that of day 1 is known."""
    # A date is three times as wide as a number.
    axes.xaxis.set_major_locator(MaxNLocator(6 if day_one is None else 3, integer=True))
    if day_one is not None:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda day, _: dates.short(day, day_one)))


def name_rows(axes: Axes, labels: Sequence[str], width: int = LABEL_WIDTH) -> None:
    """`label_rows` of a heatmap, whose cells fill the axes."""
    label_rows(axes, labels, width=width)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def sentence(text: str, height: float = 1.0) -> Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = new_figure(height)
    figure.text(0.01, 0.5, text, fontsize=TEXT, color=MUTED, va="center", parse_math=False, wrap=True)
    return figure


def row_height(labels: Sequence[str], width: int = LABEL_WIDTH) -> float:
    """Inches that each row needs for the longest label, wrapped at `width`, to stay clear of the next."""
    lines = max((wrapped(label, width).count("\n") + 1 for label in labels), default=1)
    return 0.2 + 0.16 * lines


def label_rows(axes: Axes, labels: Sequence[str], bold: Sequence[bool] = (), width: int = LABEL_WIDTH) -> None:
    """One label per row from the top down, wrapped at `width`; text is never read as mathematics."""
    axes.set_yticks(range(len(labels)), labels=[wrapped(label, width) for label in labels])
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


def number_ticks(axes: Axes, direction: str) -> None:
    """Tick labels as plain numbers, on logarithmic axes too."""
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value, 6):,.10g}".replace("-", MINUS)))


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
