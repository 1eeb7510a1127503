"""What a picture shows: labels, printed text and drawn points, and whether any of the text covers other text."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Tick, XTick
from matplotlib.figure import Figure
from matplotlib.text import Text


def labels(axes: Axes) -> list[str]:
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def printed(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def line(axes: Axes, label: str) -> np.ndarray:
    """The drawn points, (x, y), of the line whose label begins with `label`."""
    found = [drawn for drawn in axes.get_lines() if str(drawn.get_label()).startswith(label)]
    assert found, [drawn.get_label() for drawn in axes.get_lines()]
    return np.vstack([np.asarray(drawn.get_xydata()) for drawn in found])


def columns(axes: Axes) -> list[str]:
    return [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()]


def shaded(axes: Axes) -> np.ndarray:
    """Values of the cells of a heatmap."""
    return np.asarray(axes.get_images()[0].get_array())


def covered(figure: Figure, is_drawn: bool = False) -> list[tuple[str, str]]:
    """Pairs of texts of a figure of which one covers part of the other; slanted text is left out."""
    if not is_drawn:
        figure.draw_without_rendering()
    boxes = [
        (text.get_text(), text.get_window_extent()) for text in _texts(figure) if text.get_rotation() in (0.0, 90.0)
    ]
    return [
        (left, right)
        for (left, one), (right, other) in combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]


def outside(figure: Figure) -> list[str]:
    """Texts of a drawn figure that lie wholly or in part beyond its frame."""
    frame, margin = figure.bbox, 0.01 * figure.dpi
    boxes = [(text.get_text(), text.get_window_extent()) for text in _texts(figure)]
    return [
        text
        for text, box in boxes
        if box.x0 < frame.x0 - margin
        or box.y0 < frame.y0 - margin
        or box.x1 > frame.x1 + margin
        or box.y1 > frame.y1 + margin
    ]


def _texts(figure: Figure) -> list[Text]:
    """The texts that are drawn and not blank."""
    hidden = {id(label) for tick in figure.findobj(Tick) if not _seen(tick) for label in (tick.label1, tick.label2)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if id(text) not in hidden]


def _seen(tick: Tick) -> bool:
    """Whether a tick is drawn: one of those in use, inside its axes."""
    axes = tick.axes
    axis = axes.xaxis if isinstance(tick, XTick) else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    margin = 1e-6 * (high - low)
    inside = low - margin <= tick.get_loc() <= high + margin
    return inside and (tick in axis.get_major_ticks() or tick in axis.get_minor_ticks())
