"""Pictures of the design: who entered the study, what it assumes, and how other designs compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.ticker import MaxNLocator

from dunnhumby_pipeline.causal.design.flow import CONTROL, LEFT_OUT, TREATED, TRIALS
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.figures.campaign.graphs import causal_graph
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.boxes import PAD, Box, Sheet
from dunnhumby_pipeline.figures.kit.forest import ForestRow, draw_forest
from dunnhumby_pipeline.words import numbers, terms

__all__ = ["causal_graph", "design_comparison", "trial_flow"]

# Inches: the main path of the flow, what leaves it, and the air between boxes.
PATH_X, PATH_WIDTH = 2.55, 4.3
ASIDE_X, ASIDE_WIDTH = 6.975, 3.65
AIR = 0.16
_EDGE = 0.2
_LABEL_WIDTH = 24
_EFFECT = ["naive", "ato", "ato_lower", "ato_upper"]


@dataclass(frozen=True)
class _Measure:
    """A panel: what it shows of each design, from `start` on; `weighted`: the same figure after weighting."""

    title: str
    column: str
    start: float
    end: float | None
    write: Callable[[float], str]
    weighted: str = ""


def _smd(value: float) -> str:
    return numbers.INFINITY if np.isinf(value) else f"{value:.2f}" if numbers.is_number(value) else numbers.NOTHING


_MEASURES = (
    _Measure("Propensity AUC", "auc", 0.5, 1.0, lambda value: numbers.number(value, 2)),
    _Measure("Trials in overlap", "share_in_overlap", 0.0, 1.0, numbers.percent),
    _Measure("Largest SMD", "max_smd", 0.0, None, _smd, "max_smd_weighted"),
    _Measure("Effective treated", "ess_treated", 0.0, None, numbers.count),
)


def trial_flow(trial_flow: pd.DataFrame) -> Figure:
    """Flow of households into the study (CONSORT; Schulz et al. 2010): who is left goes down, who leaves to the right.

    Counts are those of all campaigns together, a household counting once per campaign. The last level shows the arms.
    Campaigns left out altogether are listed below.
    """
    require(trial_flow, "trial_flow", ["campaign", "step", "stage", "n", "n_excluded", "reason"])
    whole = trial_flow.loc[trial_flow["campaign"].astype(str) == ALL_CAMPAIGNS].sort_values("step", kind="stable")
    if whole.empty:
        raise ValueError("trial_flow has no row about all campaigns")
    arms = [row for _, row in whole.iterrows() if row["stage"] in (TREATED, CONTROL)]
    sheet = Sheet()
    last: Box | None = None
    reached, aside = _EDGE, _EDGE - AIR
    for stage, steps in _stages(whole):
        bold = stage == TRIALS
        said = f"{terms.spoken(stage)}\nn = {numbers.count(steps[-1]['n'])}"
        text = sheet.wrap(said, PATH_WIDTH - 2 * PAD, bold=bold)
        height = sheet.height_of(text, bold=bold)
        top = reached if last is None else reached + 2 * AIR
        lost = _lost(steps)
        if lost:
            why = sheet.wrap(lost, ASIDE_WIDTH - 2 * PAD)
            tall = sheet.height_of(why)
            # Who leaves does so half-way between two boxes; the path waits until the box has room.
            middle = max(reached + AIR, aside + AIR + tall / 2)
            top, aside = 2 * middle - reached, middle + tall / 2
            sheet.draw(Box(ASIDE_X, middle, ASIDE_WIDTH, tall), why, face=style.SHADE, centred=False)
            sheet.arrow((PATH_X, middle), (ASIDE_X - ASIDE_WIDTH / 2, middle))
        box = Box(PATH_X, top + height / 2, PATH_WIDTH, height)
        sheet.draw(box, text, edge=style.INK if bold else style.MUTED, bold=bold)
        if last is not None or lost:
            sheet.arrow((PATH_X, reached), (PATH_X, box.top))
        last, reached = box, box.bottom
    if last is not None and arms:
        reached = _split(sheet, last, arms)
    reached = max(reached, aside)
    left_out = trial_flow.loc[trial_flow["stage"] == LEFT_OUT]
    if len(left_out):
        reached = _campaigns_left_out(sheet, left_out, reached + 2 * AIR)
    return sheet.cut(reached + _EDGE)


def _stages(whole: pd.DataFrame) -> list[tuple[str, list[pd.Series]]]:
    """Stages of the path in their order, each with its rows: a stage may leave out households for several reasons."""
    found: dict[str, list[pd.Series]] = {}
    for _, row in whole.iterrows():
        if row["stage"] not in (TREATED, CONTROL):
            found.setdefault(str(row["stage"]), []).append(row)
    return list(found.items())


def _lost(steps: list[pd.Series]) -> str:
    said = [
        f"{numbers.count(row['n_excluded'])} left out" + (f": {row['reason']}" if _told(row["reason"]) else "")
        for row in steps
        if numbers.is_number(row["n_excluded"]) and row["n_excluded"] > 0
    ]
    return "\n".join(said)


def _told(reason: object) -> bool:
    return isinstance(reason, str) and bool(reason.strip())


def _split(sheet: Sheet, last: Box, arms: list[pd.Series]) -> float:
    """The arms side by side below the last box of the path; where they end."""
    width = (PATH_WIDTH - AIR) / 2
    top = last.bottom + 0.42
    reached = top
    for row in arms:
        treated = row["stage"] == TREATED
        text = f"{terms.spoken(str(row['stage']))}\nn = {numbers.count(row['n'])}"
        height = sheet.height_of(text, bold=True)
        x = PATH_X + (-1 if treated else 1) * (width + AIR) / 2
        colour = style.TREATED if treated else style.CONTROL
        sheet.draw(Box(x, top + height / 2, width, height), text, edge=colour, bold=True)
        sheet.arrow((PATH_X, last.bottom), (x, top))
        reached = max(reached, top + height)
    return reached


def _campaigns_left_out(sheet: Sheet, left_out: pd.DataFrame, top: float) -> float:
    """A box that lists the campaigns left out, and why; returns where it ends."""
    width = sheet.width - 2 * _EDGE
    lines = [f"{numbers.count(len(left_out))} {'campaign' if len(left_out) == 1 else 'campaigns'} left out"]
    for _, row in left_out.iterrows():
        lists = f", which lists {numbers.count(row['n_excluded'])} households" if row["n_excluded"] > 0 else ""
        why = f": {row['reason']}" if _told(row["reason"]) else ""
        lines.append(f"Campaign {row['campaign']}{lists}{why}")
    text = sheet.wrap("\n".join(lines), width - 2 * PAD)
    height = sheet.height_of(text)
    sheet.draw(Box(sheet.width / 2, top + height / 2, width, height), text, face=style.SHADE, centred=False)
    return top + height


def design_comparison(design_comparison: pd.DataFrame) -> Figure:
    """The designs side by side, the one in use shaded and bold: how alike their arms are, and what effect they lead to.

    Above: propensity AUC (0.5: arms cannot be told apart), trials in overlap (%), largest standardised mean difference
    before (hollow) and after overlap weighting, effective number of treated trials. Below: the naive difference
    (hollow) and the overlap-weighted effect with its interval, in $ per household. What is not known is not drawn.
    """
    columns = [*(each for measure in _MEASURES for each in (measure.column, measure.weighted) if each), *_EFFECT]
    require(design_comparison, "design_comparison", ["design", "chosen", *columns])
    table = design_comparison.astype(dict.fromkeys(columns, float)).reset_index(drop=True)
    chosen = table["chosen"].astype(bool).to_list()
    labels = [terms.design(str(name)) for name in table["design"]]
    tall = max(0.34, style.row_height(labels, _LABEL_WIDTH))
    figure = style.new_figure(2.2 + 2 * tall * len(table))
    parts = figure.add_gridspec(2, 1)
    above = GridSpecFromSubplotSpec(1, len(_MEASURES), parts[0])
    for place, measure in enumerate(_MEASURES):
        axes = style.add_axes(figure, above[place])
        _draw_measure(axes, table, measure, chosen)
        style.label_rows(axes, labels if place == 0 else [""] * len(labels), chosen, _LABEL_WIDTH)
        axes.set_title(measure.title, loc="left", y=1.0, fontsize=style.TEXT, color=style.INK)
    _draw_effects(style.add_axes(figure, parts[1]), table, labels, chosen)
    return figure


def _shade(axes: Axes, chosen: list[bool]) -> None:
    for row in np.flatnonzero(chosen):
        axes.axhspan(row - 0.45, row + 0.45, color=style.SHADE, zorder=0, linewidth=0, label="_chosen")


def _draw_measure(axes: Axes, table: pd.DataFrame, measure: _Measure, chosen: list[bool]) -> None:
    _shade(axes, chosen)
    style.grid(axes, "x")
    names = [measure.column, *([measure.weighted] if measure.weighted else [])]
    values = table[names].to_numpy()
    finite = values[np.isfinite(values)]
    end = measure.end or 1.08 * float(finite.max(initial=0.0)) or 1.0
    for row, own in enumerate(chosen):
        colour = style.BLUE if own else style.MUTED
        drawn = np.clip(values[row], measure.start, end)
        last = measure.start if len(names) == 1 else drawn[1]
        axes.plot([last, drawn[0]], [row, row], color=colour, linewidth=2.0, label="_line")
        for place, value in enumerate(drawn):
            face = "white" if place < len(names) - 1 else colour
            axes.plot(
                value,
                row,
                "o",
                markeredgecolor=colour,
                markerfacecolor=face,
                markersize=7,
                clip_on=False,
                label=f"_{names[place]}",
                zorder=3,
            )
        written = " \N{RIGHTWARDS ARROW} ".join(measure.write(value) for value in values[row])
        style.print_beside(axes, row, written, own)
    axes.set_xlim(measure.start, end + 0.04 * (end - measure.start))
    if measure.end is None:
        axes.xaxis.set_major_locator(MaxNLocator(2))
    else:
        axes.set_xticks(np.linspace(measure.start, measure.end, 3))
    if measure.write is numbers.percent:
        style.percent_ticks(axes, "x")
    else:
        style.number_ticks(axes, "x")


def _draw_effects(axes: Axes, table: pd.DataFrame, labels: list[str], chosen: list[bool]) -> None:
    _shade(axes, chosen)
    rows = [
        ForestRow(
            label,
            row.ato,
            row.ato_lower,
            row.ato_upper,
            f"{numbers.interval(row.ato, row.ato_lower, row.ato_upper, '$')}; naive {numbers.dollars(row.naive)}",
            style.BLUE if own else style.MUTED,
            own,
        )
        for row, label, own in zip(table[_EFFECT].itertuples(), labels, chosen, strict=True)
    ]
    points = table[["naive", "ato"]].to_numpy()
    points = np.append(points[np.isfinite(points)], 0.0)
    span = float(np.ptp(points)) or 1.0
    ends = np.array([row.ends for row in rows]).ravel()
    ends = np.append(ends[np.isfinite(ends)], points)
    # An interval may reach as far beyond the estimates as they lie apart; the rest is cut.
    low = max(float(ends.min()), float(points.min()) - span) - 0.04 * span
    high = min(float(ends.max()), float(points.max()) + span) + 0.04 * span
    draw_forest(axes, rows, legend="overlap-weighted effect", limits=(low, high))
    axes.plot(
        table["naive"],
        range(len(table)),
        "D",
        markerfacecolor="white",
        markeredgecolor=style.VERMILION,
        markeredgewidth=1.6,
        markersize=6,
        label="naive difference",
    )
    style.label_rows(axes, labels, chosen, _LABEL_WIDTH)
    style.dollar_ticks(axes, "x")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=style.SMALL, borderpad=0)
    style.name_axes(axes, "Difference in spend ($ per household); shaded: the design in use")
