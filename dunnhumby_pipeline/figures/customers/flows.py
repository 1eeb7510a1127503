"""Pictures of who moves where: flows between segments from period to period, and their shares."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from dunnhumby_pipeline.contracts.frames import comparable, require
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import dates, numbers
from dunnhumby_pipeline.words.features import in_named_order, segment_name, segment_names

ABSENT = "(no purchase)"
PAIR = ["from_period", "to_period"]
# Of the tables that are drawn below each other.
TITLES = ("Segment of each period alone", "Smoothed segment")
# Inches that the cells of the matrix take.
MATRIX_WIDTH = 6.2
NAME_LETTERS = 24
# Parts of the distance between two periods, and of the height.
_BAR, _GAP = 0.10, 0.02


def segment_flows(
    segment_migration: pd.DataFrame,
    migration_summary: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    smoothed_migration: pd.DataFrame | None = None,
    day_one: date | None = None,
) -> Figure:
    """Households by segment in periods that share no day, and the flows between them; below, by smoothed segment.

    A bar is a period, as high as its households; a ribbon as wide as those who went from one segment to another, in
    the colour of where they came from. Those who stayed lie level. Where every two periods share days, neighbours are
    drawn, whose ribbons then look straighter than customers are. Periods end on dates where that of day 1 is known.
    """
    require(segment_migration, "segment_migration", [*PAIR, "from_segment", "to_segment", "n"])
    require(migration_summary, "migration_summary", [*PAIR, "from_day", "to_day", "shared_days"])
    names = segment_names(segment_profiles)
    chain = _chain(migration_summary)
    days = migration_summary.set_index(PAIR)
    ends = [int(days.at[chain[0], "from_day"]), *(int(days.at[pair, "to_day"]) for pair in chain)]
    drawn = [[_flow(table, *pair) for pair in chain] for table in _given(segment_migration, smoothed_migration)]
    states = _states(pd.concat([flow for flows in drawn for flow in flows]), names)
    colours = {slug: style.CYCLE[place % len(style.CYCLE)] for place, slug in enumerate(states)}
    colours[ABSENT] = style.GRID
    figure = style.new_figure(0.4 + 4.2 * len(drawn))
    grid = figure.add_gridspec(len(drawn), 1)
    for row, flows in enumerate(drawn):
        axes = style.add_axes(figure, grid[row])
        _draw_flows(axes, flows, states, colours, names)
        axes.set_xticks(range(len(ends)), labels=[dates.short(day, day_one) for day in ends])
        last = row == len(drawn) - 1
        style.name_axes(axes, "Last day of the period" if last else "", "", TITLES[row] if len(drawn) > 1 else "")
    return figure


def _given(measured: pd.DataFrame, smoothed: pd.DataFrame | None) -> list[pd.DataFrame]:
    if smoothed is None or smoothed.empty:
        return [measured]
    return [measured, require(smoothed, "smoothed_migration", [*PAIR, "from_segment", "to_segment", "n"])]


def _draw_flows(
    axes: Axes, flows: list[pd.DataFrame], states: list[str], colours: dict[str, str], names: dict[str, str]
) -> None:
    total = max(float(flow["n"].sum()) for flow in flows)
    for place, flow in enumerate(flows):
        left = _stack(flow.groupby("from_segment")["n"].sum(), states, total)
        right = _stack(flow.groupby("to_segment")["n"].sum(), states, total)
        _ribbons(axes, place, flow, left, right, states, colours)
        sides = [(place, left)] if place < len(flows) - 1 else [(place, left), (place + 1, right)]
        for x, stack in sides:
            for slug, (bottom, height) in stack.items():
                axes.add_patch(Rectangle((x - _BAR / 2, bottom), _BAR, height, color=colours[slug], linewidth=0))
        if place == 0:
            _name_stack(axes, left, total, names)
    axes.set_xlim(-_BAR, len(flows) + _BAR)
    axes.set_ylim(total * (1 + _GAP * len(states)), 0)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _chain(summary: pd.DataFrame) -> list[tuple[int, int]]:
    """Pairs that follow each other up to the last period, which share no day where there are such."""
    pairs = comparable(summary)
    before = {int(row.to_period): int(row.from_period) for row in pairs.sort_values("from_period").itertuples()}
    last = max(before)
    chain: list[tuple[int, int]] = []
    while last in before:
        chain.append((before[last], last))
        last = before[last]
    return chain[::-1]


def _flow(migration: pd.DataFrame, before: int, after: int) -> pd.DataFrame:
    return migration[(migration["from_period"] == before) & (migration["to_period"] == after)]


def _states(flows: pd.DataFrame, names: dict[str, str]) -> list[str]:
    found = set(flows["from_segment"]) | set(flows.loc[flows["n"] > 0, "to_segment"])
    return [*in_named_order(found - {ABSENT}, names), *([ABSENT] if ABSENT in found else [])]


def _stack(sizes: pd.Series, states: list[str], total: float) -> dict[str, tuple[float, float]]:
    """(top, height) of each state that has households, from the top down."""
    places, reached = {}, 0.0
    for slug in states:
        height = float(sizes.get(slug, 0))
        if height > 0:
            places[slug] = (reached, height)
        reached += height + total * _GAP
    return places


def _ribbons(
    axes: Axes,
    place: int,
    flow: pd.DataFrame,
    left: dict[str, tuple[float, float]],
    right: dict[str, tuple[float, float]],
    states: list[str],
    colours: dict[str, str],
) -> None:
    start, end = place + _BAR / 2, place + 1 - _BAR / 2
    middle = (start + end) / 2
    sizes = flow.set_index(["from_segment", "to_segment"])["n"]
    leaving = {slug: top for slug, (top, _) in left.items()}
    arriving = {slug: top for slug, (top, _) in right.items()}
    for before in states:
        for after in states:
            width = float(sizes.get((before, after), 0))
            if width == 0:
                continue
            y, z = leaving[before], arriving[after]
            leaving[before], arriving[after] = y + width, z + width
            outline = [
                (start, y),
                (middle, y),
                (middle, z),
                (end, z),
                (end, z + width),
                (middle, z + width),
                (middle, y + width),
                (start, y + width),
                (start, y),
            ]
            codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
            shade = 0.55 if before == after else 0.3
            axes.add_patch(PathPatch(Path(outline, codes), facecolor=colours[before], alpha=shade, linewidth=0))


def _name_stack(axes: Axes, stack: dict[str, tuple[float, float]], total: float, names: dict[str, str]) -> None:
    """Names left of the first bar, pushed apart where states are small."""
    needed = 0.09 * total
    reached = -np.inf
    positions, labels = [], []
    for slug, (top, height) in stack.items():
        middle = max(top + height / 2, reached + needed)
        reached = middle
        positions.append(middle)
        labels.append(style.wrapped("No purchase" if slug == ABSENT else segment_name(slug, names), NAME_LETTERS))
    axes.set_yticks(positions, labels=labels)
    for tick_label in axes.get_yticklabels():
        tick_label.set_parse_math(False)


def flow_matrix(
    segment_migration: pd.DataFrame,
    migration_summary: pd.DataFrame,
    segment_profiles: pd.DataFrame,
    smoothed_migration: pd.DataFrame | None = None,
) -> Figure:
    """Of the households of each segment (row), where they were one look-back later (column), in % of the row; below,
    the same of smoothed segments.

    Over all pairs of periods that share no day together, or, without any, all neighbours. On the diagonal are those
    who stayed.
    """
    require(segment_migration, "segment_migration", [*PAIR, "from_segment", "to_segment", "n"])
    require(migration_summary, "migration_summary", [*PAIR, "from_day", "to_day", "shared_days"])
    names = segment_names(segment_profiles)
    pairs = comparable(migration_summary)
    apart = bool((pairs["shared_days"] == 0).all())
    tables = [table.merge(pairs[PAIR], on=PAIR) for table in _given(segment_migration, smoothed_migration)]
    states = _states(pd.concat(tables), names)
    labels = ["No purchase" if slug == ABSENT else segment_name(slug, names) for slug in states]
    height = 0.3 + style.columns_height(labels, MATRIX_WIDTH) + max(style.row_height(labels), 0.4) * len(states)
    figure = style.new_figure(0.4 + height * len(tables))
    grid = figure.add_gridspec(len(tables), 1)
    for row, moved in enumerate(tables):
        axes = style.add_axes(figure, grid[row])
        shares = _shares(moved, states)
        printed = [[numbers.percent(share) for share in cells] for cells in shares]
        style.heatmap(axes, shares, printed, style.SEQUENTIAL, (0, 1))
        style.name_rows(axes, labels)
        style.name_columns(axes, labels, MATRIX_WIDTH)
        to = "To, in the next period that shares no day" if apart else "To, in the next period"
        style.name_axes(axes, f"{to}: {TITLES[row].lower()}" if len(tables) > 1 else to, "From")
    return figure


def _shares(moved: pd.DataFrame, states: list[str]) -> np.ndarray:
    """(from, to) shares of each row; NaN where nobody was."""
    counts = moved.pivot_table(index="from_segment", columns="to_segment", values="n", aggfunc="sum", fill_value=0)
    counts = counts.reindex(index=states, columns=states, fill_value=0)
    totals = counts.sum(axis=1).to_numpy(dtype=float)[:, None]
    return np.divide(counts.to_numpy(dtype=float), totals, out=np.full(counts.shape, np.nan), where=totals > 0)
