"""The picture of how strong a confounder would have to be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.contracts.names import PRIMARY_OUTCOME
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.figures.kit.labels import label_points
from dunnhumby_pipeline.words import numbers, terms

ROUND_SHARES = (1e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.4, 0.5)


def confounding_contour(
    confounding_contour: pd.DataFrame, confounder_benchmarks: pd.DataFrame, outcome: str = PRIMARY_OUTCOME
) -> Figure:
    """What would be left of the effect on `outcome` beside a confounder that explains so much of what is left.

    Across: share (%) of treatment, up: of the outcome, both of what the covariates leave unexplained (Cinelli & Hazlett
    2020; Chernozhukov et al. 2022). The axes are in roots, in which the bias grows evenly. On the thick line nothing is
    left; beyond it (shaded) the sign may turn. Points: a confounder as strong as a group of measured covariates, or as
    several together, at its bound of the outcome; a diamond at the edge is one beyond it. Where the interval includes
    zero to begin with, what is left is the estimate less the bias, and the figure states it.
    """
    require(confounding_contour, "confounding_contour", ["gain_outcome", "gain_treatment", "limit"])
    columns = ["group", "outcome_bound", "gain_treatment", "lower", "upper"]
    if len(confounder_benchmarks):
        require(confounder_benchmarks, "confounder_benchmarks", columns)
    benchmarks = confounder_benchmarks.reindex(columns=columns)
    grid = confounding_contour.pivot(index="gain_outcome", columns="gain_treatment", values="limit")
    scale, sign = terms.outcome_scale(outcome)
    name, unit = terms.outcome(outcome)
    values = scale * grid.to_numpy(dtype=float)
    limit = np.ma.masked_invalid(values)
    across, up = grid.columns.to_numpy(dtype=float), grid.index.to_numpy(dtype=float)
    # A confounder only takes away: from an effect above zero downward, from one below zero upward.
    toward = 1.0 if values[0, 0] >= values[-1, -1] else -1.0
    figure = style.new_figure(5.6)
    axes = style.add_axes(figure)
    ends = np.sqrt([across[-1], up[-1]])
    axes.set_xlim(0, ends[0])
    axes.set_ylim(0, ends[1])
    # A gain that came out below nothing stands at nothing.
    points = np.sqrt(benchmarks[["gain_treatment", "outcome_bound"]].clip(lower=0).to_numpy(dtype=float))
    inside = (points <= ends).all(axis=1)
    shown = np.minimum(points, ends)
    _draw_contours(axes, np.sqrt(across), np.sqrt(up), limit, toward, shown, sign)
    axes.plot([], [], color=style.RULE, label=f"effect left ({unit} per household)")
    for chosen, marker, label in ((inside, "o", "as strong as this group of covariates"), (~inside, "D", "stronger")):
        if chosen.any():
            axes.plot(*shown[chosen].T, marker, color=style.INK, markersize=6, clip_on=False, label=label, zorder=5)
    _share_ticks(axes.xaxis, across[-1])
    _share_ticks(axes.yaxis, up[-1])
    style.legend_above(figure, axes)
    style.name_axes(
        axes,
        "What a confounder explains of treatment, of what is left unexplained (%, root scale)",
        f"What it explains of {name.lower()} (%, root scale)",
        _left_over(limit, toward, scale * (benchmarks["lower"] + benchmarks["upper"]).astype(float) / 2),
    )
    style.settle(figure)
    texts = [terms.spoken(str(group)) for group in benchmarks["group"]]
    if texts:
        label_points(figure, axes, shown, np.full(len(texts), 4.0), texts, style.SMALL)
    return figure


def _draw_contours(
    axes: Axes,
    across: NDArray[np.float64],
    up: NDArray[np.float64],
    limit: np.ma.MaskedArray,
    toward: float,
    points: NDArray[np.float64],
    sign: str,
) -> None:
    def amount(level: float) -> str:
        return f"{numbers.MINUS if level < 0 else ''}{sign}{abs(level):,.10g}"

    low, high = float(limit.min()), float(limit.max())
    levels = [level for level in MaxNLocator(8).tick_values(low, high) if low < level < high and level != 0]
    if levels:
        lines = axes.contour(across, up, limit, levels=levels, colors=style.RULE, linewidths=1.0, linestyles="-")
        places = [_clear_place(axes, np.asarray(path.vertices, dtype=float), points) for path in lines.get_paths()]
        texts = axes.clabel(lines, fmt=amount, fontsize=style.SMALL - 1, colors=style.MUTED, manual=places)
        for text in texts:
            text.set(rotation=0, parse_math=False)
    if low < 0 < high:
        axes.contour(across, up, limit, levels=[0], colors=style.VERMILION, linewidths=2.6)
        axes.contourf(across, up, toward * limit, levels=[-np.inf, 0], colors=[style.SHADE], zorder=0)
        axes.plot([], [], color=style.VERMILION, linewidth=2.6, label="nothing is left of the effect")


def _clear_place(axes: Axes, line: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[float, float]:
    """The vertex of `line` that lies furthest from `points` and the edges, for its label."""
    size = np.array([axes.get_xlim()[1], axes.get_ylim()[1]])
    scaled = line / size
    room = np.minimum(scaled, 1 - scaled).min(axis=1)
    if len(points):
        away = np.hypot(*(scaled[:, None, :] - points[None] / size).transpose(2, 0, 1)).min(axis=1)
        room = np.minimum(2 * room, away)
    x, y = line[int(room.argmax())]
    return float(x), float(y)


def _left_over(limit: np.ma.MaskedArray, toward: float, estimates: pd.Series) -> str:
    """What the picture says in words: whether sampling error is counted, and where no line can be drawn, why.

    `estimates`: the middle of each group's bounds, which is the estimate itself; null where they are endless.
    """
    known = estimates[np.isfinite(estimates)]
    bare = len(known) > 0 and bool(np.isclose(known.iloc[0], limit[0, 0]))
    if float((toward * limit).max()) <= 0:
        return "Nothing is left even without a confounder: the interval includes zero to begin with"
    said = "Sampling error not counted: with it, the interval includes zero already" if bare else ""
    if float((toward * limit).min()) > 0:
        enough = "No confounder of these strengths takes all of the effect"
        return f"{enough}. {said}" if said else enough
    return said


def _share_ticks(axis: Axis, end: float) -> None:
    """Ticks at round shares up to `end` on an axis that shows their roots, none too near the last."""
    kept: list[float] = []
    for share in (0.0, *ROUND_SHARES):
        if share <= end and (not kept or math.sqrt(share) - math.sqrt(kept[-1]) > 0.07 * math.sqrt(end)):
            kept.append(share)
    axis.set_ticks([math.sqrt(share) for share in kept], labels=[f"{100 * share:g}%" for share in kept])
