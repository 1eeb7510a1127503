"""The same need next month: a refit is matched to the run before, and a need that is the same keeps its name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dunnhumby_pipeline.contracts.names import Level
from dunnhumby_pipeline.segmentation.needs.layers import Layer
from dunnhumby_pipeline.segmentation.needs.names import NeedNames, names_by_rule
from dunnhumby_pipeline.segmentation.needs.store import NeedModel

Array = NDArray[np.float64]
KEPT = "the run before"


@dataclass(frozen=True)
class Identity:
    """`names` of the needs of a level, in order; `table`: need, named_by, described_as, previous_need, similarity,
    kept, reason, a row each."""

    names: tuple[str, ...]
    table: pd.DataFrame


def on_goods(loadings: Array, before: tuple[str, ...], now: tuple[str, ...]) -> Array:
    """Loadings (k, p) on the goods `before` as loadings on those of `now`: 0 on what is new; what is gone is left."""
    place = {name: column for column, name in enumerate(before)}
    found = np.zeros((len(loadings), len(now)))
    for column, name in enumerate(now):
        if name in place:
            found[:, column] = loadings[:, place[name]]
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(lengths > 0, lengths, 1.0))


def identify_needs(
    layer: Layer,
    level: Level,
    goods: tuple[str, ...],
    own: list[dict[str, float]],
    names: NeedNames,
    min_match: float,
    previous: NeedModel | None,
    min_similarity: float,
    without: str,
) -> Identity:
    """Names for the needs of a layer: those of the run before where it is the same need, else by rule.

    Needs are matched one to one for the largest sum of cosines of their loadings on the goods that both runs know;
    a pair of at least `min_similarity` is the same need and keeps its name, unless the file of names has changed since:
    then all are named by it. `own`: lift of the commodities of each need. `without`: why there is no run before.
    """
    described = names_by_rule(own, names, level, min_match)
    k = len(layer.loadings)
    similarity, match = np.zeros((k, 0)), {}
    was: tuple[str, ...] = ()
    if previous is not None and level in previous.layers:
        was = previous.names[level]
        similarity = layer.loadings @ on_goods(previous.layers[level].loadings, previous.goods.names, goods).T
        match = dict(zip(*map(np.ndarray.tolist, linear_sum_assignment(-similarity)), strict=True))
    same = {row for row, column in match.items() if similarity[row, column] >= min_similarity}
    renamed = previous is not None and previous.names_fingerprint != names.fingerprint
    kept = set() if renamed else same
    taken = [] if renamed else [was[match[row]] for row in sorted(kept)]
    fresh_rows = [row for row in range(k) if row not in kept]
    fresh = dict(
        zip(fresh_rows, names_by_rule([own[row] for row in fresh_rows], names, level, min_match, taken), strict=True)
    )
    rows = []
    for row in range(k):
        alike = float(similarity[row, match[row]]) if row in match else np.nan
        name = was[match[row]] if row in kept else fresh[row].name
        reason = (
            without or "the run before had no such level"
            if not was
            else f"cosine of {alike:.2f} with its match"
            + (
                ""
                if row in kept
                else ", but the file of names has changed"
                if row in same
                else f" is under {min_similarity:g}"
            )
            if row in match
            else "more needs than before"
        )
        rows.append(
            {
                "need": name,
                "named_by": KEPT if row in kept else fresh[row].by,
                "described_as": described[row].name,
                "previous_need": was[match[row]] if row in match else None,
                "similarity": alike,
                "kept": row in kept,
                "reason": reason,
            }
        )
    table = pd.DataFrame(rows)
    return Identity(tuple(table["need"]), table)
