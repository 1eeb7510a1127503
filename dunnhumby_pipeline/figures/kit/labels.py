"""Labels beside points, placed so that none covers another or a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dunnhumby_pipeline.figures.kit import style

GAPS = (2.0, 8.0, 16.0, 26.0, 36.0, 48.0, 62.0, 78.0, 96.0)
ANGLES = tuple(map(math.radians, (0, 180, 90, 270, 45, 135, 225, 315, 22, 158, 202, 338, 68, 112, 248, 292)))
# A label further away than this is tied to its point by a line.
TIED = 4.0
# What covering costs by its area, beside what a tie across a label or another point costs by its length there.
COVERED, CROSSED = 20.0, 8.0
PAD = 1.5


@dataclass(frozen=True)
class _Box:
    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: _Box) -> float:
        """Area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return wide * high if wide > 0 and high > 0 else 0.0

    def outside(self, frame: _Box) -> float:
        """Area that lies outside `frame`."""
        return (self.right - self.left) * (self.top - self.bottom) - self.overlap(frame)


def label_points(
    figure: Figure,
    axes: Axes,
    points: NDArray[np.float64],
    radii: NDArray[np.float64],
    texts: Sequence[str],
    size: float = style.SMALL - 1,
) -> None:
    """Name each of `points` (n, 2), in data coordinates and of `radii` (n,) in printer's points, by one of `texts`.

    Of the places around a point, near ones first, the first is taken that is free of other labels and points and
    inside the axes; where none is, the one that covers least. The layout of `figure` must be final: settle it before.
    """
    unit = figure.dpi / 72
    centres = axes.transData.transform(points) / unit
    window = axes.get_window_extent()
    frame = _Box(window.x0 / unit, window.y0 / unit, window.x1 / unit, window.y1 / unit)
    taken = [
        _Box(x - radius, y - radius, x + radius, y + radius) for (x, y), radius in zip(centres, radii, strict=True)
    ]
    for index in np.argsort(-radii, kind="stable"):
        note = axes.annotate(
            texts[index],
            tuple(points[index]),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=style.INK,
            parse_math=False,
            annotation_clip=False,
            linespacing=1.1,
            zorder=4,
        )
        note.set_in_layout(False)
        extent = note.get_window_extent()
        wide, high = extent.width / unit + 2 * PAD, extent.height / unit + 2 * PAD
        others = [*taken[:index], *taken[index + 1 :]]
        offset, gap, box = _place(
            (float(centres[index, 0]), float(centres[index, 1])), float(radii[index]), wide, high, others, frame
        )
        note.set_position(offset)
        if gap > TIED:
            _tie(axes, points[index], offset, wide, high)
        taken.append(box)


def _place(
    centre: tuple[float, float],
    radius: float,
    wide: float,
    high: float,
    others: Sequence[_Box],
    frame: _Box,
) -> tuple[tuple[float, float], float, _Box]:
    """(offset from the point, distance from its rim, box) of the best place for a label, in printer's points."""
    best: tuple[float, tuple[float, float], float, _Box] | None = None
    for gap, angle in product(GAPS, ANGLES):
        right, up = math.cos(angle), math.sin(angle)
        offset = (right * (radius + gap + wide / 2), up * (radius + gap + high / 2))
        x, y = centre[0] + offset[0], centre[1] + offset[1]
        box = _Box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
        cost = COVERED * (box.outside(frame) + sum(box.overlap(other) for other in others))
        if gap > TIED:
            cost += CROSSED * sum(_crossed(centre, (x, y), other) for other in others)
        if best is None or cost < best[0] - 1e-9:
            best = (cost, offset, gap, box)
        if cost < 1e-9:
            break
    assert best is not None
    return best[1], best[2], best[3]


def _crossed(start: tuple[float, float], end: tuple[float, float], box: _Box) -> float:
    """Length of the straight line from `start` to `end` that lies in `box` (Liang & Barsky 1984)."""
    enters, leaves = 0.0, 1.0
    for at, along, low, high in (
        (start[0], end[0] - start[0], box.left, box.right),
        (start[1], end[1] - start[1], box.bottom, box.top),
    ):
        if along == 0:
            if not low < at < high:
                return 0.0
            continue
        first, last = sorted(((low - at) / along, (high - at) / along))
        enters, leaves = max(enters, first), min(leaves, last)
    return max(leaves - enters, 0.0) * math.hypot(end[0] - start[0], end[1] - start[1])


def _tie(axes: Axes, point: NDArray[np.float64], offset: tuple[float, float], wide: float, high: float) -> None:
    x, y = offset
    # The line ends at the side of the label that faces the point.
    shrink = min(wide / 2 / abs(x) if x else np.inf, high / 2 / abs(y) if y else np.inf, 1.0)
    line = axes.annotate(
        "",
        tuple(point),
        xytext=(x * (1 - shrink), y * (1 - shrink)),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": style.RULE, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=False,
        zorder=1.8,
    )
    line.set_in_layout(False)
