"""Boxes of text on a sheet measured in inches, for diagrams: text is wrapped by its measured width, never guessed."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dunnhumby_pipeline.figures.kit import style

PAD = 0.09
LINE_SPACING = 1.25


@dataclass(frozen=True)
class Box:
    """A rectangle about its centre (x, y), in inches from the top left of the sheet."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2


class Sheet:
    """An empty figure whose data units are inches, downward from the top left corner.

    `width` is given, `cut` sets the height once everything is placed.
    """

    def __init__(self, width: float = style.WIDTH) -> None:
        self.figure = style.on_canvas(Figure(figsize=(width, 1.0), facecolor="white"))
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.width = width
        self.cut(1.0)

    def cut(self, height: float) -> Figure:
        """The figure, made `height` inches high."""
        self.figure.set_size_inches(self.width, height)
        self.axes.set_xlim(0, self.width)
        self.axes.set_ylim(height, 0)
        return self.figure

    def measure(self, text: str, size: float = style.SMALL, bold: bool = False) -> tuple[float, float]:
        """Width and height in inches of `text` as it would be drawn."""
        drawn = self.axes.text(
            0, 0, text, fontsize=size, linespacing=LINE_SPACING, fontweight=_weight(bold), parse_math=False
        )
        extent = drawn.get_window_extent()
        drawn.remove()
        return extent.width / self.figure.dpi, extent.height / self.figure.dpi

    def wrap(self, text: str, width: float, size: float = style.SMALL, bold: bool = False) -> str:
        """`text` in lines at most `width` inches wide, broken at spaces, and within a word where it must be."""
        lines = []
        for paragraph in text.split("\n"):
            line = ""
            for word in paragraph.split(" "):
                longer = f"{line} {word}" if line else word
                if self.measure(longer, size, bold)[0] <= width:
                    line = longer
                    continue
                if line:
                    lines.append(line)
                line = word
                while len(line) > 1 and self.measure(line, size, bold)[0] > width:
                    kept = max(1, self._fitting(line, width, size, bold))
                    lines.append(line[:kept])
                    line = line[kept:]
            lines.append(line)
        return "\n".join(lines)

    def _fitting(self, word: str, width: float, size: float, bold: bool) -> int:
        """How many of a word's letters fit in `width`."""
        return bisect_right(range(1, len(word)), width, key=lambda n: self.measure(word[:n], size, bold)[0])

    def height_of(self, text: str, size: float = style.SMALL, bold: bool = False) -> float:
        """Inches that a box needs for `text`, already wrapped."""
        return self.measure(text, size, bold)[1] + 2 * PAD

    def draw(
        self,
        box: Box,
        text: str,
        edge: str = style.RULE,
        face: str = "white",
        size: float = style.SMALL,
        bold: bool = False,
        dashed: bool = False,
        centred: bool = True,
    ) -> None:
        """`box` with `text`, already wrapped, in its middle or, not `centred`, flush left."""
        self.axes.add_patch(
            FancyBboxPatch(
                (box.left, box.top),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=0.06",
                edgecolor=edge,
                facecolor=face,
                linewidth=1.2,
                linestyle=(0, (4, 2.5)) if dashed else "-",
                zorder=2,
            )
        )
        self.axes.text(
            box.x if centred else box.left + PAD,
            box.y,
            text,
            ha="center" if centred else "left",
            va="center",
            fontsize=size,
            fontweight=_weight(bold),
            linespacing=LINE_SPACING,
            color=style.INK,
            parse_math=False,
            zorder=3,
        )

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A straight arrow between two points."""
        self.axes.annotate(
            "",
            end,
            xytext=start,
            arrowprops={"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
            zorder=1,
        )


def _weight(bold: bool) -> str:
    return "bold" if bold else "normal"
