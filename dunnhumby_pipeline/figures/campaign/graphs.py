"""The picture of the assumed causal graph: its layers from the top down, on a sheet measured in inches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Polygon
from matplotlib.path import Path

from dunnhumby_pipeline.causal.design.graph import ASSUMED_ABSENT, OUTCOME, TREATMENT
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.boxes import PAD, Box, Sheet
from dunnhumby_pipeline.figures.kit.layers import Edge, Item, Layout, Segment, layered
from dunnhumby_pipeline.words import terms

NODE_WIDTH = 1.55
# Inches between layers, above the first, and below the last one for the legend.
BETWEEN, TOP, BELOW = 0.66, 0.15, 0.6
HEAD = 0.09
MEASURED, HIDDEN, ABSENT, EFFECT = "measured", "hidden", "absent", "effect"
_LEADING_TO = {TREATMENT: style.TREATED, OUTCOME: style.CONTROL}


@dataclass(frozen=True)
class NodeLook:
    """How a node's box is drawn."""

    text: str
    edge: str = style.MUTED
    face: str = "white"
    bold: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class LineLook:
    """How a line is drawn; `crossed` puts a cross on its last part, for an arrow that is not there."""

    colour: str = style.MUTED
    width: float = 1.1
    dashes: str | tuple[float, tuple[float, ...]] = "-"
    crossed: bool = False


def causal_graph(causal_graph: pd.DataFrame) -> Figure:
    """The assumed graph from the top down: causes above effects, the campaign and the outcome in colour.

    Lines into one node join on their way to it. Dashed: a node that is not measured, and what comes from or goes to
    one. A dotted line with a cross is an arrow that is assumed not to be there: the study rests on its absence.
    Raises ValueError when arrows run in a circle.
    """
    require(causal_graph, "causal_graph", ["cause", "effect", "observed", "meaning"])
    edges = [
        Edge(str(row.cause), str(row.effect), _kind(bool(row.observed), str(row.meaning)))
        for row in causal_graph.itertuples()
    ]
    measured = {end for edge in edges if edge.kind == MEASURED for end in (edge.cause, edge.effect)}
    names = dict.fromkeys(end for edge in edges for end in (edge.cause, edge.effect))
    looks = {name: _node_look(name, name not in measured) for name in names}
    lines = {
        (name, kind): LineLook(colour, dashes=dashes, crossed=kind == ABSENT)
        for name in names
        for kind, colour, dashes in (
            (MEASURED, _LEADING_TO.get(name, style.MUTED), "-"),
            (HIDDEN, _LEADING_TO.get(name, style.MUTED), (0, (4, 2.5))),
            (ABSENT, style.INK, (0, (1, 2))),
        )
    }
    # The effect itself has a line of its own.
    edges = [Edge(e.cause, e.effect, EFFECT) if (e.cause, e.effect) == (TREATMENT, OUTCOME) else e for e in edges]
    sheet = draw_graph(edges, looks, {**lines, (OUTCOME, EFFECT): LineLook(style.INK, 2.4)})
    _graph_legend(sheet.figure, {edge.kind for edge in edges})
    return sheet.figure


def _kind(observed: bool, meaning: str) -> str:
    if meaning.startswith(ASSUMED_ABSENT):
        return ABSENT
    return MEASURED if observed else HIDDEN


def _node_look(name: str, hidden: bool) -> NodeLook:
    colour = _LEADING_TO.get(name)
    return NodeLook(terms.spoken(name), colour or style.MUTED, "white", colour is not None, hidden)


def _graph_legend(figure: Figure, kinds: set[str]) -> None:
    entries: list[tuple[bool, str, dict[str, Any]]] = [
        (True, "into the campaign", {"color": style.TREATED}),
        (True, "into the outcome", {"color": style.CONTROL}),
        (EFFECT in kinds, "the effect studied", {"color": style.INK, "linewidth": 2.4}),
        (HIDDEN in kinds, "not measured", {"color": style.MUTED, "linestyle": (0, (4, 2.5))}),
        (
            ABSENT in kinds,
            "assumed not to be there",
            {"color": style.INK, "linestyle": (0, (1, 2)), "marker": "x", "markeredgewidth": 2},
        ),
    ]
    handles = [Line2D([], [], label=label, **look) for drawn, label, look in entries if drawn]
    figure.legend(
        handles=handles,
        loc="lower left",
        ncols=len(handles),
        frameon=False,
        fontsize=style.SMALL,
        labelcolor=style.INK,
        handletextpad=0.5,
        columnspacing=1.4,
        handlelength=2.6,
    )


