"""Where the nodes of a graph without circles stand when it is drawn in layers (Sugiyama, Tagawa & Toda 1981)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.optimize import isotonic_regression

SWEEPS = 12
# Inches between neighbours, and that a line on its way past a layer takes there.
GAP, LANE = 0.16, 0.1
# Pull of a line on what it joins, by how many of its two ends are lanes.
_STRAIGHT = (1.0, 2.0, 8.0)


@dataclass(frozen=True)
class Edge:
    """An arrow; `kind`: lines of one kind into one node may join on their way."""

    cause: str
    effect: str
    kind: str


@dataclass(frozen=True)
class Item:
    """What stands in a layer: a node, or the `lane` of the lines of one kind that pass it on their way to a node."""

    node: str
    layer: int
    lane: str = ""


@dataclass(frozen=True)
class Segment:
    """A line from one layer to the next."""

    start: Item
    end: Item
    kind: str


@dataclass(frozen=True)
class Layout:
    """`rows`: the items of each layer from the left; `x`: their middles; `width`: of the sheet, all in inches."""

    rows: tuple[tuple[Item, ...], ...]
    segments: tuple[Segment, ...]
    x: Mapping[Item, float]
    width: float


def layered(edges: Iterable[Edge], node_width: float, sheet: float) -> Layout:
    """Layers from the top down, every arrow downward, with few crossings and short ways; lines into a node join.

    A node stands as low as its effects allow. `node_width`: of every node; `sheet`: the least width of the drawing.
    Raises ValueError naming the nodes when arrows run in a circle.
    """
    arrows = list(dict.fromkeys(edges))
    depth = _depths(arrows)
    segments = _segments(arrows, depth)
    items = dict.fromkeys(end for part in segments for end in (part.start, part.end))
    rows = [[item for item in items if item.layer == layer] for layer in range(max(depth.values()) + 1)]
    rows = _untangled(rows, segments)
    widths = {item: LANE if item.lane else node_width for row in rows for item in row}
    width = max([sheet, *(sum(widths[item] + GAP for item in row) + GAP for row in rows)])
    return Layout(tuple(map(tuple, rows)), tuple(segments), _middles(rows, segments, widths, width), width)


def _depths(edges: list[Edge]) -> dict[str, int]:
    import networkx as nx

    graph = nx.DiGraph([(edge.cause, edge.effect) for edge in edges])
    if not nx.is_directed_acyclic_graph(graph):
        circle = [cause for cause, _ in nx.find_cycle(graph)]
        raise ValueError(f"arrows run in a circle: {' -> '.join([*circle, circle[0]])}")
    depth = {node: layer for layer, nodes in enumerate(nx.topological_generations(graph)) for node in nodes}
    for node in reversed(list(nx.topological_sort(graph))):
        effects = [depth[effect] for effect in graph.successors(node)]
        depth[node] = min(effects) - 1 if effects else depth[node]
    top = min(depth.values())
    return {node: layer - top for node, layer in depth.items()}


def _segments(edges: list[Edge], depth: Mapping[str, int]) -> list[Segment]:
    found: dict[Segment, None] = {}
    for edge in edges:
        at = Item(edge.cause, depth[edge.cause])
        for layer in range(depth[edge.cause] + 1, depth[edge.effect] + 1):
            arrived = layer == depth[edge.effect]
            end = Item(edge.effect, layer, "" if arrived else edge.kind)
            found[Segment(at, end, edge.kind)] = None
            at = end
    return list(found)


def _untangled(rows: list[list[Item]], segments: list[Segment]) -> list[list[Item]]:
    """The order of each row with the fewest crossings found: by the mean place of neighbours, then by exchange."""
    between = [[part for part in segments if part.start.layer == layer] for layer in range(len(rows) - 1)]
    best, fewest = rows, sum(_crossings(rows, between, layer) for layer in range(len(between)))
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        order = range(1, len(rows)) if downward else range(len(rows) - 2, -1, -1)
        for layer in order:
            rows = [*rows[:layer], _by_neighbours(rows, layer, segments, downward), *rows[layer + 1 :]]
        rows = _exchanged(rows, between)
        crossings = sum(_crossings(rows, between, layer) for layer in range(len(between)))
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _by_neighbours(rows: list[list[Item]], layer: int, segments: list[Segment], above: bool) -> list[Item]:
    other = rows[layer - 1 if above else layer + 1]
    place = {item: position / max(len(other) - 1, 1) for position, item in enumerate(other)}
    own = {item: position / max(len(rows[layer]) - 1, 1) for position, item in enumerate(rows[layer])}

    def wanted(item: Item) -> float:
        ends = [part.start if above else part.end for part in segments if (part.end if above else part.start) == item]
        return float(np.mean([place[end] for end in ends])) if ends else own[item]

    return sorted(rows[layer], key=wanted)


def _exchanged(rows: list[list[Item]], between: list[list[Segment]]) -> list[list[Item]]:
    """`rows` with neighbours exchanged as long as that leaves fewer crossings with the rows above and below."""
    rows = [list(row) for row in rows]
    improved = True
    while improved:
        improved = False
        for layer, row in enumerate(rows):
            above, below = _ends(rows, between, layer)
            for place in range(len(row) - 1):
                left, right = row[place], row[place + 1]
                # An exchange concerns only the lines of the two.
                pairs = [pair for ends in (above, below) for pair in product(ends[left], ends[right])]
                if sum(a < b for a, b in pairs) < sum(a > b for a, b in pairs):
                    row[place], row[place + 1] = right, left
                    improved = True
    return rows


def _ends(
    rows: list[list[Item]], between: list[list[Segment]], layer: int
) -> tuple[defaultdict[Item, list[int]], defaultdict[Item, list[int]]]:
    """The places of the other ends of each item's lines in the row above, and in the row below."""
    above: defaultdict[Item, list[int]] = defaultdict(list)
    below: defaultdict[Item, list[int]] = defaultdict(list)
    if layer > 0:
        places = {item: place for place, item in enumerate(rows[layer - 1])}
        for part in between[layer - 1]:
            above[part.end].append(places[part.start])
    if layer < len(between):
        places = {item: place for place, item in enumerate(rows[layer + 1])}
        for part in between[layer]:
            below[part.start].append(places[part.end])
    return above, below


