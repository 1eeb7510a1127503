"""Stay-rates beside what they could be at most: for each pair of periods, and over all of them with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.movement.agreement import (
    Agreement,
    agreement,
    interval,
    mean_agreement,
    noise_share,
    noise_taken_out,
    noise_taken_out_any,
)
from dunnhumby_pipeline.segmentation.movement.membership import Move
from dunnhumby_pipeline.segmentation.movement.periods import shared_days
from dunnhumby_pipeline.segmentation.movement.smoothing import Smoothed
from dunnhumby_pipeline.segmentation.movement.trails import NOT_THERE, Array, Codes, Trails

STAYING, ARI, KAPPA = "staying", "ari", "kappa"
CEILING = "_ceiling"
NOISE_SHARE, TRUE, TRUE_ANY = "noise_share", "staying_true", "staying_true_any"
MOVED, MOVED_BY_NOISE = "moved", "moved_by_noise"
Row = dict[str, object]


def noise_tables(
    trail: Trails, halved: Trails, windows: pd.DataFrame, pairs: pd.DataFrame, weights: Array, confidence: float
) -> tuple[pd.DataFrame, list[Row]]:
    """`stay_rates`, and the rows of `movement_noise` for the labels that periods have.

    Both compare the households that have the label in both periods and in both halves of them, so that stay-rate and
    ceiling are of the same households. `halved`: measurements in the order of `pairs` (window, from_period, to_period,
    half); `weights` (R, n): see `agreement.household_weights`.
    """
    place = {int(window): at for at, window in enumerate(windows["window"])}
    span = windows.set_index("window")
    rates: list[Row] = []
    together: dict[tuple[str, bool], list[tuple[Agreement, Agreement, int]]] = {}
    rows = pairs.reset_index(drop=True)
    for (before, after), own in rows.groupby(["from_period", "to_period"], sort=False):
        first, second = own.sort_values("half").index
        shared = shared_days(windows, int(before), int(after))
        for label, codes in trail.codes.items():
            four = (
                codes[place[int(before)]],
                codes[place[int(after)]],
                halved.codes[label][first],
                halved.codes[label][second],
            )
            known = np.all([each != NOT_THERE for each in four], axis=0)
            measured = _both(four, known, len(trail.names[label]), weights)
            together.setdefault((label, shared == 0), []).append((*measured, int(known.sum())))
            periods, halves = measured
            rates.append(
                {
                    "label": label,
                    "from_period": int(before),
                    "to_period": int(after),
                    "from_day": int(span.at[before, "index_day"]) - 1,
                    "to_day": int(span.at[after, "index_day"]) - 1,
                    "shared_days": shared,
                    "n_households": int(known.sum()),
                    "share_staying": float(periods.staying[0]),
                    "share_staying_ceiling": float(halves.staying[0]),
                    "ari": float(periods.ari[0]),
                    "ari_ceiling": float(halves.ari[0]),
                }
            )
    found: list[Row] = []
    for (label, apart), parts in together.items():
        periods, halves = mean_agreement([one[0] for one in parts]), mean_agreement([one[1] for one in parts])
        values = _measures(periods, halves, apart)
        size = {"n_pairs": len(parts), "n_households": round(float(np.mean([one[2] for one in parts])))}
        found += [_row(label, apart, name, each, confidence, size) for name, each in values.items()]
    return pd.DataFrame(rates).sort_values(["label", "from_period", "to_period"], ignore_index=True), found


def _both(
    four: tuple[Codes, Codes, Codes, Codes], known: np.ndarray, n_codes: int, weights: Array
) -> tuple[Agreement, Agreement]:
    old, new, first, second = (each[known] for each in four)
    own = weights[:, known]
    return agreement(old, new, n_codes, own), agreement(first, second, n_codes, own)


def _measures(periods: Agreement, halves: Agreement, apart: bool) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name in (STAYING, ARI, KAPPA):
        found |= {name: getattr(periods, name), name + CEILING: getattr(halves, name)}
    found[NOISE_SHARE] = noise_share(periods, halves)
    if apart:
        # Periods that share days share noise, which no ratio takes out.
        found |= {TRUE: noise_taken_out(periods, halves), TRUE_ANY: noise_taken_out_any(periods, halves)}
    return found


def smoothed_rows(
    label: str,
    trail: Trails,
    smoothed: Smoothed,
    worlds: list[tuple[Array, Smoothed]],
    compared: list[tuple[int, int]],
    apart: set[tuple[int, int]],
    move: Move | None,
    weights: Array,
    confidence: float,
) -> list[Row]:
    """The rows of `movement_noise` for smoothed segments.

    Their ceiling is simulated: the mean of `worlds` in which no household changes, as halves of all weeks would smooth
    half as much. Over the pairs `compared` of households that bought in both; `apart`: those that share no day.
    `move`: of all households that bought in its two periods, the share that moved, here and in those worlds.
    """
    n_segments = int(max(smoothed.segments.max(), 0)) + 1
    rows: list[Row] = []
    for kind in (True, False):
        pairs = [pair for pair in compared if (pair in apart) == kind]
        if not pairs:
            continue
        here, unmoved, sizes = [], [], []
        for before, after in pairs:
            both = trail.seen[before] & trail.seen[after]
            sizes.append(int(both.sum()))
            here.append(agreement(*_segments(smoothed, before, after, both), n_segments, weights[:, both]))
            in_worlds = [
                agreement(*_segments(each, before, after, both), n_segments, weights[:, both]) for _, each in worlds
            ]
            unmoved.append(mean_agreement(in_worlds))
        periods, ceiling = mean_agreement(here), mean_agreement(unmoved)
        size = {"n_pairs": len(pairs), "n_households": round(float(np.mean(sizes)))}
        values = {
            STAYING: periods.staying,
            STAYING + CEILING: ceiling.staying,
            ARI: periods.ari,
            ARI + CEILING: ceiling.ari,
        }
        values[NOISE_SHARE] = noise_share(periods, ceiling)
        rows += [_row(label, kind, name, each, confidence, size) for name, each in values.items()]
    if move is not None:
        both = trail.seen[move.before] & trail.seen[move.after]
        total = weights[:, both].sum(axis=1)
        levels = move.borders.levels(trail.baskets)
        moved = weights[:, both] @ move.of(trail.scores, levels, smoothed)[both] / total
        still = [weights[:, both] @ move.of(scores, levels, each)[both] / total for scores, each in worlds]
        noise = np.mean(still, axis=0)
        size = {"n_pairs": 1, "n_households": int(both.sum())}
        rows += [
            _row(label, True, name, each, confidence, size) for name, each in ((MOVED, moved), (MOVED_BY_NOISE, noise))
        ]
    return rows


def _segments(smoothed: Smoothed, before: int, after: int, both: np.ndarray) -> tuple[Codes, Codes]:
    return smoothed.segments[before, both], smoothed.segments[after, both]


def _row(label: str, apart: bool, measure: str, values: Array, confidence: float, size: dict[str, int]) -> Row:
    estimate, lower, upper = interval(values, confidence)
    ends = {"estimate": estimate, "ci_lower": lower, "ci_upper": upper}
    return {"label": label, "apart": apart, "measure": measure, **size, **ends}