def draw_graph(
    edges: Sequence[Edge], nodes: Mapping[str, NodeLook], lines: Mapping[tuple[str, str], LineLook]
) -> Sheet:
    """The sheet with every node and line, and room for a legend below.

    `lines`: by the node that a line leads to and its kind; those not named are grey.
    """
    layout = layered(edges, NODE_WIDTH, style.WIDTH)
    sheet = Sheet(layout.width)
    boxes: dict[Item, Box] = {}
    texts: dict[Item, str] = {}
    top = TOP
    for row in layout.rows:
        for item in row:
            if not item.lane:
                look = nodes[item.node]
                texts[item] = sheet.wrap(look.text, NODE_WIDTH - 2 * PAD, bold=look.bold)
        height = max(sheet.height_of(texts[item], bold=nodes[item.node].bold) for item in row if not item.lane)
        for item in row:
            boxes[item] = Box(layout.x[item], top + height / 2, 0.0 if item.lane else NODE_WIDTH, height)
        top += height + BETWEEN
    used = top - BETWEEN
    sheet.cut(used + BELOW)
    _draw_lines(sheet, layout, boxes, lines)
    for item, text in texts.items():
        look = nodes[item.node]
        sheet.draw(boxes[item], text, edge=look.edge, face=look.face, bold=look.bold, dashed=look.dashed)
    return sheet


def _draw_lines(
    sheet: Sheet, layout: Layout, boxes: Mapping[Item, Box], lines: Mapping[tuple[str, str], LineLook]
) -> None:
    leaving = _ports(layout, boxes, leaving=True)
    arriving = _ports(layout, boxes, leaving=False)
    for part in layout.segments:
        look = lines.get((part.end.node, part.kind), LineLook())
        start, end = boxes[part.start], boxes[part.end]
        x, to = leaving[part], arriving[part]
        # Through its own layer a lane runs straight down, beside the boxes.
        above = start.top if part.start.lane else start.bottom
        half = (start.bottom + end.top) / 2
        foot = end.top - (0.0 if part.end.lane else HEAD)
        outline = [(x, above), (x, start.bottom), (x, half), (to, half), (to, foot)]
        codes = [Path.MOVETO, Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        path = Path(outline, codes)
        sheet.axes.add_patch(
            PathPatch(
                path,
                edgecolor=look.colour,
                facecolor="none",
                linewidth=look.width,
                linestyle=look.dashes,
                zorder=1,
            )
        )
        if not part.end.lane:
            tip = [(to, end.top), (to - HEAD / 2, end.top - 1.4 * HEAD), (to + HEAD / 2, end.top - 1.4 * HEAD)]
            sheet.axes.add_patch(Polygon(tip, closed=True, color=look.colour, linewidth=0, zorder=1.5))
        if look.crossed and not part.end.lane:
            sheet.axes.plot(
                (x + to) / 2, half, "x", color=look.colour, markersize=8, markeredgewidth=2, zorder=3, label="_absent"
            )


def _ports(layout: Layout, boxes: Mapping[Item, Box], leaving: bool) -> dict[Segment, float]:
    """Where on its box each line begins (or ends): side by side in the order of the other ends."""
    found: dict[Segment, float] = {}
    by_item: dict[Item, list[Segment]] = {}
    for part in layout.segments:
        by_item.setdefault(part.start if leaving else part.end, []).append(part)
    for item, parts in by_item.items():
        box = boxes[item]
        ordered = sorted(parts, key=lambda part: boxes[part.end if leaving else part.start].x)
        share = min(0.75, 0.16 * (len(ordered) - 1))
        places = box.x + box.width * share * np.linspace(-0.5, 0.5, len(ordered)) if len(ordered) > 1 else [box.x]
        found.update(zip(ordered, map(float, places), strict=True))
    return found