def _crossings(rows: list[list[Item]], between: list[list[Segment]], layer: int) -> int:
    """Crossings of the lines between `layer` and the next."""
    upper = {item: place for place, item in enumerate(rows[layer])}
    lower = {item: place for place, item in enumerate(rows[layer + 1])}
    ends = [(upper[part.start], lower[part.end]) for part in between[layer]]
    return sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))


def _middles(
    rows: list[list[Item]], segments: list[Segment], widths: Mapping[Item, float], width: float
) -> dict[Item, float]:
    """Middles near those of the neighbours, in order, apart and on the sheet: least squares row by row, repeated."""
    offsets = {}
    for layer, row in enumerate(rows):
        own = np.array([widths[item] for item in row])
        offsets[layer] = np.concatenate([[0.0], np.cumsum((own[1:] + own[:-1]) / 2 + GAP)])
    x = {
        item: width / 2 + offset - offsets[layer][-1] / 2
        for layer, row in enumerate(rows)
        for item, offset in zip(row, offsets[layer], strict=True)
    }
    near: dict[Item, list[tuple[Item, float]]] = {item: [] for item in x}
    for part in segments:
        # A lane that runs straight is easier to follow than a node is to find off its middle.
        pull = _STRAIGHT[bool(part.start.lane) + bool(part.end.lane)]
        near[part.start].append((part.end, pull))
        near[part.end].append((part.start, pull))
    for sweep in range(8 * SWEEPS):
        for layer, row in list(enumerate(rows))[:: 1 if sweep % 2 == 0 else -1]:
            wanted = np.array(
                [_mean([x[other] for other, _ in near[item]], [w for _, w in near[item]]) for item in row]
            )
            weights = np.array([sum(pull for _, pull in near[item]) for item in row])
            placed = isotonic_regression(wanted - offsets[layer], weights=weights).x
            least = widths[row[0]] / 2 + GAP
            most = width - widths[row[-1]] / 2 - GAP - offsets[layer][-1]
            x.update(zip(row, np.clip(placed, least, max(least, most)) + offsets[layer], strict=True))
    middle = (min(x[item] - widths[item] / 2 for item in x) + max(x[item] + widths[item] / 2 for item in x)) / 2
    return {item: float(value) + width / 2 - middle for item, value in x.items()}


def _mean(values: list[float], weights: list[float]) -> float:
    return float(np.average(values, weights=weights))
